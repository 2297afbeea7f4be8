"""Shapes as people draw them: the box that holds each, and its outline. Corners in pixels from the upper left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_CORNERS_OF_ROUND = 64  # of the polygon in place of a circle: half a percent of its area is missing
_MOST_PIXELS = 100_000_000  # of a mask


class Shape(NamedTuple):
    """xyxy: its box. region: as `outline_cells` takes it; None for a box, of which nobody said what it outlines."""

    xyxy: list[float]
    region: Any


def make_rectangle(xyxy: Sequence[float]) -> Shape:
    return Shape(list(xyxy), None)


def make_rotated_rectangle(xyxy: Sequence[float], about: tuple[float, float], degrees: float) -> Shape:
    """A rectangle turned clockwise about a point."""
    if degrees % 360 == 0:
        return make_rectangle(xyxy)
    x1, y1, x2, y2 = xyxy
    return _outlined(_turned(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64), about, degrees))


def make_polygon(xs: Sequence[float], ys: Sequence[float]) -> Shape | str:
    """What is wrong with it, for what is no polygon."""
    if len(xs) != len(ys) or len(xs) < 3 or not all(map(math.isfinite, (*xs, *ys))):
        return "an outline with fewer than three corners"
    return _outlined(np.column_stack([xs, ys]))


def make_ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> Shape | str:
    """Turned clockwise about its centre; its box is that of the ellipse itself, not of its polygon."""
    (x, y), (across, down) = centre, radii
    if not all(map(math.isfinite, (x, y, across, down, degrees))) or min(radii) <= 0:
        return "an ellipse without a centre and two radii"
    angle = np.linspace(0, 2 * np.pi, _CORNERS_OF_ROUND, endpoint=False)
    corners = np.column_stack([x + across * np.cos(angle), y + down * np.sin(angle)])
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    wide, high = math.hypot(across * cos, down * sin), math.hypot(across * sin, down * cos)
    return Shape([x - wide, y - high, x + wide, y + high], _outlined(_turned(corners, centre, degrees)).region)


def decode_mask_runs(runs: NDArray[np.int64], box: tuple[int, int, int, int], size_px: tuple[int, int]) -> Shape | str:
    """The pixels in a box (left, top, width, height) that every second run marks, row by row from its upper left.

    As run lengths of the whole picture, column by column, which COCO has. What is wrong, for runs that do not fit.
    """
    left, top, width, height = box
    across, down = size_px
    if min(left, top) < 0 or min(width, height) < 1 or left + width > across or top + height > down:
        return f"a mask outside its picture of {across} x {down} px"
    if width * height > _MOST_PIXELS or (runs < 0).any() or runs.sum() != width * height:
        return f"run lengths that do not add up to {width} x {height} px"
    inside = np.repeat(np.arange(len(runs)) % 2, runs).reshape(height, width).astype(np.int8)
    columns = np.pad(inside.T, ((0, 0), (0, 1)))  # a line of zeros ends the runs of each column
    edges = np.flatnonzero(np.diff(columns.ravel(), prepend=0))
    column, row = np.divmod(edges, height + 1)
    bounds = (left + column) * down + top + row
    counts = np.diff(bounds, prepend=0, append=across * down)
    return Shape([left, top, left + width, top + height], {"size": [down, across], "counts": counts.tolist()})


def _turned(corners: NDArray[np.float64], about: tuple[float, float], degrees: float) -> NDArray[np.float64]:
    """(n, 2) clockwise as a person sees it, for y goes down."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn: NDArray[np.float64] = (corners - about) @ np.array([[cos, sin], [-sin, cos]]) + about
    return turn


def _outlined(corners: NDArray[np.float64]) -> Shape:
    low, high = corners.min(0), corners.max(0)
    return Shape([*low.tolist(), *high.tolist()], [corners.round(3).ravel().tolist()])
