"""YOLO: images/PART/a.jpg with labels/PART/a.txt, and a data.yaml with the names of classes:

    names: [cat, dog]                data.yaml
    train: images/train
    0 0.5 0.5 0.2 0.1                a.txt: class, then centre x, y, width, height relative to the picture

A missing or empty label file means that nothing is in the picture. `yolo_lines` reads other kinds of lines.
Source: https://docs.ultralytics.com/datasets/detect
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.table.directories import is_within_boundary, list_visible, walk_pictures
from seehear.table.encoding import read_lines, read_text
from seehear.table.file_checks import is_file, path_exists
from seehear.table.layouts.box_cells import Annotations
from seehear.table.layouts.image_sizes import ImageSizes, read_sizes_px
from seehear.table.layouts.outline_cells import CANNOT_DRAW, make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.layouts.yolo_folders import find_labelled_pictures, read_class_names
from seehear.table.layouts.yolo_lines import KeyPoints, Line, infer_key_points, parse_line
from seehear.table.rows import RowProblem

_EXTENSIONS = (".yaml", ".yml")
_LARGEST_CONFIG_BYTES = 1 << 20
_CONFIG_NAMES = ("data", "dataset")  # usual names; other YAML files may hold anything
_MOST_DIGITS = 5  # of a class number
_SAMPLED = 20  # lines of a list sampled to find what its paths are relative to


@dataclass
class _Pictures:
    """The columns so far, and what could not become an example."""

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[NDArray[np.float64]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    annotations: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)
    without_labels: int = 0


def read_yolo(place: Path) -> RawTable | None:
    """Read a data.yaml, a folder with one, or one with pictures, label files and classes.txt; None for others."""
    root = place if place.is_dir() else place.parent
    images, notes = _Pictures(), list[str]()
    name, config = _find_config(place) or ("", {})
    if config:
        classes, pictures = _class_names(config, name), _find_pictures(root, config, name, images.problems)
    else:
        pictures = find_labelled_pictures(place, notes) if place.is_dir() else []
        if not pictures:
            return None
        classes = read_class_names(place)
    sizes = read_sizes_px(root, [file for file, _ in pictures])
    for (file, part), size_px in zip(pictures, sizes, strict=True):
        _read(root, file, part, size_px, images)
    key_points = infer_key_points(config, name, images.lines)
    _add_annotations(images, key_points, classes)
    own_px = np.array(images.size_px).reshape(-1, 2)
    return RawTable(
        root,
        make_text_table({"image": images.image}),
        part=pa.chunked_array([pa.array(images.part, pa.large_string())]),
        problems=tuple(images.problems),
        notes=(*notes, *_describe(classes, images, key_points)),
        missing_answer=CANNOT_DRAW,
        lazy_answers=make_lazy_answers(images.annotations, lambda: ImageSizes(own_px, own_px), classes),
    )


def _find_config(place: Path) -> tuple[str, dict[str, Any]] | None:
    """(name, content) of the YAML file with class names; None if there is none."""
    names = [place.name] if place.is_file() else list_visible(place)[1] if place.is_dir() else []
    root = place if place.is_dir() else place.parent
    for name in names:
        if name.lower().endswith(_EXTENSIONS):
            try:
                config = _parsed(root / name, name)
            except DataError:
                if place.is_file() or Path(name).stem.lower() in _CONFIG_NAMES:
                    raise
                continue
            if isinstance(config, dict) and "names" in config and {"train", "val", "test"} & set(config):
                return name, config
    return None


def _parsed(file: Path, name: str) -> Any:
    """Lists, objects and texts as written: `no` is the name of a class, not the boolean of YAML 1.1.

    Raises DataError if the file is not YAML, or has aliases, by which a few bytes can stand for gigabytes.
    """
    label_file = read_text(file, name, _LARGEST_CONFIG_BYTES)
    try:
        return yaml.load(label_file, Loader=_WithoutAliases)
    except DataError as error:
        raise error.at(name) from None
    except (yaml.YAMLError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"not YAML: {first}", where=name) from None


class _WithoutAliases(yaml.BaseLoader):  # type: ignore[misc]
    """Loads texts, lists and objects only, and refuses aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()
            what = f"line {alias.start_mark.line + 1} has an alias (*{alias.anchor[:40]}), and aliases are not read"
            raise DataError(what, hint="write out what it stands for")
        return super().compose_node(parent, index)


def _class_names(config: Mapping[str, Any], name: str) -> list[str]:
    """Names by number; "" for a number without one."""
    names = config["names"]
    if isinstance(names, list) and all(isinstance(each, str) for each in names):
        return list(names)
    numbers = isinstance(names, dict) and all(key.isdecimal() and len(key) <= _MOST_DIGITS for key in names)
    if names and numbers and all(isinstance(each, str) for each in names.values()):
        numbered = {int(key): each for key, each in names.items()}
        return [numbered.get(number, "") for number in range(max(numbered) + 1)]
    raise DataError("'names' is neither a list of names nor names by number", where=name, hint="names: [cat, dog]")


def _find_pictures(
    root: Path, config: Mapping[str, Any], name: str, problems: list[RowProblem]
) -> list[tuple[str, str]]:
    """Pictures with their parts, from folders or lists of files. Paths of another machine are looked for here.

    Raises DataError if none of them exists; if only some are missing, they become problems.
    """
    path = str(config.get("path") or "").removeprefix("./").rstrip("/")
    base = f"{path}/" if path else ""
    pictures: list[tuple[str, str]] = []
    missing: list[RowProblem] = []
    for part in ("train", "val", "test"):
        given = config.get(part) or []
        for each in given if isinstance(given, list) else [given]:
            given_path = str(each).replace("\\", "/")
            found = _locate(root, given_path, base, part)
            if found is None:
                inside = is_within_boundary(root / given_path)
                what = f"no folder {given_path!r}" if inside else f"{given_path!r} points outside the archive"
                missing.append(RowProblem(name, f"{part}: {what}", "name it relative to this file"))
                continue
            files = _read_list(root, found, base) if is_file(root / found) else list(walk_pictures(root, found))
            outside = dict.fromkeys(file for file in files if not is_within_boundary(root / file))
            problems += (RowProblem(found, f"{file!r} points outside the archive") for file in outside)
            pictures += ((file, part) for file in files if file not in outside)
    if missing and not pictures:
        raise DataError(missing[0].what, where=name, hint=missing[0].hint)
    problems += missing
    return pictures


def _locate(root: Path, path: str, base: str, part: str) -> str | None:
    """The folder or list that a path means here, relative to root; None if there is none within the boundary."""
    candidates = [base + path, path, path.removeprefix("../"), f"images/{part}"]
    allowed = (each.removeprefix("./") for each in candidates if is_within_boundary(root / each))
    return next((each for each in allowed if path_exists(root / each)), None)


def _read_list(root: Path, name: str, base: str) -> list[str]:
    """The pictures in a list, relative to the list, to `path`, or to the YAML file."""
    lines = (line.strip().removeprefix("./") for line in read_lines(root / name, name))
    files = [line for line in lines if line]

    def is_base(folder: str) -> bool:
        return any(is_file(root / (folder + file)) for file in files[:_SAMPLED])

    own_folder = name[: name.rfind("/") + 1]
    base = next(filter(is_base, (own_folder, base, "")), own_folder)
    return [base + file for file in files]


def _read(root: Path, file: str, part: str, size_px: NDArray[np.float64], images: _Pictures) -> None:
    """One picture becomes a row with the lines of its label file, or a problem."""
    label_file = _find_label_file(root, file)
    try:
        lines = [] if label_file is None else read_lines(root / label_file, label_file)
    except DataError as error:
        images.problems.append(RowProblem.of(error, label_file or file))
        return
    images.without_labels += label_file is None
    row = len(images.image)
    images.image.append(file)
    images.part.append(part)
    images.size_px.append(size_px)
    config = ((f"{label_file} line {number}", line) for number, line in enumerate(lines, 1) if line.strip())
    images.lines += [Line.of(row, where, line) for where, line in config]


def _add_annotations(images: _Pictures, key_points: KeyPoints | None, classes: Sequence[str]) -> None:
    """The lines of all pictures become annotations, or problems."""
    for line in images.lines:
        parsed = parse_line(line, key_points, classes, images.size_px[line.row])
        if isinstance(parsed, str):
            images.problems.append(RowProblem(line.where, f"{parsed}: left out"))
        else:
            label, xyxy, region = parsed
            images.annotations.add(line.row, label, xyxy, line.where, region=region)


def _find_label_file(root: Path, file: str) -> str | None:
    """The last images/ becomes labels/; or the label file is beside the picture."""
    own_folder = file.rpartition(".")[0] + ".txt"
    before, images, after = f"/{own_folder}".rpartition("/images/")
    candidates = [f"{before}/labels/{after}".lstrip("/"), own_folder] if images else [own_folder]
    return next((label_file for label_file in candidates if is_file(root / label_file)), None)


def _describe(classes: Sequence[str], images: _Pictures, key_points: KeyPoints | None) -> Iterator[str]:
    boxes, pictures = format_count(len(images.annotations.label), "box"), format_count(len(images.image), "picture")
    yield f"YOLO: {boxes} of {format_count(len(classes), 'class')} in {pictures}"
    if key_points is not None:
        yield f"{format_count(key_points.count, 'key point')} after each box: not used"
    if images.without_labels:
        yield f"{format_count(images.without_labels, 'picture')} without a label file: read as containing no objects"
