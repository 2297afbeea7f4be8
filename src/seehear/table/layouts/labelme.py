"""labelme: a JSON file beside each picture, with rectangles, polygons and circles. X-AnyLabeling writes the same:

    {"imagePath": "a.jpg", "imageWidth": 640, "imageHeight": 480, "shapes": [
        {"label": "cat", "shape_type": "rectangle", "points": [[12, 40], [211, 131]]}
    ]}

Points are in pixels from the upper left corner.
Source: https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.directories import find_part_folders, list_visible
from seehear.table.layouts.annotated_images import AnnotatedImages
from seehear.table.layouts.annotation_files import FileFinder, parse_number, parse_size_px, read_beginning, read_json
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.shapes import Shape, make_ellipse, make_polygon, make_rectangle
from seehear.table.media import is_valid_text
from seehear.table.rows import RowProblem

_SHAPES = re.compile(rb'"shapes"\s*:\s*\[')
_FOLDERS = ("", "annotations/", "Annotations/", "labels/", "json/", "jsons/")
_PICTURES = ("", "images/", "Images/", "imgs/")
_LARGEST_BYTES = 200 << 20  # it may contain the picture, as base64


def read_labelme(place: Path) -> RawTable | None:
    """Read such a file, a folder with some beside pictures or in annotations/, or one with parts; None for others."""
    notes: list[str] = []
    images = AnnotatedImages()
    root = place if place.is_dir() else place.parent
    finder = FileFinder(root)
    if place.is_file():
        if not _is_labelme(place):
            return None
        _read(root, place.name, "", finder, images)
    elif place.is_dir():
        for prefix, part in find_part_folders(place, notes):
            folders = {f"{folder}/" for folder in list_visible(place / prefix)[0]} | {""}
            names = [name for each in _FOLDERS if each in folders for name in _json_in(place, prefix + each)]
            for name in names:
                _read(root, name, part, finder, images)
            if names:
                _report_missing(place, [prefix + each for each in _PICTURES if each in folders], images)
    return images.to_raw_table(root, "labelme", notes) if images.image or images.problems else None


def _json_in(place: Path, folder: str) -> list[str]:
    """The JSON files of a folder, if one of the first is a labelme file."""
    names = [folder + name for name in list_visible(place / folder)[1] if name.lower().endswith(".json")]
    return names if any(_is_labelme(place / name) for name in names[:3]) else []


def _is_labelme(file: Path) -> bool:
    beginning = read_beginning(file) if file.suffix.lower() == ".json" else b""
    return beginning.startswith(b"{") and _SHAPES.search(beginning) is not None


def _read(root: Path, name: str, part: str, finder: FileFinder, images: AnnotatedImages) -> None:
    """One file becomes a row, or a problem."""
    try:
        content = read_json(root / name, name, _LARGEST_BYTES)
        shapes = content.get("shapes") if isinstance(content, dict) else None
        if not isinstance(shapes, list):
            raise DataError("no list of shapes", where=name)
        image = _picture(root, name, content.get("imagePath"), finder)
    except DataError as error:
        images.problems.append(RowProblem.of(error, name))
        return
    row = images.add_image(image, part, parse_size_px(content.get("imageWidth"), content.get("imageHeight")))
    for position, each in enumerate(shapes, 1):
        shape = each if isinstance(each, dict) else {}
        images.add_shape(row, str(shape.get("label") or "").strip(), _shape(shape), f"{name} shape {position}")


def _picture(root: Path, name: str, path: Any, finder: FileFinder) -> str:
    """The picture that a file names, else one of the same name beside it. Raises DataError if there is none."""
    folder, _, file = name.rpartition("/")
    try:
        return finder.find(path, folder)
    except DataError:
        stem = file.rpartition(".")[0]
        same = (other for other in list_visible(root / folder)[1] if other.rpartition(".")[0] == stem)
        if beside := next((other for other in same if medium_of(other) == "picture"), None):
            return f"{folder}/{beside}" if folder else beside
        raise


def _shape(content: dict[str, Any]) -> Shape | str:
    """A shape, or what is wrong with it."""
    kind, points = str(content.get("shape_type") or "polygon"), content.get("points")
    if not isinstance(points, list) or not all(isinstance(each, list) and len(each) == 2 for each in points):
        return f"a {kind[:40]} without points"
    xs, ys = [parse_number(x) for x, _ in points], [parse_number(y) for _, y in points]
    if kind == "polygon":
        return make_polygon(xs, ys)
    if kind in ("rectangle", "rotation"):  # X-AnyLabeling gives all four corners
        return _box(xs, ys) if kind == "rectangle" else make_polygon(xs, ys)
    if kind == "circle" and len(xs) == 2:  # the centre, and a point on the circle
        radius = math.dist((xs[0], ys[0]), (xs[1], ys[1]))
        return make_ellipse((xs[0], ys[0]), (radius, radius))
    return f"a {kind[:40]}, which is neither a rectangle, a polygon nor a circle"


def _box(xs: list[float], ys: list[float]) -> Shape | str:
    if len(xs) < 2 or not all(map(math.isfinite, (*xs, *ys))):
        return "a rectangle without two corners"
    return make_rectangle((min(xs), min(ys), max(xs), max(ys)))


def _report_missing(place: Path, folders: list[str], images: AnnotatedImages) -> None:
    """Report pictures without a file: they are not known to be empty."""
    used = set(images.image)
    for folder in folders:
        for name in list_visible(place / folder)[1]:
            if medium_of(name) == "picture" and is_valid_text(name) and folder + name not in used:
                hint = "save it in labelme without a shape if there is nothing in it"
                images.problems.append(RowProblem(folder + name, "no json with this name", hint))
