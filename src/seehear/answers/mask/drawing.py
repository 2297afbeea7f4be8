"""Masks as outlines that people draw. Run lengths are shown as polygons, and stay run lengths until changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seehear.answers.mask.answer import MIN_ACCEPTED, Mask
from seehear.answers.mask.outlines import Outlines, format_regions, make_region, parse_outlines, rename_region
from seehear.answers.mask.tracing import trace
from seehear.answers.regions import Drawing, DrawnRegions, Region
from seehear.errors import InputError

LEAST_SHARE = 1e-4  # of a picture's pixels, in a region that is proposed


def read(cell: str) -> Drawing:
    outlines = parse_outlines(cell)
    regions = [region for number in range(len(outlines.regions)) for region in _read_region(outlines, number)]
    return Drawing(tuple(regions), outlines.background)


def write(drawing: Drawing, shape: tuple[int, int], before: str) -> str:
    """Raises InputError for an outline that has no class or fewer than three corners, or is not within the picture."""
    kept, drawn = _split(drawing.regions, before)
    height, width = shape
    for region in drawn:
        x, y = region.corners[::2], region.corners[1::2]
        if len(x) < 3 or len(x) != len(y):
            raise InputError(f"an outline of {len(x)} corners", allowed="at least three corners")
        if min(*x, *y) < 0 or max(x) > width or max(y) > height:
            raise InputError(
                f"an outline from ({min(x):g}, {min(y):g}) to ({max(x):g}, {max(y):g}) is not within the picture",
                allowed=f"{width} by {height} pixels",
            )
    regions = [*kept, *(make_region(region.label, region.corners) for region in drawn)]
    return format_regions(shape, drawing.background, regions)


def predicted(answer: Mask) -> Sequence[Region]:
    """The regions of each class, without specks."""
    pixels = answer.pixels
    confidence = dict(zip(answer.spec.classes, answer.class_confidence, strict=False))
    found = []
    for name, area in answer.areas.items():
        accepted = answer.accepted_areas[name] >= MIN_ACCEPTED * area
        for polygon in trace(pixels == answer.spec.classes.index(name), LEAST_SHARE * pixels.size):
            found.append(Region(name, tuple(polygon.ravel().tolist()), confidence.get(name, 1.0), accepted))
    return found


def labels(cell: str) -> Sequence[str]:
    return sorted(parse_outlines(cell).labels)


def rename(cell: str, name: str, new: str) -> str:
    outlines = parse_outlines(cell)
    background = new if outlines.background == name else outlines.background
    return format_regions(outlines.shape, background, [rename_region(region, name, new) for region in outlines.regions])


def _read_region(outlines: Outlines, number: int) -> list[Region]:
    """One region of a cell: a polygon each, if it has several."""
    label, polygons = outlines.polygons_of(number)
    if not polygons:
        top, left, inside = outlines.rasterise_region(number)
        polygons = [np.add(polygon, (left, top)).ravel().tolist() for polygon in trace(inside)]
    return [Region(label, tuple(map(float, corners))) for corners in polygons]


def _split(regions: Sequence[Region], before: str) -> tuple[list[dict[str, Any]], list[Region]]:
    """(the regions of the cell before of which everything is still there, what was drawn or changed since)."""
    rest, kept = list(regions), list[dict[str, Any]]()
    if not before:
        return [], rest
    outlines = parse_outlines(before)
    for number in range(len(outlines.regions)):
        pieces = _read_region(outlines, number)
        if pieces and all(piece in rest for piece in pieces):
            kept.append(outlines.regions[number])
            rest = [region for region in rest if region not in pieces]
    return kept, rest


REGIONS = DrawnRegions(
    noun="outline",
    has_two_corners=False,
    has_background=True,
    read=read,
    write=write,
    predicted=predicted,
    labels=labels,
    rename=rename,
)
