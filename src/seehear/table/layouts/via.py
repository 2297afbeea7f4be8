"""VGG Image Annotator, versions 1 and 2: a JSON file, a saved project, or a CSV with a row for each region.

    {"a.jpg1024": {"filename": "a.jpg", "regions": [{
        "shape_attributes": {"name": "rect", "x": 12, "y": 40, "width": 199, "height": 91},
        "region_attributes": {"label": "cat"}}]}}

Coordinates are in pixels from the upper left corner.
Source: https://www.robots.ox.ac.uk/~vgg/software/via
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from seehear.errors import DataError
from seehear.strict_json import from_json
from seehear.table.encoding import read_lines
from seehear.table.layouts.annotated_images import AnnotatedImages
from seehear.table.layouts.annotation_files import (
    FileFinder,
    find_annotation_files,
    parse_number,
    read_beginning,
    read_json,
)
from seehear.table.layouts.box_cells import LABELS, ONLY_LABEL, UNNAMED
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.shapes import Shape, make_ellipse, make_polygon, make_rectangle
from seehear.table.rows import RowProblem

_REGIONS = re.compile(rb'"_via_img_metadata"\s*:|"regions"\s*:\s*[\[{]')
_HEADINGS = ("filename", "region_shape_attributes", "region_attributes")
_METADATA = "_via_img_metadata"


class _Region(NamedTuple):
    """A region of a picture; `shape` is None for the picture itself."""

    file: str
    place: str
    shape: Any = None
    attributes: Any = None


def read_via(place: Path) -> RawTable | None:
    """Read such a file, or a folder with one or with one for each part; None for others."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_via, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    images, finder = AnnotatedImages(), FileFinder(root)
    for name, part in files:
        regions = list((_in_csv if name.lower().endswith(".csv") else _in_json)(root / name, name))
        attribute = _label_attribute(regions)
        notes += [UNNAMED] if attribute is None and any(region.shape for region in regions) else []
        for region in regions:
            _add(region, name.rpartition("/")[0], part, attribute, finder, images)
    return images.to_raw_table(root, "VGG Image Annotator", notes)


def _is_via(file: Path) -> bool:
    beginning = read_beginning(file)
    if file.suffix.lower() == ".csv":
        headings = beginning.partition(b"\n")[0]
        return all(heading.encode() in headings for heading in _HEADINGS)
    is_json = file.suffix.lower() == ".json" and beginning.startswith(b"{")
    return is_json and b'"filename"' in beginning and _REGIONS.search(beginning) is not None


def _in_json(file: Path, name: str) -> Iterator[_Region]:
    value = read_json(file, name)
    pictures = value.get(_METADATA, value) if isinstance(value, dict) else None
    if not isinstance(pictures, dict):
        raise DataError("no pictures by name", where=name, hint="export it again, as JSON")
    for key, each in pictures.items():
        picture = each if isinstance(each, dict) else {}
        get, place = str(picture.get("filename") or ""), f"{name} {key[:100]}"
        yield _Region(get, place)
        regions = picture.get("regions")
        regions = list(regions.values()) if isinstance(regions, dict) else regions  # version 1 has an object
        for position, region in enumerate(regions if isinstance(regions, list) else [], 1):
            content = region if isinstance(region, dict) else {}
            shape, attributes = content.get("shape_attributes"), content.get("region_attributes")
            yield _Region(get, f"{place} region {position}", shape or {}, attributes)


def _in_csv(file: Path, name: str) -> Iterator[_Region]:
    rows = csv.DictReader(read_lines(file, name), strict=True)
    try:
        for position, row in enumerate(rows, 2):
            place = f"{name} row {position}"
            cells = [row.get(heading) or "" for heading in _HEADINGS]
            yield _Region(cells[0], place)
            if cells[1] and (shape := _object(cells[1])) != {}:
                yield _Region(cells[0], place, shape, _object(cells[2]))
    except csv.Error as error:
        raise DataError(f"the quotes are wrong: {error}", where=name, hint="export it again, as CSV") from None


def _object(cell: str) -> Any:
    """The JSON object in a cell; the cell itself, which is not a shape, if it holds none."""
    try:
        return from_json(cell)
    except ValueError:
        return cell


def _label_attribute(regions: list[_Region]) -> str | None:
    """The attribute with the class of a region: one named label, class, …, else the most frequent one."""
    counts = Counter(
        key for each in regions if isinstance(each.attributes, dict) for key, value in each.attributes.items() if value
    )
    words = {key.strip().lower(): key for key in counts}
    return next(
        (words[word] for word in LABELS if word in words), next((key for key, _ in counts.most_common(1)), None)
    )


def _add(
    region: _Region, folder: str, part: str, attribute: str | None, finder: FileFinder, images: AnnotatedImages
) -> None:
    try:
        row = images.add_image(finder.find(region.file, folder), part)
    except DataError as error:
        if region.shape is None:  # report a picture once, not for each region
            images.problems.append(RowProblem.of(error, region.place))
        return
    if region.shape is not None:
        value = region.attributes.get(attribute) if isinstance(region.attributes, dict) else None
        label = ONLY_LABEL if attribute is None else _label(value)
        images.add_shape(row, label, _shape(region.shape), region.place)


def _label(value: Any) -> str:
    """The value; the first ticked name of a checkbox {"cat": true}."""
    if isinstance(value, dict):
        value = next((key for key, ticked in value.items() if ticked), "")
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _shape(value: Any) -> Shape | str:
    """A shape, or what is wrong with it."""
    if not isinstance(value, dict):
        return "a region without a shape"
    kind = str(value.get("name") or "region")
    numbers = {key: parse_number(value) for key, value in value.items()}

    def get(*keys: str) -> list[float]:
        return [numbers.get(key, math.nan) for key in keys]

    x, y, width, height, cx, cy = get("x", "y", "width", "height", "cx", "cy")
    if kind == "rect":
        return make_rectangle((x, y, x + width, y + height) if min(width, height) >= 0 else [math.nan] * 4)
    if kind == "circle":
        return make_ellipse((cx, cy), (numbers.get("r", math.nan),) * 2)
    if kind == "ellipse":
        return make_ellipse((cx, cy), (numbers.get("rx", math.nan), numbers.get("ry", math.nan)), _degrees(value))
    if kind in ("polygon", "polyline"):
        xs, ys = value.get("all_points_x"), value.get("all_points_y")
        if isinstance(xs, list) and isinstance(ys, list):
            return make_polygon([parse_number(each) for each in xs], [parse_number(each) for each in ys])
    return f"a {kind[:40]}, which is neither a rectangle, a polygon, a circle nor an ellipse"


def _degrees(value: dict[str, Any]) -> float:
    """The rotation of an ellipse, `theta`, which is in radians."""
    theta = parse_number(value.get("theta", 0))
    return math.degrees(theta) if math.isfinite(theta) else 0.0
