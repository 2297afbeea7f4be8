"""What can be explained of a score: its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seehear.answers.quantity import Quantity
from seehear.answers.score.answer import Score, ScoreSpec, to_answer

Arrays = Mapping[str, NDArray[Any]]


def list_quantities(answer: Score, raw: Arrays, spec: ScoreSpec, calibration: Mapping[str, float]) -> list[Quantity]:
    def measure(raw: Arrays) -> float:
        return to_answer(raw, spec, calibration, None).value

    return [Quantity("score", "the score", measure, spec.mean, spec.unit)]
