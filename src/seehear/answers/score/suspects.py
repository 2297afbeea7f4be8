"""Numbers that are probably wrong: far from what models expect that have not learned from the example.

The difference is normally distributed if the number is right, with a deviation that is estimated from the middle half
of the differences, which a few wrong numbers barely change; a wrong number is anywhere in the range of all numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seehear.answers.score.answer import Z_90, Score, ScoreSpec
from seehear.answers.suspect import Suspect

LIKELIER = 0.5  # a number is suspected if it is likelier wrong than right
QUARTILE = 0.6744897501960817  # standard deviations on either side that hold half of a normal distribution
FIRST_RATE = 0.01
STEPS = 50  # of expectation maximisation
PRIOR = 2.0  # numbers at FIRST_RATE that are assumed


def find_suspects(answers: Sequence[Score], truths: Sequence[Score], spec: ScoreSpec) -> Iterator[Suspect]:
    """answers: of models that have not learned from these examples; truths: what the data say."""
    if not answers:
        return
    expected, given = (np.array([each.value for each in several]) for several in (answers, truths))
    deviation = np.array([answer.high - answer.low for answer in answers]) / (2 * Z_90)
    off = (given - expected) / deviation
    wrong = _judge(off, deviation * _spread(off), spec.high - spec.low)
    for row in np.flatnonzero(wrong > LIKELIER).tolist():
        unit = f" {spec.unit}" if spec.unit else ""
        reason = f"{given[row]:g}{unit}, where {answers[row]} is expected"
        yield Suspect(row, "score", float(wrong[row]), reason)


def _spread(off: np.ndarray) -> float:
    """The factor by which the differences (n,), in the standard deviations that models state, are too large."""
    return float(np.median(np.abs(off))) / QUARTILE or 1.0


def _judge(off: np.ndarray, deviation: np.ndarray, extent: float) -> np.ndarray:
    """(n,) the probability that each number is wrong; deviation (n,), extent: of all numbers, in their unit."""
    spread = _spread(off)
    right = np.exp(-0.5 * (off / spread) ** 2) / (deviation * np.sqrt(2 * np.pi))
    rate = FIRST_RATE
    for _ in range(STEPS):
        wrong = _posterior(right, rate, extent)
        rate = float((wrong.sum() + PRIOR * FIRST_RATE) / (len(wrong) + PRIOR))
    return _posterior(right, rate, extent)


def _posterior(right: np.ndarray, rate: float, extent: float) -> np.ndarray:
    """(n,); right (n,): the density of each number if it is right."""
    posterior: np.ndarray = rate / extent / (rate / extent + (1 - rate) * right)
    return posterior
