"""CVAT for images 1.1: an XML file with boxes, polygons, ellipses and masks, or with tags of whole pictures:

    <annotations><image name="a.jpg" width="640" height="480">
        <box label="cat" xtl="12" ytl="40" xbr="211" ybr="131"/>
    </image></annotations>

Coordinates are in pixels from the upper left corner.
Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from seehear.errors import DataError
from seehear.table.layouts.annotated_images import AnnotatedImages
from seehear.table.layouts.annotation_files import (
    FileFinder,
    find_annotation_files,
    parse_number,
    parse_size_px,
    read_beginning,
    read_xml,
)
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.shapes import Shape, decode_mask_runs, make_ellipse, make_polygon, make_rotated_rectangle
from seehear.table.parts import parse_part
from seehear.table.rows import RowProblem

_LARGEST_BYTES = 1 << 27  # a million boxes
_ROOT = "annotations"
_NOT_SHAPES = ("attribute", "tag")


def read_cvat(place: Path) -> RawTable | None:
    """Read a CVAT file, or a folder with one file or one per part; None for another layout."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_cvat, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    images, finder = AnnotatedImages(), FileFinder(root)
    for name, part in files:
        attributes = read_xml(root / name, name, _LARGEST_BYTES)
        if attributes.tag != _ROOT or attributes.find("track") is not None:
            what = "tracks of a video" if attributes.tag == _ROOT else f"not <{_ROOT}> but <{attributes.tag[:40]}>"
            raise DataError(what, where=name, hint="export it as 'CVAT for images 1.1'")
        for image in attributes.iter("image"):
            _read(image, name, part, finder, images)
    return images.to_raw_table(root, "CVAT", notes)


def _is_cvat(file: Path) -> bool:
    """Whether <annotations> is the first element, after declarations and comments."""
    beginning = read_beginning(file) if file.suffix.lower() == ".xml" else b""
    while beginning.startswith((b"<?", b"<!--")):
        beginning = beginning.partition(b"?>" if beginning.startswith(b"<?") else b"-->")[2].lstrip()
    return beginning.startswith((f"<{_ROOT}>".encode(), f"<{_ROOT} ".encode()))


def _read(image: ElementTree.Element, file: str, part: str, finder: FileFinder, images: AnnotatedImages) -> None:
    """One picture becomes a row, or a problem."""
    place = f"{file} image {image.get('name', image.get('id', ''))[:100]}"
    size = parse_size_px(image.get("width"), image.get("height"))
    try:
        path = finder.find(image.get("name"), file.rpartition("/")[0])
    except DataError as error:
        images.problems.append(RowProblem.of(error, place))
        return
    row = images.add_image(path, part or parse_part(image.get("subset", "")), size)
    if tags := [label for tag in image.findall("tag") if (label := tag.get("label", "").strip())]:
        images.labels[row] = tags
    shapes = (each for each in image if each.tag not in _NOT_SHAPES)
    for position, each in enumerate(shapes, 1):
        images.add_shape(
            row, each.get("label", "").strip(), _shape(each.tag, each.attrib, size), f"{place} shape {position}"
        )


def _shape(kind: str, attributes: Mapping[str, str], size: tuple[float, float]) -> Shape | str:
    """A shape, or what is wrong with it."""

    def parse(*keys: str) -> list[float]:
        return [parse_number(attributes.get(key)) for key in keys]

    (degrees,) = parse("rotation") if "rotation" in attributes else (0.0,)
    if kind == "box":
        x1, y1, x2, y2 = parse("xtl", "ytl", "xbr", "ybr")
        return make_rotated_rectangle((x1, y1, x2, y2), ((x1 + x2) / 2, (y1 + y2) / 2), degrees)
    if kind == "polygon":
        pairs = [pair.split(",") for pair in attributes.get("points", "").split(";")]
        corners = [
            (parse_number(pair[0]), parse_number(pair[-1])) if len(pair) == 2 else (math.nan, math.nan)
            for pair in pairs
        ]
        return make_polygon([x for x, _ in corners], [y for _, y in corners])
    if kind == "ellipse":
        cx, cy, rx, ry = parse("cx", "cy", "rx", "ry")
        return make_ellipse((cx, cy), (rx, ry), degrees)
    if kind == "mask":
        return _mask(attributes, size)
    return f"a {kind[:40]}, which is neither a box, a polygon, an ellipse nor a mask"


def _mask(attributes: Mapping[str, str], size: tuple[float, float]) -> Shape | str:
    numbers = [*(parse_number(attributes.get(key)) for key in ("left", "top", "width", "height")), *size]
    runs = [parse_number(run) for run in attributes.get("rle", "").split(",")]
    if not all(float(each).is_integer() for each in (*numbers, *runs)):
        return "a mask without position, size and run lengths"
    left, top, width, height, across, down = map(int, numbers)
    return decode_mask_runs(np.array(runs, np.int64), (left, top, width, height), (across, down))
