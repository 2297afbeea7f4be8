"""Intersection over union of boxes, and non-maximum suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BLOCK = 128  # boxes compared with others at once


def box_iou(boxes: Array, others: Array, crowd: Array | None = None) -> Array:
    """(n, 4) and (m, 4), corners in pixels -> IoU (n, m).

    crowd (m,) bool: with these, the intersection is divided by the area of the first box alone, as in COCO
    (Lin et al. 2014).
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(2)  # (n, m)
    area, other_area = box_area(boxes)[:, None], box_area(others)[None]
    union = area + other_area - intersection
    if crowd is not None:
        union = np.where(crowd[None], area, union)
    iou: Array = np.where(union > 0, intersection / np.where(union > 0, union, 1), 0.0)
    return iou


def box_area(boxes: Array) -> Array:
    """(n, 4) -> (n,) square pixels."""
    area: Array = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    return area


def suppress(boxes: Array, scores: Array, classes: Array, max_iou: float) -> Array:
    """Indices of the boxes to keep, best first: among boxes of a class with a larger IoU, only the best.

    Greedy non-maximum suppression (Felzenszwalb et al. 2010, section 7.2); boxes (n, 4), scores and classes (n,).
    """
    order = np.argsort(-scores, kind="stable")
    better, worse = _overlapping_pairs(boxes[order], classes[order], max_iou)
    kept = np.ones(len(order), np.bool_)
    first = np.flatnonzero(np.diff(better, prepend=-1))
    for place, others in zip(better[first], np.split(worse, first)[1:], strict=True):
        if kept[place]:
            kept[others] = False
    return order[kept]


def _overlapping_pairs(boxes: Array, classes: Array, max_iou: float) -> tuple[Array, Array]:
    """All pairs of boxes of one class with a larger IoU: indices (pairs,) of the earlier, ascending, and of the later.

    Sweeps from left to right, a block at a time, and compares each block only with boxes that begin before it ends:
    few, among the many small boxes of a large picture.
    """
    by_left = np.argsort(boxes[:, 0], kind="stable")
    left = boxes[by_left, 0]
    pairs = [np.empty((2, 0), np.int64)]
    for start in range(0, len(by_left), BLOCK):
        block = by_left[start : start + BLOCK]
        others = by_left[start : np.searchsorted(left, boxes[block, 2].max())]
        same_class = classes[block][:, None] == classes[others]
        row, column = np.nonzero((box_iou(boxes[block], boxes[others]) > max_iou) & same_class)
        pairs.append(np.sort(np.stack([block[row], others[column]]), axis=0))
    better, worse = np.concatenate(pairs, axis=1)
    order = np.argsort(better, kind="stable")
    order = order[better[order] < worse[order]]
    return better[order], worse[order]
