"""The classes that one example may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.label.answer import Label, LabelSpec
from seehear.answers.prediction_sets import EVERY_CLASS, Needed

Array = NDArray[Any]


@dataclass(frozen=True)
class LabelSet:
    """Classes, most likely first: one of them is right or, if an example may have several, those that it has."""

    names: tuple[str, ...]

    @property
    def size(self) -> float:
        """The number of classes."""
        return float(len(self.names))

    def to_json(self) -> dict[str, Any]:
        return {"labels": list(self.names)}

    def __str__(self) -> str:
        return ", ".join(self.names) or "none of the classes"


def needed(answers: Sequence[Label], truths: Sequence[Label], spec: LabelSpec) -> Needed:
    """A slot (n, C) for each class; the true ones hold one thing."""
    probabilities = np.array([answer.probabilities for answer in answers], np.float64).reshape(-1, len(spec.classes))
    number = np.zeros(probabilities.shape, np.int64)
    rows = [row for row, truth in enumerate(truths) for _ in truth.names]
    number[rows, [spec.index[name] for truth in truths for name in truth.names]] = 1
    stratum = np.broadcast_to(np.arange(len(spec.classes)), number.shape)
    return Needed(_distance(probabilities, several=spec.several), number, stratum)


def build(answer: Label, spec: LabelSpec, thresholds: Mapping[str, float]) -> LabelSet:
    """`thresholds` by class, or one for all of them."""
    probabilities = np.array(answer.probabilities)
    limit = np.array([thresholds.get(name, thresholds.get(EVERY_CLASS, 0.0)) for name in spec.classes])
    inside = _distance(probabilities[None], several=spec.several)[0] <= limit
    order = np.argsort(-probabilities, kind="stable")
    return LabelSet(tuple(spec.classes[index] for index in order if inside[index]))


def _distance(probabilities: Array, *, several: bool) -> Array:
    """How improbable each class is (n, C); 0 for those that are in the answer, so that it is always in the set.

    The complement of the probability gives the smallest sets on average (Sadinle et al. 2019, "Least ambiguous
    set-valued classifiers with bounded error levels").
    """
    answered = probabilities > 0.5 if several else probabilities == probabilities.max(axis=1, keepdims=True)
    distance: Array = np.where(answered, 0.0, 1 - probabilities)
    return distance
