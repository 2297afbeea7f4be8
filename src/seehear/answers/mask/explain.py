"""What can be explained of a mask: how sure it is of the pixels of each class; and how sure of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.mask.answer import Mask, softmax
from seehear.answers.mask.spec import MaskSpec
from seehear.answers.quantity import Quantity

Array = NDArray[Any]
Arrays = Mapping[str, Array]


def list_quantities(answer: Mask, raw: Arrays, spec: MaskSpec, calibration: Mapping[str, float]) -> list[Quantity]:
    """For each class in the mask, largest first, the mean probability that its pixels are of it."""
    temperature = calibration.get("temperature", 1.0)
    best = raw["logits"].argmax(0)  # (h, w)
    areas = np.bincount(best.ravel(), minlength=len(spec.classes))
    return [
        Quantity(
            name=spec.classes[i],
            what=f"the mean probability of {spec.classes[i]} where it is found",
            measure=partial(_measure_class, where=best == i, i=i, temperature=temperature),
            without_input=0.0,
        )
        for i in np.argsort(-areas, kind="stable").tolist()
        if areas[i]
    ]


def map_confidence(raw: Arrays, spec: MaskSpec, calibration: Mapping[str, float]) -> Array:
    """(h, w): the probability of the most likely class of each cell."""
    confidence: Array = softmax(raw["logits"], calibration.get("temperature", 1.0)).max(0)
    return confidence


def _measure_class(raw: Arrays, where: Array, i: int, temperature: float) -> float:
    return float(softmax(raw["logits"], temperature)[i][where].mean())
