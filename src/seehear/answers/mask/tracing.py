"""Traces outlines: the borders of the regions of a mask, as polygons with few corners."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MOST_PIXELS = 4_000_000  # traced one by one; of a larger mask, every second or third is looked at
TOLERANCE = 1.1  # pixels between a border and its polygon: the steps of a slanting border are of 1
_TURN_RIGHT = {(1, 0): (0, 1), (0, 1): (-1, 0), (-1, 0): (0, -1), (0, -1): (1, 0)}

Point = tuple[int, int]
Loop = list[Point]


def trace(inside: Array, least_area: float = 0.0, tolerance: float = TOLERANCE) -> list[Array]:
    """inside (H, W) bool -> polygons (n, 2) of x, y: one for each 4-connected region of at least `least_area` pixels.

    A hole is joined to its polygon by a cut without width, so that the even-odd rule leaves it out.
    """
    step, outer, inner = _find_borders(inside, least_area)
    holes: dict[int, list[Loop]] = {}
    for loop in inner:
        if (owner := _find_owner(loop, outer)) is not None:
            holes.setdefault(owner, []).append(loop)
    polygons = []
    for place, loop in enumerate(outer):
        polygon = _simplify_loop(loop, tolerance)
        for hole in holes.get(place, []):
            polygon = np.concatenate([polygon, polygon[:1], cut := _simplify_loop(hole, tolerance), cut[:1]])
        polygons.append(np.minimum(polygon * step, inside.shape[::-1]))
    return polygons


def trace_filled(inside: Array, least_area: float = 0.0) -> list[Array]:
    """Like `trace`, with the holes of the regions filled."""
    step, outer, _ = _find_borders(inside, least_area)
    return [np.minimum(_simplify_loop(loop, TOLERANCE) * step, inside.shape[::-1]) for loop in outer]


def _find_borders(inside: Array, least_area: float) -> tuple[int, list[Loop], list[Loop]]:
    """(step, borders of regions, borders of holes): in steps of so many pixels, each around at least `least_area`."""
    step = max(1, math.ceil(math.sqrt(inside.size / MOST_PIXELS)))
    least = max(least_area, 0.5) / step**2
    loops = [(loop, _signed_area(loop)) for loop in _find_loops(inside[step // 2 :: step, step // 2 :: step])]
    return step, [loop for loop, area in loops if area >= least], [loop for loop, area in loops if area <= -least]


def _find_loops(inside: Array) -> Iterator[Loop]:
    """The borders of (H, W) bool along the edges of pixels, with the inside at the right; only corners are given.

    Where two pixels touch at a corner only, the border turns right, so that they are two regions.
    """
    padded = np.pad(inside, 1)
    here = padded[1:-1, 1:-1]
    follow: dict[Point, list[Point]] = {}
    for outside, start, way in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above each pixel
        (padded[1:-1, 2:], (1, 0), (0, 1)),
        (padded[2:, 1:-1], (1, 1), (-1, 0)),
        (padded[1:-1, :-2], (0, 1), (0, -1)),
    ):
        for y, x in np.argwhere(here & ~outside).tolist():
            follow.setdefault((x + start[0], y + start[1]), []).append(way)
    while follow:
        first = at = next(iter(follow))
        way = follow[at][0]
        loop: Loop = []
        while True:
            ways = follow[at]
            new = _TURN_RIGHT[way] if _TURN_RIGHT[way] in ways and loop else ways[0]
            ways.remove(new)
            if not ways:
                del follow[at]
            if new != way or not loop:
                loop.append(at)
            way, at = new, (at[0] + new[0], at[1] + new[1])
            if at == first and (at not in follow or _TURN_RIGHT[way] not in follow[at]):
                break
        yield loop


def _signed_area(loop: Loop) -> float:
    """The area in pixels; negative for the border of a hole."""
    xy = np.array(loop, np.float64)
    following = np.roll(xy, -1, 0)
    return float((xy[:, 0] * following[:, 1] - following[:, 0] * xy[:, 1]).sum() / 2)


def _find_owner(hole: Loop, outer: list[Loop]) -> int | None:
    """The smallest region around a hole."""
    (x1, y1), (x2, y2) = hole[0], hole[1]
    dx, dy = np.sign(x2 - x1), np.sign(y2 - y1)
    x, y = x1 + dx / 2 - dy / 2, y1 + dy / 2 + dx / 2  # the centre of the pixel at the right of its first edge
    around = [place for place, loop in enumerate(outer) if _is_inside(loop, x, y)]
    return min(around, key=lambda place: _signed_area(outer[place]), default=None)


def _is_inside(loop: Loop, x: float, y: float) -> bool:
    xy = np.array(loop, np.float64)
    (x1, y1), y2 = xy.T, np.roll(xy[:, 1], -1)
    crossing = (y1 > y) != (y2 > y)  # only upright edges, so x1 is where they are crossed
    return bool(np.count_nonzero(crossing & (x1 > x)) % 2)


def _simplify_loop(loop: Loop, tolerance: float) -> Array:
    """(n, 2), by the algorithm of Douglas & Peucker (1973) on its two halves; the whole loop if it is tiny."""
    xy = np.array(loop, np.float64)
    if not tolerance:
        return xy
    far = int(np.square(xy - xy[0]).sum(1).argmax())
    kept = np.zeros(len(xy) + 1, np.bool_)
    closed = np.concatenate([xy, xy[:1]])
    waiting = [(0, far), (far, len(xy))]
    kept[[0, far]] = True
    while waiting:
        start, end = waiting.pop()
        if end - start < 2:
            continue
        (x1, y1), (x2, y2) = closed[start], closed[end]
        between = closed[start + 1 : end]
        length = math.hypot(x2 - x1, y2 - y1)
        across = np.abs((x2 - x1) * (y1 - between[:, 1]) - (x1 - between[:, 0]) * (y2 - y1))
        distances = across / length if length else np.hypot(between[:, 0] - x1, between[:, 1] - y1)
        if distances.max() > tolerance:
            middle = start + 1 + int(distances.argmax())
            kept[middle] = True
            waiting += [(start, middle), (middle, end)]
    return xy[kept[:-1]] if np.count_nonzero(kept[:-1]) > 2 else xy
