"""CreateML: one json with a list of pictures; `coordinates` are the middle of each box, its width and its height.

https://developer.apple.com/documentation/createml/mlobjectdetector/datasource. Pixels from the upper left corner.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from seehear.errors import DataError
from seehear.table.layouts.annotated_images import AnnotatedImages
from seehear.table.layouts.annotation_files import (
    FileFinder,
    find_annotation_files,
    parse_number,
    read_beginning,
    read_json,
)
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.shapes import Shape, make_rectangle
from seehear.table.rows import RowProblem

_PICTURES, _THINGS = ("image", "imagefilename"), ("annotations", "annotation")
_KEYS = re.compile(rb'"(image|imagefilename)"\s*:\s*"')
_LISTS = re.compile(rb'"annotations?"\s*:\s*\[\s*(\]|\{\s*"(label|coordinates)")')


def read_create_ml(place: Path) -> RawTable | None:
    """Such a json, or a folder with one or with one for each part; None for any other."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_create_ml, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    drawn, named = AnnotatedImages(), FileFinder(root)
    for name, part in files:
        told = read_json(root / name, name)
        if not isinstance(told, list):
            raise DataError("no list of pictures", where=name)
        for position, each in enumerate(told, 1):
            _read(each if isinstance(each, dict) else {}, f"{name} image {position}", part, named, drawn)
    return drawn.found(root, "CreateML", notes)


def _is_create_ml(file: Path) -> bool:
    begins = read_beginning(file) if file.suffix.lower() == ".json" else b""
    return begins.startswith(b"[") and all(pattern.search(begins) for pattern in (_KEYS, _LISTS))


def _read(told: dict[str, Any], place: str, part: str, named: FileFinder, drawn: AnnotatedImages) -> None:
    image = next((told[key] for key in _PICTURES if key in told), None)
    things = next((told[key] for key in _THINGS if key in told), None)
    try:
        if not isinstance(things, list):
            raise DataError("no list of annotations")
        row = drawn.add(named.find(image, place.rpartition(" image ")[0].rpartition("/")[0]), part)
    except DataError as error:
        drawn.problems.append(RowProblem.of(error, place))
        return
    for position, each in enumerate(things, 1):
        thing = each if isinstance(each, dict) else {}
        drawn.draw(
            row, str(thing.get("label") or "").strip(), _box(thing.get("coordinates")), f"{place} box {position}"
        )


def _box(told: Any) -> Shape | str:
    if not isinstance(told, dict):
        return "a box without coordinates"
    x, y, width, height = (parse_number(told.get(key)) for key in ("x", "y", "width", "height"))
    if not min(width, height) > 0:
        return "a box without x, y, width and height"
    return make_rectangle((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
