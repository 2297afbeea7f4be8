"""Shapes that annotation tools write, with their box and outline. Corners are in pixels from the upper left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ELLIPSE_CORNERS = 64  # the polygon lacks half a percent of the ellipse's area
_MOST_PIXELS = 100_000_000  # in a mask


class Shape(NamedTuple):
    """xyxy: its box. region: its outline as `encode_outlines` takes it; None for a rectangle, which has none."""

    xyxy: list[float]
    region: Any


def make_rectangle(xyxy: Sequence[float]) -> Shape:
    return Shape(list(xyxy), None)


def make_rotated_rectangle(xyxy: Sequence[float], about: tuple[float, float], degrees: float) -> Shape:
    """A rectangle rotated clockwise about a point."""
    if degrees % 360 == 0:
        return make_rectangle(xyxy)
    x1, y1, x2, y2 = xyxy
    return _shape_of(_rotate(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64), about, degrees))


def make_polygon(xs: Sequence[float], ys: Sequence[float]) -> Shape | str:
    """A polygon, or what is wrong with it."""
    if len(xs) != len(ys) or len(xs) < 3 or not all(map(math.isfinite, (*xs, *ys))):
        return "an outline with fewer than three corners"
    return _shape_of(np.column_stack([xs, ys]))


def make_ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> Shape | str:
    """An ellipse rotated clockwise about its centre. The box is exact, not that of its polygon."""
    (x, y), (radius_x, radius_y) = centre, radii
    if not all(map(math.isfinite, (x, y, radius_x, radius_y, degrees))) or min(radii) <= 0:
        return "an ellipse without a centre and two radii"
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
    corners = np.column_stack([x + radius_x * np.cos(angle), y + radius_y * np.sin(angle)])
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half_width, half_height = math.hypot(radius_x * cos, radius_y * sin), math.hypot(radius_x * sin, radius_y * cos)
    return Shape(
        [x - half_width, y - half_height, x + half_width, y + half_height],
        _shape_of(_rotate(corners, centre, degrees)).region,
    )


def decode_mask_runs(runs: NDArray[np.int64], box: tuple[int, int, int, int], size_px: tuple[int, int]) -> Shape | str:
    """A mask from run lengths in a box (left, top, width, height), row by row; every second run is set.

    The region has run lengths of the whole picture, column by column, as in COCO. Runs that do not fit give a text that
    says so.
    """
    left, top, width, height = box
    radius_x, radius_y = size_px
    if min(left, top) < 0 or min(width, height) < 1 or left + width > radius_x or top + height > radius_y:
        return f"a mask outside its picture of {radius_x} x {radius_y} px"
    if width * height > _MOST_PIXELS or (runs < 0).any() or runs.sum() != width * height:
        return f"run lengths that do not add up to {width} x {height} px"
    inside = np.repeat(np.arange(len(runs)) % 2, runs).reshape(height, width).astype(np.int8)
    columns = np.pad(inside.T, ((0, 0), (0, 1)))  # a row of zeros ends the runs of each column
    edges = np.flatnonzero(np.diff(columns.ravel(), prepend=0))
    column, row = np.divmod(edges, height + 1)
    bounds = (left + column) * radius_y + top + row
    counts = np.diff(bounds, prepend=0, append=radius_x * radius_y)
    return Shape([left, top, left + width, top + height], {"size": [radius_y, radius_x], "counts": counts.tolist()})


def _rotate(corners: NDArray[np.float64], about: tuple[float, float], degrees: float) -> NDArray[np.float64]:
    """(n, 2) clockwise as displayed, where y points down."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rotated: NDArray[np.float64] = (corners - about) @ np.array([[cos, sin], [-sin, cos]]) + about
    return rotated


def _shape_of(corners: NDArray[np.float64]) -> Shape:
    low, half_height = corners.min(0), corners.max(0)
    return Shape([*low.tolist(), *half_height.tolist()], [corners.round(3).ravel().tolist()])
