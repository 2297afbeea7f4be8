"""The interval in which a number lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seehear.answers.prediction_sets import EVERY_CLASS, Needed
from seehear.answers.score.answer import Z_90, Score, ScoreSpec, format_interval


@dataclass(frozen=True)
class ScoreSet:
    """The interval from `low` to `high`, in `unit`."""

    value: float
    low: float
    high: float
    unit: str

    @property
    def size(self) -> float:
        """Its width."""
        return self.high - self.low

    def to_json(self) -> dict[str, Any]:
        return {"low": float(f"{self.low:.6g}"), "high": float(f"{self.high:.6g}"), "unit": self.unit}

    def __str__(self) -> str:
        return format_interval(self.value, self.low, self.high, self.unit)


def needed(answers: Sequence[Score], truths: Sequence[Score], spec: ScoreSpec) -> Needed:
    """How many of its standard deviations each answer is off, in one slot."""
    off = np.array([abs(t.value - a.value) / _deviation(a, spec) for a, t in zip(answers, truths, strict=True)])
    ones = np.ones((len(off), 1), np.int64)
    return Needed(off.reshape(-1, 1), ones, 0 * ones)


def build(answer: Score, spec: ScoreSpec, thresholds: Mapping[str, float]) -> ScoreSet:
    """Standard deviations differ from answer to answer, and so do the widths (Lei et al. 2018, section 5.2)."""
    half_width = thresholds[EVERY_CLASS] * _deviation(answer, spec)
    return ScoreSet(answer.value, answer.value - half_width, answer.value + half_width, answer.unit)


def _deviation(answer: Score, spec: ScoreSpec) -> float:
    return max((answer.high - answer.low) / (2 * Z_90), 1e-9 * spec.spread)
