"""How much boxes have in common, and which of many that mean the same thing stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
    boxes, classes = boxes[order], classes[order]
    rivals = (overlap(boxes, boxes) > most_overlap) & (classes[:, None] == classes)
    alive = np.ones(len(order), np.bool_)
    for place in range(len(order)):
        if alive[place]:
            alive[place + 1 :] &= ~rivals[place, place + 1 :]
    return order[alive]
