"""Match predicted boxes to true ones exactly as COCO's evaluation does (Lin et al. 2014).

https://github.com/cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py, evaluateImg.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.overlap import box_iou

Array = NDArray[Any]
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
FALSE_POSITIVE, TRUE_POSITIVE, IGNORED = 0, 1, 2


def match_boxes(
    predicted: Array, truth: Array, crowd: Array, difficult: Array, thresholds: Array = IOU_THRESHOLDS
) -> Array:
    """The state of each predicted box of one class in one picture, most confident first: (n, thresholds).

    predicted (n, 4), truth (m, 4); crowd and difficult (m,) bool. Each predicted box takes the free true box with the
    largest IoU. Crowds and difficult boxes are taken only if no other has enough IoU, and then ignored.
    """
    state = np.zeros((len(predicted), len(thresholds)), np.int8)
    if not len(predicted) or not len(truth):
        return state
    ignored = difficult | crowd
    order = np.argsort(ignored, kind="stable")
    crowd, ignored = crowd[order], ignored[order]
    iou = box_iou(predicted, truth[order], crowd)  # (n, m)
    for column, threshold in enumerate(thresholds):
        free = np.ones(len(truth), np.bool_)
        for row in np.flatnonzero(iou.max(1) >= min(threshold, 1 - 1e-10)):
            best = _best_match(iou[row], free, ignored, min(float(threshold), 1 - 1e-10))
            if best >= 0:
                free[best] = crowd[best]  # a crowd may be matched any number of times
                state[row, column] = IGNORED if ignored[best] else TRUE_POSITIVE
    return state


def pair_boxes(predicted: Array, truth: Array, threshold: float = IOU_THRESHOLDS[0]) -> Iterator[tuple[int, int]]:
    """The predicted boxes of one class (n, 4), most confident first, that find a true one (m, 4): the indices of both.

    As `match_boxes`, without crowds and difficult boxes.
    """
    if not len(predicted) or not len(truth):
        return
    free, never = np.ones(len(truth), np.bool_), np.zeros(len(truth), np.bool_)
    for row, iou in enumerate(box_iou(predicted, truth, never)):
        best = _best_match(iou, free, never, threshold)
        if best >= 0:
            free[best] = False
            yield row, best


def _best_match(iou: Array, free: Array, ignored: Array, threshold: float) -> int:
    """The index of the largest IoU, last among equals; ignored boxes only if there is no other. -1 for none."""
    for candidates in (free & ~ignored, free & ignored):
        possible = np.where(candidates & (iou >= threshold), iou, -1.0)
        if possible.max() >= 0:
            return int(len(possible) - 1 - possible[::-1].argmax())
    return -1
