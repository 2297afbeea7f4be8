"""COCO: one json of images, categories and annotations, for all or for each part; boxes are x, y, width, height.

https://cocodataset.org/#format-data. What is `iscrowd` holds many that were not drawn one by one. Where there are
outlines (`segmentation`) they are an answer too.
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
from seehear.table.layouts.outline_cells import WITHOUT, make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.parts import find_part_in_name
from seehear.table.rows import RowProblem

_KEYS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[\s*[{\]]')  # lists of objects
_INSTANCES = "instances"  # COCO's own lie beside tables of captions and of joints
_LOOKED_AT = 20  # file names by which the folder of the pictures is told


@dataclass
class _Pictures:
    """Columns as they grow, and what could not be an example."""

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    things: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)


def read_coco(place: Path) -> RawTable | None:
    """Such a json, or a folder with one, with one for each part, or with them in annotations/; None for any other."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_coco, notes, preferred=_INSTANCES)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    found = _Pictures()
    for name, part in files:
        _read(root, name, part, found)
    sizes = partial(reconcile_sizes, root, found.image, found.size_px)
    return RawTable(
        root,
        make_text_table({"image": found.image}),
        part=pa.chunked_array([pa.array(found.part, pa.large_string())]),
        problems=tuple(found.problems),
        notes=(*notes, *_sentences(files, found)),
        missing_answer=WITHOUT,
        lazy_answers=make_lazy_answers(found.things, sizes, sorted(found.classes)),
    )


def _is_coco(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return False
    beginning = read_beginning(file)
    return beginning.startswith(b"{") and _KEYS.search(beginning) is not None


def _read(root: Path, name: str, part: str, found: _Pictures) -> None:
    told = _parsed(root / name, name)
    labels = {each.get("id"): str(each.get("name") or "").strip() for each in told["categories"] if _is_id(each)}
    files = [str(each.get("file_name") or "") for each in told["images"]]
    folder = _folder(root, name, files)
    found.classes.update(labels.values())
    times = Counter(each["id"] for each in told["images"] if _is_id(each))
    rows: dict[Any, int] = {}
    for number, (each, file) in enumerate(zip(told["images"], files, strict=True), 1):
        if what := _unusable(each, file, times):
            found.problems.append(RowProblem(f"{name} image {number}", what))
            continue
        rows[each["id"]] = len(found.image)
        found.image.append(folder + file.replace("\\", "/"))
        found.part.append(part)
        found.size_px.append(parse_size_px(each.get("width"), each.get("height")))
    for number, each in enumerate(told["annotations"], 1):
        place = f"{name} annotation {each.get('id', number)}"
        image = each.get("image_id") if _is_id(each, "image_id") else None
        category = each.get("category_id")
        if (row := rows.get(image)) is None:
            what = "its image is left out" if image in times else f"no image has the id {each.get('image_id')!r}"
            found.problems.append(RowProblem(place, what))
        elif not _is_id(each, "category_id") or category not in labels:
            found.problems.append(RowProblem(place, f"no category has the id {category!r}"))
        else:
            found.things.add(
                *(row, labels[category], parse_xywh(each.get("bbox")), place),
                region=each.get("segmentation"),
                crowd=bool(each.get("iscrowd")),
            )


def _unusable(image: dict[str, Any], file: str, times: Mapping[Any, int]) -> str:
    """What is wrong with a picture, by how many there are of each id; "" for nothing."""
    if not file:
        return "it names no file"
    if not _is_id(image):
        return "its id is neither a number nor text"
    return "another picture has the same id" if times[image["id"]] > 1 else ""


def _is_id(told: dict[str, Any], key: str = "id") -> bool:
    """Whether it has one; programs write the same one as 7 or 7.0."""
    return isinstance(told.get(key), int | float | str)


def _parsed(file: Path, name: str) -> dict[str, list[dict[str, Any]]]:
    """Its three lists, of objects alone. Raises DataError for what is too large or no such json."""
    told = read_json(file, name)
    lists = {
        key: told.get(key, []) if isinstance(told, dict) else None for key in ("images", "annotations", "categories")
    }
    for key, each in lists.items():
        if not isinstance(each, list) or not all(isinstance(one, dict) for one in each):
            raise DataError(
                f"{key!r} is not a list of objects", where=name, hint="see https://cocodataset.org/#format-data"
            )
    return {key: each or [] for key, each in lists.items()}


def _folder(root: Path, name: str, files: Sequence[str]) -> str:
    """Where the pictures lie that a json names: beside it, above it, or in a folder that is named for them or it."""
    here = name.rpartition("/")[0]
    stem = Path(name).stem.removeprefix(f"{_INSTANCES}_")
    above = here.rpartition("/")[0]
    folders = [here, *(_joined(base, folder) for base in dict.fromkeys([above, here]) for folder in _named_for(stem))]
    looked = files[:: max(1, len(files) // _LOOKED_AT)]
    prefixes = [f"{folder}/" if folder else "" for folder in folders]
    return max(prefixes, key=lambda prefix: sum(is_file(root / (prefix + file)) for file in looked))


def _named_for(stem: str) -> list[str]:
    part = find_part_in_name(re.sub(r"\d+", "", stem))
    words = [word for word in dict.fromkeys([stem, part]) if word]
    return ["", "images", *(f"images/{word}" for word in words), *words, *(f"{word}/images" for word in words)]


def _joined(base: str, folder: str) -> str:
    return f"{base}/{folder}" if base and folder else base or folder


def _sentences(files: Sequence[tuple[str, str]], found: _Pictures) -> Iterator[str]:
    named = ", ".join(name for name, _ in files)
    outlined = f", {found.things.outlined:,} with an outline," if found.things.outlined else ""
    boxes, pictures = format_count(len(found.things.label), "box"), format_count(len(found.image), "picture")
    yield f"COCO: {boxes}{outlined} in {pictures}, from {named}"
