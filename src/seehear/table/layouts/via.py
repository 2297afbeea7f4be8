"""VGG Image Annotator, version 1 and 2: a json, a saved project, or a csv with a row for each region.

https://www.robots.ox.ac.uk/~vgg/software/via. Numbers are in pixels from the upper left corner of the picture.
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
    """A picture, or a thing drawn on it; `shape` is None for the picture itself."""

    file: str
    place: str
    shape: Any = None
    attributes: Any = None


def read_via(place: Path) -> RawTable | None:
    """Such a file, or a folder with one or with one for each part; None for any other."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_via, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    drawn, named = AnnotatedImages(), FileFinder(root)
    for name, part in files:
        regions = list((_in_csv if name.lower().endswith(".csv") else _in_json)(root / name, name))
        attribute = _naming(regions)
        notes += [UNNAMED] if attribute is None and any(region.shape for region in regions) else []
        for region in regions:
            _add(region, name.rpartition("/")[0], part, attribute, named, drawn)
    return drawn.found(root, "VGG Image Annotator", notes)


def _is_via(file: Path) -> bool:
    begins = read_beginning(file)
    if file.suffix.lower() == ".csv":
        headings = begins.partition(b"\n")[0]
        return all(heading.encode() in headings for heading in _HEADINGS)
    is_json = file.suffix.lower() == ".json" and begins.startswith(b"{")
    return is_json and b'"filename"' in begins and _REGIONS.search(begins) is not None


def _in_json(file: Path, name: str) -> Iterator[_Region]:
    told = read_json(file, name)
    pictures = told.get(_METADATA, told) if isinstance(told, dict) else None
    if not isinstance(pictures, dict):
        raise DataError("no pictures by name", where=name, hint="export it again, as JSON")
    for key, each in pictures.items():
        picture = each if isinstance(each, dict) else {}
        of, place = str(picture.get("filename") or ""), f"{name} {key[:100]}"
        yield _Region(of, place)
        regions = picture.get("regions")
        regions = list(regions.values()) if isinstance(regions, dict) else regions  # so version 1
        for position, region in enumerate(regions if isinstance(regions, list) else [], 1):
            told_of = region if isinstance(region, dict) else {}
            shape, attributes = told_of.get("shape_attributes"), told_of.get("region_attributes")
            yield _Region(of, f"{place} region {position}", shape or {}, attributes)


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
    """The object in a cell; the cell itself, which is no shape, where it holds none."""
    try:
        return from_json(cell)
    except ValueError:
        return cell


def _naming(regions: list[_Region]) -> str | None:
    """The attribute that says what a region is: one called label, class, …, else the one that most have."""
    every = Counter(
        key for each in regions if isinstance(each.attributes, dict) for key, told in each.attributes.items() if told
    )
    words = {key.strip().lower(): key for key in every}
    return next((words[word] for word in LABELS if word in words), next((key for key, _ in every.most_common(1)), None))


def _add(
    region: _Region, folder: str, part: str, attribute: str | None, named: FileFinder, drawn: AnnotatedImages
) -> None:
    try:
        row = drawn.add(named.find(region.file, folder), part)
    except DataError as error:
        if region.shape is None:  # once for a picture, not for each of its regions
            drawn.problems.append(RowProblem.of(error, region.place))
        return
    if region.shape is not None:
        told = region.attributes.get(attribute) if isinstance(region.attributes, dict) else None
        label = ONLY_LABEL if attribute is None else _label(told)
        drawn.draw(row, label, _shape(region.shape), region.place)


def _label(told: Any) -> str:
    """Of a list of ticked names {"cat": true} the first."""
    if isinstance(told, dict):
        told = next((key for key, ticked in told.items() if ticked), "")
    return str(told).strip() if isinstance(told, str | int | float) else ""


def _shape(told: Any) -> Shape | str:
    """What is drawn, or what is wrong with it."""
    if not isinstance(told, dict):
        return "a region without a shape"
    kind = str(told.get("name") or "region")
    numbers = {key: parse_number(value) for key, value in told.items()}

    def of(*keys: str) -> list[float]:
        return [numbers.get(key, math.nan) for key in keys]

    x, y, width, height, cx, cy = of("x", "y", "width", "height", "cx", "cy")
    if kind == "rect":
        return make_rectangle((x, y, x + width, y + height) if min(width, height) >= 0 else [math.nan] * 4)
    if kind == "circle":
        return make_ellipse((cx, cy), (numbers.get("r", math.nan),) * 2)
    if kind == "ellipse":
        return make_ellipse((cx, cy), (numbers.get("rx", math.nan), numbers.get("ry", math.nan)), _degrees(told))
    if kind in ("polygon", "polyline"):
        xs, ys = told.get("all_points_x"), told.get("all_points_y")
        if isinstance(xs, list) and isinstance(ys, list):
            return make_polygon([parse_number(each) for each in xs], [parse_number(each) for each in ys])
    return f"a {kind[:40]}, which is neither a rectangle, a polygon, a circle nor an ellipse"


def _degrees(told: dict[str, Any]) -> float:
    """An ellipse is turned by `theta`, in radians."""
    theta = parse_number(told.get("theta", 0))
    return math.degrees(theta) if math.isfinite(theta) else 0.0
