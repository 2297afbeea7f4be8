"""What can be explained of boxes: how sure each is; and how sure it is of an object at each place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.answer import Boxes, BoxesSpec
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.overlap import box_iou
from seehear.answers.platt_scaling import apply_platt
from seehear.answers.quantity import Quantity

Array = NDArray[Any]
Arrays = Mapping[str, Array]


def list_quantities(answer: Boxes, raw: Arrays, spec: BoxesSpec, calibration: Mapping[str, float]) -> list[Quantity]:
    """The confidence of each box. If no box is reported, of those that nearly were."""
    return [
        Quantity(
            name=f"box {number}",
            what=f"the confidence of box {number}, {box.label},",
            measure=partial(_measure_box, box=box, label=spec.index[box.label], calibration=calibration),
            without_input=0.0,
        )
        for number, box in enumerate(answer.boxes or answer.low_confidence, 1)
    ]


def map_confidence(raw: Arrays, spec: BoxesSpec, calibration: Mapping[str, float]) -> Array:
    """(h, w): the highest confidence of a box from a cell at each place, on the finest grid of the cells."""
    confidence = np.array([apply_platt(score, calibration, "box") for score in _sigmoid(raw["logits"].max(1)).tolist()])
    x, y, pitch = raw["cells"].astype(np.float64).T
    finest = pitch.min()
    width, height = (int(np.ceil((centre + pitch / 2).max() / finest)) for centre in (x, y))
    cells = np.zeros((height, width))
    for own in np.unique(pitch):
        side = max(1, round(own / finest))
        mine = pitch == own
        left, top = (np.round((centre[mine] - own / 2) / finest).astype(np.int64) for centre in (x, y))
        for down in range(side):
            for across in range(side):
                rows, columns = np.clip(top + down, 0, height - 1), np.clip(left + across, 0, width - 1)
                np.maximum.at(cells, (rows, columns), confidence[mine])
    return cells


def _measure_box(raw: Arrays, box: Box, label: int, calibration: Mapping[str, float]) -> float:
    """How sure it is of a box of this class at this place: the best product of score and overlap of any box (D-RISE,
    Petsiuk et al. 2021, arXiv:2006.03204)."""
    overlap = box_iou(raw["corners"].astype(np.float64), np.array([box.xyxy]))[:, 0]
    best = float((_sigmoid(raw["logits"][:, label]) * overlap).max())
    return apply_platt(best, calibration, "box")


def _sigmoid(logits: Array) -> Array:
    odds: Array = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    return odds
