"""COCO: a JSON file of images, categories and annotations, for all pictures or for each part:

    {"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
     "categories": [{"id": 3, "name": "cat"}],
     "annotations": [{"image_id": 1, "category_id": 3, "bbox": [12, 40, 199, 91]}]}

`bbox` is x, y, width and height. `iscrowd` marks a group that was not annotated one by one. With outlines
(`segmentation`), masks can be the answer too.
Source: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.table.file_checks import is_file
from seehear.table.layouts.annotation_files import find_annotation_files, parse_size_px, read_beginning, read_json
from seehear.table.layouts.box_cells import Annotations, parse_xywh
from seehear.table.layouts.image_sizes import reconcile_sizes
from seehear.table.layouts.outline_cells import CANNOT_DRAW, make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.parts import find_part_in_name
from seehear.table.rows import RowProblem

_KEYS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[\s*[{\]]')  # keys of lists of objects
_INSTANCES = "instances"  # COCO itself has files of captions and key points beside these
_SAMPLED = 20  # file names sampled to find the folder of the pictures


@dataclass
class _Pictures:
    """The columns so far, and what could not become an example."""

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    annotations: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)


def read_coco(place: Path) -> RawTable | None:
    """Read such a file, or a folder with one, with one for each part, or with them in annotations/; None for others."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_coco, notes, preferred=_INSTANCES)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    images = _Pictures()
    for name, part in files:
        _read(root, name, part, images)
    sizes = partial(reconcile_sizes, root, images.image, images.size_px)
    return RawTable(
        root,
        make_text_table({"image": images.image}),
        part=pa.chunked_array([pa.array(images.part, pa.large_string())]),
        problems=tuple(images.problems),
        notes=(*notes, *_describe(files, images)),
        missing_answer=CANNOT_DRAW,
        lazy_answers=make_lazy_answers(images.annotations, sizes, sorted(images.classes)),
    )


def _is_coco(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return False
    beginning = read_beginning(file)
    return beginning.startswith(b"{") and _KEYS.search(beginning) is not None


def _read(root: Path, name: str, part: str, images: _Pictures) -> None:
    content = _parsed(root / name, name)
    labels = {each.get("id"): str(each.get("name") or "").strip() for each in content["categories"] if _is_id(each)}
    files = [str(each.get("file_name") or "") for each in content["images"]]
    folder = _folder(root, name, files)
    images.classes.update(labels.values())
    counts = Counter(each["id"] for each in content["images"] if _is_id(each))
    rows: dict[Any, int] = {}
    for number, (each, file) in enumerate(zip(content["images"], files, strict=True), 1):
        if what := _check_image(each, file, counts):
            images.problems.append(RowProblem(f"{name} image {number}", what))
            continue
        rows[each["id"]] = len(images.image)
        images.image.append(folder + file.replace("\\", "/"))
        images.part.append(part)
        images.size_px.append(parse_size_px(each.get("width"), each.get("height")))
    for number, each in enumerate(content["annotations"], 1):
        place = f"{name} annotation {each.get('id', number)}"
        image = each.get("image_id") if _is_id(each, "image_id") else None
        category = each.get("category_id")
        if (row := rows.get(image)) is None:
            what = "its image is left out" if image in counts else f"no image has the id {each.get('image_id')!r}"
            images.problems.append(RowProblem(place, what))
        elif not _is_id(each, "category_id") or category not in labels:
            images.problems.append(RowProblem(place, f"no category has the id {category!r}"))
        else:
            images.annotations.add(
                *(row, labels[category], parse_xywh(each.get("bbox")), place),
                region=each.get("segmentation"),
                crowd=bool(each.get("iscrowd")),
            )


def _check_image(image: dict[str, Any], file: str, counts: Mapping[Any, int]) -> str:
    """What is wrong with an entry of `images`, given how often each id occurs; "" if nothing."""
    if not file:
        return "it names no file"
    if not _is_id(image):
        return "its id is neither a number nor text"
    return "another picture has the same id" if counts[image["id"]] > 1 else ""


def _is_id(content: dict[str, Any], key: str = "id") -> bool:
    """Whether it has an id. Some programs write the same id as 7 and as 7.0."""
    return isinstance(content.get(key), int | float | str)


def _parsed(file: Path, name: str) -> dict[str, list[dict[str, Any]]]:
    """Its three lists of objects. Raises DataError if the file is too large or has another structure."""
    content = read_json(file, name)
    lists = {
        key: content.get(key, []) if isinstance(content, dict) else None
        for key in ("images", "annotations", "categories")
    }
    for key, each in lists.items():
        if not isinstance(each, list) or not all(isinstance(one, dict) for one in each):
            raise DataError(
                f"{key!r} is not a list of objects", where=name, hint="see https://cocodataset.org/#format-data"
            )
    return {key: each or [] for key, each in lists.items()}


def _folder(root: Path, name: str, files: Sequence[str]) -> str:
    """Find the pictures of a file: beside it, above it, or in a folder named for pictures, for it or for its part."""
    here = name.rpartition("/")[0]
    stem = Path(name).stem.removeprefix(f"{_INSTANCES}_")
    above = here.rpartition("/")[0]
    folders = [
        here,
        *(_join_folders(base, folder) for base in dict.fromkeys([above, here]) for folder in _folders_for(stem)),
    ]
    sampled = files[:: max(1, len(files) // _SAMPLED)]
    prefixes = [f"{folder}/" if folder else "" for folder in folders]
    return max(prefixes, key=lambda prefix: sum(is_file(root / (prefix + file)) for file in sampled))


def _folders_for(stem: str) -> list[str]:
    part = find_part_in_name(re.sub(r"\d+", "", stem))
    words = [word for word in dict.fromkeys([stem, part]) if word]
    return ["", "images", *(f"images/{word}" for word in words), *words, *(f"{word}/images" for word in words)]


def _join_folders(base: str, folder: str) -> str:
    return f"{base}/{folder}" if base and folder else base or folder


def _describe(files: Sequence[tuple[str, str]], images: _Pictures) -> Iterator[str]:
    named = ", ".join(name for name, _ in files)
    outlined = f", {images.annotations.outlined:,} with an outline," if images.annotations.outlined else ""
    boxes, pictures = format_count(len(images.annotations.label), "box"), format_count(len(images.image), "picture")
    yield f"COCO: {boxes}{outlined} in {pictures}, from {named}"
