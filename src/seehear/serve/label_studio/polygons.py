"""Polygons around the regions of a mask, with few enough corners to be corrected by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Corner = tuple[int, int]  # x, y in pixels from the upper left

TOLERANCE_PX = 1.0  # how far a polygon may be from the edges of the pixels
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # right, down, left, up


def trace_polygons(inside: Array, smallest_px: int) -> Iterator[Array]:
    """Corners (n, 2) x, y of a polygon around each region of pixels (H, W) bool, in the order of reading.

    Regions that touch only at a corner are two. Holes are filled, as Label Studio's polygons have none.

    smallest_px   area of the smallest region
    """
    edges = _find_edges(inside)
    while edges:
        start = next(iter(edges))  # the first that is left in its row: of an outer edge, its upper left corner
        ring = _follow(edges, start)
        if _area(np.array(ring)) >= smallest_px:
            yield _simplify(np.array(ring, np.float64))


def _find_edges(inside: Array) -> dict[Corner, list[int]]:
    """By corner, the directions of the edges that begin there, with the region on the right of each."""
    padded = np.pad(inside, 1)
    here, above, left = padded[1:, 1:], padded[:-1, 1:], padded[1:, :-1]
    begins = [  # (what is true, the corner's offset) of edges to the right, down, left, up
        (here & ~above, (0, 0)), (left & ~here, (0, 0)), (above & ~here, (1, 0)), (here & ~left, (0, 1)),
    ]  # fmt: skip
    edges: dict[Corner, list[int]] = {}
    found = [
        (int(y) + dy, int(x) + dx, direction)
        for direction, (mask, (dx, dy)) in enumerate(begins)
        for y, x in zip(*np.nonzero(mask), strict=True)
    ]
    for y, x, direction in sorted(found):
        edges.setdefault((x, y), []).append(direction)
    return edges


def _follow(edges: dict[Corner, list[int]], start: Corner) -> list[Corner]:
    """The corners of one ring, whose edges are taken out. Where regions touch, turning right keeps to the same one."""
    ring, at, direction = list[Corner](), start, 0
    while True:
        ways = edges[at]
        turned = min(ways, key=lambda way: (way - direction - 1) % 4)  # right before left
        ways.remove(turned)
        if not ways:
            del edges[at]
        if turned != direction or not ring:
            ring.append(at)
        direction = turned
        at = (at[0] + STEPS[turned][0], at[1] + STEPS[turned][1])
        if at == start:
            return ring


def _area(ring: Array) -> float:
    """Of a ring (n, 2) that has its region on the right; negative for a hole."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _simplify(ring: Array) -> Array:
    """Fewer corners, by the method of Douglas and Peucker (1973), between the first corner and the one farthest off."""
    far = int(np.hypot(*(ring - ring[0]).T).argmax())
    closed = np.concatenate([ring, ring[:1]])
    kept = {0, far} | set(_keep(closed, 0, far)) | set(_keep(closed, far, len(ring)))
    kept -= {len(ring)}
    return ring[sorted(kept)] if len(kept) > 2 else ring  # a region as small as the tolerance is left as it is


def _keep(line: Array, first: int, last: int) -> Sequence[int]:
    """The corners between two that are needed."""
    needed, spans = list[int](), [(first, last)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        along = line[end] - line[start]
        off = line[start + 1 : end] - line[start]
        length = np.hypot(*along)
        distances = np.abs(along[0] * off[:, 1] - along[1] * off[:, 0]) / length if length else np.hypot(*off.T)
        if distances.max() > TOLERANCE_PX:
            middle = start + 1 + int(distances.argmax())
            needed.append(middle)
            spans += [(start, middle), (middle, end)]
    return needed
