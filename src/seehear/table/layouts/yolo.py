"""YOLO: images/PART/a.jpg beside labels/PART/a.txt, whose lines are `class x y width height` in shares of the sides.

https://docs.ultralytics.com/datasets/detect. A missing or empty text says that there is nothing in the picture. What
else stands in a line is told by yolo_lines.
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
from seehear.table.layouts.outline_cells import WITHOUT, make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.layouts.yolo_folders import find_labelled_pictures, read_class_names
from seehear.table.layouts.yolo_lines import KeyPoints, Line, infer_key_points, parse_line
from seehear.table.rows import RowProblem

_TABLES = (".yaml", ".yml")
_LARGEST_TABLE_BYTES = 1 << 20
_EXPECTED = ("data", "dataset")  # what the table is called; other files in YAML may be anything
_MOST_DIGITS = 5  # of the number of a class
_LOOKED_AT = 20  # lines of a list by which it is told from where they name pictures


@dataclass
class _Pictures:
    """Columns as they grow, and what could not be an example."""

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[NDArray[np.float64]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    things: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)
    textless: int = 0


def read_yolo(place: Path) -> RawTable | None:
    """A data.yaml, a folder with one, or one with pictures, their texts and classes.txt; None for any other."""
    root = place if place.is_dir() else place.parent
    found, notes = _Pictures(), list[str]()
    table = _table(place)
    if table is not None:
        classes, pictures = _classes(table[1], table[0]), _listed(root, table[1], table[0], found.problems)
    else:
        pictures = find_labelled_pictures(place, notes) if place.is_dir() else []
        if not pictures:
            return None
        classes = read_class_names(place)
    sizes = read_sizes_px(root, [file for file, _ in pictures])
    for (file, part), size_px in zip(pictures, sizes, strict=True):
        _read(root, file, part, size_px, found)
    name, told = table or ("", {})
    points = infer_key_points(told, name, found.lines)
    _draw(found, points, classes)
    own_px = np.array(found.size_px).reshape(-1, 2)
    return RawTable(
        root,
        make_text_table({"image": found.image}),
        part=pa.chunked_array([pa.array(found.part, pa.large_string())]),
        problems=tuple(found.problems),
        notes=(*notes, *_sentences(classes, found, points)),
        missing_answer=WITHOUT,
        lazy_answers=make_lazy_answers(found.things, lambda: ImageSizes(own_px, own_px), classes),
    )


def _table(place: Path) -> tuple[str, dict[str, Any]] | None:
    """The name and content of the yaml that names classes; None where there is none."""
    names = [place.name] if place.is_file() else list_visible(place)[1] if place.is_dir() else []
    root = place if place.is_dir() else place.parent
    for name in names:
        if name.lower().endswith(_TABLES):
            try:
                told = _parsed(root / name, name)
            except DataError:
                if place.is_file() or Path(name).stem.lower() in _EXPECTED:
                    raise
                continue
            if isinstance(told, dict) and "names" in told and {"train", "val", "test"} & set(told):
                return name, told
    return None


def _parsed(file: Path, name: str) -> Any:
    """Lists, objects and texts as they are written: `no` is the name of a class, not what YAML 1.1 takes it for.

    Raises DataError for what is not YAML, and for aliases, by which a few bytes stand for gigabytes.
    """
    text = read_text(file, name, _LARGEST_TABLE_BYTES)
    try:
        return yaml.load(text, Loader=_WithoutAliases)
    except DataError as error:
        raise error.at(name) from None
    except (yaml.YAMLError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(f"not YAML: {first}", where=name) from None


class _WithoutAliases(yaml.BaseLoader):  # type: ignore[misc]
    """Gives texts, lists and objects alone, each written out where it stands."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()
            what = f"line {alias.start_mark.line + 1} has an alias (*{alias.anchor[:40]}), and aliases are not read"
            raise DataError(what, hint="write out what it stands for")
        return super().compose_node(parent, index)


def _classes(told: Mapping[str, Any], name: str) -> list[str]:
    """Names by number; "" for a number without one."""
    names = told["names"]
    if isinstance(names, list) and all(isinstance(each, str) for each in names):
        return list(names)
    numbers = isinstance(names, dict) and all(key.isdecimal() and len(key) <= _MOST_DIGITS for key in names)
    if names and numbers and all(isinstance(each, str) for each in names.values()):
        numbered = {int(key): each for key, each in names.items()}
        return [numbered.get(number, "") for number in range(max(numbered) + 1)]
    raise DataError("'names' is neither a list of names nor names by number", where=name, hint="names: [cat, dog]")


def _listed(root: Path, told: Mapping[str, Any], name: str, problems: list[RowProblem]) -> list[tuple[str, str]]:
    """Pictures with their parts, from folders or lists of them. Paths of another machine are looked for here.

    Raises DataError where nothing that it names is there; some of it that is not there is a problem.
    """
    path = str(told.get("path") or "").removeprefix("./").rstrip("/")
    base = f"{path}/" if path else ""
    found: list[tuple[str, str]] = []
    missing: list[RowProblem] = []
    for part in ("train", "val", "test"):
        given = told.get(part) or []
        for each in given if isinstance(given, list) else [given]:
            wished = str(each).replace("\\", "/")
            tried = [base + wished, wished, wished.removeprefix("../"), f"images/{part}"]
            allowed = [path.removeprefix("./") for path in tried if is_within_boundary(root / path)]
            there = next((path for path in allowed if path_exists(root / path)), None)
            if there is None:
                inside = is_within_boundary(root / wished)
                what = f"no folder {wished!r}" if inside else f"{wished!r} points outside the archive"
                missing.append(RowProblem(name, f"{part}: {what}", "name it relative to this file"))
            else:
                files = _in_list(root, there, base) if is_file(root / there) else walk_pictures(root, there)
                for file in files:
                    if is_within_boundary(root / file):
                        found.append((file, part))
                    else:
                        problems.append(RowProblem(there, f"{file!r} points outside the archive"))
    if missing and not found:
        raise DataError(missing[0].what, where=name, hint=missing[0].hint)
    problems += missing
    return found


def _in_list(root: Path, name: str, base: str) -> list[str]:
    """The pictures that a list names: from where it lies, from `path`, or from where the yaml lies."""
    lines = (line.strip().removeprefix("./") for line in read_lines(root / name, name))
    files = [line for line in lines if line]

    def is_above(folder: str) -> bool:
        return any(is_file(root / (folder + file)) for file in files[:_LOOKED_AT])

    beside = name[: name.rfind("/") + 1]
    above = next(filter(is_above, (beside, base, "")), beside)
    return [above + file for file in files]


def _read(root: Path, file: str, part: str, size_px: NDArray[np.float64], found: _Pictures) -> None:
    """One picture becomes one row with the lines of its text, or a problem."""
    text = _text_of(root, file)
    try:
        lines = [] if text is None else read_lines(root / text, text)
    except DataError as error:
        found.problems.append(RowProblem.of(error, text or file))
        return
    found.textless += text is None
    row = len(found.image)
    found.image.append(file)
    found.part.append(part)
    found.size_px.append(size_px)
    told = ((f"{text} line {number}", line) for number, line in enumerate(lines, 1) if line.strip())
    found.lines += [Line.of(row, where, line) for where, line in told]


def _draw(found: _Pictures, points: KeyPoints | None, classes: Sequence[str]) -> None:
    """The lines of all pictures become things, or problems."""
    for line in found.lines:
        drawn = parse_line(line, points, classes, found.size_px[line.row])
        if isinstance(drawn, str):
            found.problems.append(RowProblem(line.where, f"{drawn}: left out"))
        else:
            label, xyxy, region = drawn
            found.things.add(line.row, label, xyxy, line.where, region=region)


def _text_of(root: Path, file: str) -> str | None:
    """The last images/ becomes labels/; or the text lies beside the picture."""
    beside = file.rpartition(".")[0] + ".txt"
    before, images, after = f"/{beside}".rpartition("/images/")
    tried = [f"{before}/labels/{after}".lstrip("/"), beside] if images else [beside]
    return next((text for text in tried if is_file(root / text)), None)


def _sentences(classes: Sequence[str], found: _Pictures, points: KeyPoints | None) -> Iterator[str]:
    boxes, pictures = format_count(len(found.things.label), "box"), format_count(len(found.image), "picture")
    yield f"YOLO: {boxes} of {format_count(len(classes), 'class')} in {pictures}"
    if points is not None:
        yield f"{format_count(points.count, 'key point')} after each box: not used"
    if found.textless:
        yield f"{format_count(found.textless, 'picture')} without a label file: read as containing no objects"
