"""Which boxes that were found are which that were drawn, exactly as COCO's evaluation has it (Lin et al. 2014).

https://github.com/cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py, evaluateImg.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.overlap import overlap

Array = NDArray[Any]
OVERLAPS = np.linspace(0.5, 0.95, 10)  # from which on a box found is one that was drawn
WRONG, HIT, IGNORED = 0, 1, 2


def matched(found: Array, drawn: Array, crowd: Array, ignored: Array, overlaps: Array = OVERLAPS) -> Array:
    """What became of each box found of one class in one picture, the surest first: (n, overlaps) of the three states.

    drawn (m, 4); crowd and ignored (m,) bool. Each found takes the drawn one that it overlaps most, of those not yet
    taken; one that need not be found only where it overlaps no other enough.
    """
    state = np.zeros((len(found), len(overlaps)), np.int8)
    if not len(found) or not len(drawn):
        return state
    order = np.argsort(ignored | crowd, kind="stable")
    crowd, need_not = crowd[order], (ignored | crowd)[order]
    shared = overlap(found, drawn[order], crowd)  # (n, m)
    for column, least in enumerate(overlaps):
        free = np.ones(len(drawn), np.bool_)
        for row in np.flatnonzero(shared.max(1) >= min(least, 1 - 1e-10)):
            chosen = _chosen(shared[row], free, need_not, min(float(least), 1 - 1e-10))
            if chosen >= 0:
                free[chosen] = crowd[chosen]  # a crowd holds any number
                state[row, column] = IGNORED if need_not[chosen] else HIT
    return state


def _chosen(shared: Array, free: Array, need_not: Array, least: float) -> int:
    """The drawn one that is overlapped most, the later of equals, those that count first; -1 for none."""
    for kind in (free & ~need_not, free & need_not):
        possible = np.where(kind & (shared >= least), shared, -1.0)
        if possible.max() >= 0:
            return int(len(possible) - 1 - possible[::-1].argmax())
    return -1
