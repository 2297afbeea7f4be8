"""What can be explained of a label: the probability of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.label.answer import Label, LabelSpec, to_answer
from seehear.answers.quantity import Quantity

EVEN = 0.5  # the probability of one of several classes, of which the spec does not say how many examples had none

Arrays = Mapping[str, NDArray[Any]]


def list_quantities(answer: Label, raw: Arrays, spec: LabelSpec, calibration: Mapping[str, float]) -> list[Quantity]:
    """The probabilities of all classes: those of the answer first, then the most likely."""
    order = sorted(
        range(len(spec.classes)), key=lambda i: (spec.classes[i] not in answer.names, -answer.probabilities[i])
    )
    return [_measure_class(i, spec, calibration) for i in order]


def _measure_class(i: int, spec: LabelSpec, calibration: Mapping[str, float]) -> Quantity:
    def measure(raw: Arrays) -> float:
        return to_answer(raw, spec, calibration, None).probabilities[i]

    share = EVEN if spec.several else spec.counts[i] / float(np.sum(spec.counts))
    return Quantity(spec.classes[i], f"the probability of {spec.classes[i]}", measure, share)
