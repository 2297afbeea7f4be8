"""CreateML: a JSON list of pictures, whose `coordinates` are the centre, width and height of a box in pixels:

    [{"image": "a.jpg", "annotations": [
        {"label": "cat", "coordinates": {"x": 120, "y": 65, "width": 100, "height": 50}}
    ]}]

Source: https://developer.apple.com/documentation/createml/mlobjectdetector/datasource
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

_PICTURES, _ANNOTATIONS = ("image", "imagefilename"), ("annotations", "annotation")
_KEYS = re.compile(rb'"(image|imagefilename)"\s*:\s*"')
_LISTS = re.compile(rb'"annotations?"\s*:\s*\[\s*(\]|\{\s*"(label|coordinates)")')


def read_create_ml(place: Path) -> RawTable | None:
    """Read such a file, or a folder with one or with one for each part; None for others."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_create_ml, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    images, finder = AnnotatedImages(), FileFinder(root)
    for name, part in files:
        content = read_json(root / name, name)
        if not isinstance(content, list):
            raise DataError("no list of pictures", where=name)
        for position, each in enumerate(content, 1):
            _read(each if isinstance(each, dict) else {}, f"{name} image {position}", part, finder, images)
    return images.to_raw_table(root, "CreateML", notes)


def _is_create_ml(file: Path) -> bool:
    begins = read_beginning(file) if file.suffix.lower() == ".json" else b""
    return begins.startswith(b"[") and all(pattern.search(begins) for pattern in (_KEYS, _LISTS))


def _read(content: dict[str, Any], place: str, part: str, finder: FileFinder, images: AnnotatedImages) -> None:
    image = next((content[key] for key in _PICTURES if key in content), None)
    annotations = next((content[key] for key in _ANNOTATIONS if key in content), None)
    try:
        if not isinstance(annotations, list):
            raise DataError("no list of annotations")
        row = images.add_image(finder.find(image, place.rpartition(" image ")[0].rpartition("/")[0]), part)
    except DataError as error:
        images.problems.append(RowProblem.of(error, place))
        return
    for position, each in enumerate(annotations, 1):
        annotation = each if isinstance(each, dict) else {}
        images.add_shape(
            row,
            str(annotation.get("label") or "").strip(),
            _box(annotation.get("coordinates")),
            f"{place} box {position}",
        )


def _box(content: Any) -> Shape | str:
    if not isinstance(content, dict):
        return "a box without coordinates"
    x, y, width, height = (parse_number(content.get(key)) for key in ("x", "y", "width", "height"))
    if not min(width, height) > 0:
        return "a box without x, y, width and height"
    return make_rectangle((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
