"""How much boxes have in common, and which of many that mean the same thing stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TOGETHER = 128  # boxes compared with others at once


def overlap(boxes: Array, others: Array, crowd: Array | None = None) -> Array:
    """(n, 4) and (m, 4), corners in pixels -> (n, m) intersection over union.

    crowd (m,) bool: what lies in such a box is compared with itself alone, intersection over its own area, as COCO has
    it (Lin et al. 2014).
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(2)  # (n, m)
    area, its = area_of(boxes)[:, None], area_of(others)[None]
    whole = area + its - common
    if crowd is not None:
        whole = np.where(crowd[None], area, whole)
    shared: Array = np.where(whole > 0, common / np.where(whole > 0, whole, 1), 0.0)
    return shared


def area_of(boxes: Array) -> Array:
    """(n, 4) -> (n,) square pixels."""
    area: Array = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    return area


def suppressed(boxes: Array, scores: Array, classes: Array, most_overlap: float) -> Array:
    """The places of the boxes that stay, best first: of those of a class that overlap more, the best alone.

    Greedy non-maximum suppression (Felzenszwalb et al. 2010, section 7.2); boxes (n, 4), scores and classes (n,).
    """
    order = np.argsort(-scores, kind="stable")
    better, worse = _rivals(boxes[order], classes[order], most_overlap)
    alive = np.ones(len(order), np.bool_)
    first = np.flatnonzero(np.diff(better, prepend=-1))
    for place, others in zip(better[first], np.split(worse, first)[1:], strict=True):
        if alive[place]:
            alive[others] = False
    return order[alive]


def _rivals(boxes: Array, classes: Array, most_overlap: float) -> tuple[Array, Array]:
    """Every two of a class that overlap more: the places (pairs,) of the earlier ones, ascending, and of the later.

    From left to right, some at once, each is compared with those that begin before it ends: of the many small boxes of
    a large picture few are.
    """
    by_left = np.argsort(boxes[:, 0], kind="stable")
    left = boxes[by_left, 0]
    pairs = [np.empty((2, 0), np.int64)]
    for start in range(0, len(by_left), TOGETHER):
        mine = by_left[start : start + TOGETHER]
        others = by_left[start : np.searchsorted(left, boxes[mine, 2].max())]
        alike = (overlap(boxes[mine], boxes[others]) > most_overlap) & (classes[mine][:, None] == classes[others])
        row, column = np.nonzero(alike)
        pairs.append(np.sort(np.stack([mine[row], others[column]]), axis=0))
    better, worse = np.concatenate(pairs, axis=1)
    order = np.argsort(better, kind="stable")
    order = order[better[order] < worse[order]]
    return better[order], worse[order]
