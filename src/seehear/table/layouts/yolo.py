"""YOLO: images/PART/a.jpg beside labels/PART/a.txt, whose lines are `class x y width height` in shares of the sides.

https://docs.ultralytics.com/datasets/detect. A missing or empty text says that there is nothing in the picture. Lines
of a class and three or more corners outline a thing: the box is what holds it.
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

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.encoding import read_lines, read_text
from seehear.table.layouts.box_cells import Drawn
from seehear.table.layouts.found import Found, files_below, text_table, visible
from seehear.table.layouts.outline_cells import WITHOUT, drawn_answers
from seehear.table.layouts.picture_sizes import sizes_px
from seehear.table.media import is_text
from seehear.table.parts import part_of
from seehear.table.rows import Problem

_TABLES = (".yaml", ".yml")
_LARGEST_TABLE_BYTES = 1 << 20
_NAMES = ("classes.txt", "labels/classes.txt", "obj.names")
_NOT_LABELS = {"classes.txt", "train.txt", "val.txt", "test.txt"}


@dataclass
class _Pictures:
    """Columns as they grow, and what could not be an example."""

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    textless: int = 0


def yolo(place: Path) -> Found | None:
    """A data.yaml, a folder with one, or one with images/, labels/ and classes.txt; None for any other."""
    root = place if place.is_dir() else place.parent
    table = _table(place)
    if table is not None:
        classes, folders = _classes(table[1], table[0]), _folders(root, table[1], table[0])
    else:
        names = next((name for name in _NAMES if (root / name).is_file()), None)
        if not place.is_dir() or names is None or not {"images", "labels"} <= set(visible(place)[0]):
            return None
        classes = [line.strip() for line in read_lines(place / names, names) if line.strip()]
        folders = _parts_of(place)
    found, things = _Pictures(), Drawn()
    for folder, part in folders:
        for file in _pictures(root, folder):
            found.image.append(file)
            found.part.append(part)
    sizes = sizes_px(root, found.image)
    for row, file in enumerate(found.image):
        _read(root, file, (row, sizes[row]), classes, things, found)
    return Found(
        root,
        text_table({"image": found.image}),
        part=pa.chunked_array([pa.array(found.part, pa.large_string())]),
        problems=tuple(found.problems),
        said=tuple(_sentences(classes, things, found)),
        without=WITHOUT,
        later=drawn_answers(things, root, found.image, sizes, classes),
    )


def _table(place: Path) -> tuple[str, dict[str, Any]] | None:
    """The name and content of the yaml that names classes; None where there is none."""
    names = [place.name] if place.is_file() else visible(place)[1] if place.is_dir() else []
    root = place if place.is_dir() else place.parent
    for name in names:
        if name.lower().endswith(_TABLES) and (root / name).stat().st_size <= _LARGEST_TABLE_BYTES:
            try:
                told = yaml.safe_load(read_text(root / name, name))
            except (yaml.YAMLError, RecursionError, ValueError) as error:
                first = str(error).partition("\n")[0]
                raise DataError(f"not YAML: {first}", where=name) from None
            if isinstance(told, dict) and "names" in told and {"train", "val", "test"} & set(told):
                return name, told
    return None


def _classes(told: Mapping[str, Any], name: str) -> list[str]:
    """Names by number; "" for a number without one."""
    names = told["names"]
    if isinstance(names, list):
        return [str(each) for each in names]
    if isinstance(names, dict) and names and all(isinstance(key, int) and 0 <= key < 100_000 for key in names):
        return [str(names.get(number, "")) for number in range(max(names) + 1)]
    raise DataError("'names' is neither a list nor names by number", where=name, hint="names: [cat, dog]")


def _folders(root: Path, told: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """Folders of pictures, or lists of them, with their parts. Paths of another machine are looked for here."""
    base = str(told.get("path") or "")
    found: list[tuple[str, str]] = []
    for part in ("train", "val", "test"):
        given = told.get(part) or []
        for each in given if isinstance(given, list) else [given]:
            wished = str(each).replace("\\", "/")
            tried = [f"{base}/{wished}" if base else wished, wished, wished.removeprefix("../"), f"images/{part}"]
            tried = [path for path in tried if (root / path).exists()]
            if not tried:
                raise DataError(f"{part}: no folder {wished!r}", where=name, hint="name it relative to this file")
            found.append((tried[0].removeprefix("./"), part))
    return found


def _parts_of(place: Path) -> list[tuple[str, str]]:
    folders, files = visible(place / "images")
    if not files and folders and all(map(part_of, folders)):
        return [(f"images/{folder}", part_of(folder)) for folder in folders]
    return [("images", "")]


def _pictures(root: Path, folder: str) -> Iterator[str]:
    if (root / folder).is_file():
        for line in read_lines(root / folder, folder):
            if line.strip():
                yield line.strip().removeprefix("./")
        return
    yield from (file for file in files_below(root, folder) if medium_of(file) == "picture" and is_text(file))


def _read(
    root: Path,
    file: str,
    picture: tuple[int, NDArray[np.float64]],
    classes: Sequence[str],
    things: Drawn,
    found: _Pictures,
) -> None:
    """The lines of the text of one picture, its row and size given."""
    text = _text_of(root, file)
    if text is None:
        found.textless += 1
        return
    try:
        lines = read_lines(root / text, text)
    except DataError as error:
        found.problems.append(Problem(text, error.what, error.hint))
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            thing = _thing(line.split(), classes, picture[1])
            if isinstance(thing, str):
                found.problems.append(Problem(f"{text} line {number}", f"{thing}: left out"))
            else:
                label, xyxy, region = thing
                things.add(picture[0], label, xyxy, f"{text} line {number}", region=region)


def _text_of(root: Path, file: str) -> str | None:
    """The last images/ becomes labels/; or the text lies beside the picture."""
    beside = file.rpartition(".")[0] + ".txt"
    before, images, after = f"/{beside}".rpartition("/images/")
    tried = [f"{before}/labels/{after}".lstrip("/"), beside] if images else [beside]
    return next((text for text in tried if (root / text).is_file()), None)


def _thing(
    words: Sequence[str], classes: Sequence[str], size_px: NDArray[np.float64]
) -> tuple[str, list[float], list[list[float]] | None] | str:
    """(label, corners of its box in pixels, those of its outline where it has one), or what is wrong with the line."""
    try:
        number, *shares = map(float, words)
    except ValueError:
        return f"{' '.join(words)[:40]!r} are not all numbers"
    if not number.is_integer() or not 0 <= number < len(classes) or not classes[int(number)]:
        return f"{words[0]} is not one of the {len(classes):,} classes"
    region = None
    if len(shares) == 4:
        x, y, width, height = shares
        corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        corners = corners if min(width, height) >= 0 else [np.nan] * 4
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        xs, ys = shares[::2], shares[1::2]
        corners = [min(xs), min(ys), max(xs), max(ys)]
        region = [_in_pixels(shares, size_px)]
    else:
        return f"{len(shares)} numbers behind the class, not x, y, width and height, nor corners"
    return classes[int(number)], _in_pixels(corners, size_px), region


def _in_pixels(shares: Sequence[float], size_px: NDArray[np.float64]) -> list[float]:
    """x, y, x, y, … in shares of the picture's sides -> in pixels."""
    pixels: list[float] = (np.array(shares).reshape(-1, 2) * size_px).round(2).ravel().tolist()
    return pixels


def _sentences(classes: Sequence[str], things: Drawn, found: _Pictures) -> Iterator[str]:
    yield f"YOLO: {len(things.label):,} boxes of {len(classes):,} classes in {len(found.image):,} pictures"
    if found.textless:
        yield f"{found.textless:,} pictures have no text, which says that there is nothing in them"
