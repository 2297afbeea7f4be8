"""What answers were worth, beside the truth: one frozen value that prints and saves itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers import Answer, AnswerKind
from seehear.errors import DataError
from seehear.measure.intervals import Interval, bootstrap, wilson

if TYPE_CHECKING:
    from seehear.table import Problem

Array = NDArray[Any]
SHARES = ("wrong", "coverage", "accepted_error")
RESAMPLES = 1000
FEWEST_RESAMPLES = 200  # enough for two digits, where a thousand would take minutes
NUMBERS_DRAWN = 1e9  # bounds the time of the bootstrap on large tables


@dataclass(frozen=True)
class Judged:
    """One entry per answered example: `row`, its place among all that were asked, and what pictures need."""

    row: Array  # (n,) int
    confidence: Array  # (n,) 0 to 1
    right: Array  # (n,) bool
    accepted: Array  # (n,) bool
    compared: Mapping[str, Array]


@dataclass(frozen=True)
class Evaluation:
    """Figures of one kind of answer on `n` examples, each with its 95 % interval, and what was left out.

    Beside the kind's own, `metrics` has `wrong`, the share of wrong answers, `coverage`, the share it would
    answer itself, and `accepted_error`, the share of wrong ones among those (nan where there are none).
    """

    answer: str
    n: int
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    skipped: tuple[Problem, ...]
    resamples: int
    judged: Judged = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not defined is None."""
        return {
            "answer": self.answer,
            "n": self.n,
            "metrics": {name: _known(value) for name, value in self.metrics.items()},
            "intervals": {name: [_known(low), _known(high)] for name, (low, high) in self.intervals.items()},
            "skipped": [problem.to_json() for problem in self.skipped],
        }

    def worst(self, most: int = 25) -> list[int]:
        """Places, among all that were asked, of the wrong answers, the most confident first."""
        wrong = np.flatnonzero(~self.judged.right)
        order = wrong[np.argsort(-self.judged.confidence[wrong], kind="stable")]
        return [int(row) for row in self.judged.row[order[:most]]]

    def __str__(self) -> str:
        """People's units first: so many per 100; then every metric with its interval."""
        wrong, coverage, accepted_error = (f"{self.per_100(s)} per 100 ({self.per_100_interval(s)})" for s in SHARES)
        itself = f"answers {coverage} itself; of those {accepted_error} are wrong"
        figures = [(name, value, *self.intervals[name]) for name, value in self.metrics.items() if name not in SHARES]
        width = max(len(name) for name, *_ in figures)
        return "\n".join(
            [
                f"{self.n:,} examples: {wrong} are wrong",
                itself if self.metrics["coverage"] else "answers none of them itself: unsure of all",
                *(f"  {name:<{width}}  {short(v)}  ({short(low)} to {short(high)})" for name, v, low, high in figures),
                f"in brackets 95 % intervals ({self.resamples:,} resamples; Wilson's for shares)",
                *([f"left out: {len(self.skipped):,}"] if self.skipped else []),
            ]
        )

    def per_100(self, share: str) -> str:
        """One of SHARES in people's units; "unknown" where it is not defined."""
        return _percent(self.metrics[share])

    def per_100_interval(self, share: str) -> str:
        return " to ".join(map(_percent, self.intervals[share]))


def evaluate(
    kind: AnswerKind,
    spec: Any,
    answers: Sequence[Answer | None],
    truths: Sequence[Answer],
    *,
    accepted: Sequence[bool],
    skipped: Sequence[Problem] = (),
) -> Evaluation:
    """Measure answers against truths, row by row; None is an input that could not be answered and is among `skipped`.

    Raises DataError if none could.
    """
    rows = [row for row, answer in enumerate(answers) if answer is not None]
    if not rows:
        raise DataError(
            f"none of {len(answers):,} examples could be answered",
            hint="see what was left out and why" if skipped else "give it some examples",
        )
    given, true = [answers[row] for row in rows], [truths[row] for row in rows]
    judged = Judged(
        row=np.array(rows),
        confidence=np.array([a.confidence for a in given if a is not None]),
        right=np.array([kind.right(a, t, spec) for a, t in zip(given, true, strict=True)]),
        accepted=np.asarray(accepted, bool)[rows],
        compared=kind.compare(given, true, spec),
    )
    shares = _shares(judged)
    resamples = int(np.clip(NUMBERS_DRAWN / sum(a.size for a in judged.compared.values()), FEWEST_RESAMPLES, RESAMPLES))
    return Evaluation(
        answer=kind.name,
        n=len(rows),
        metrics=kind.metrics(judged.compared, spec) | {name: hits / n if n else math.nan for name, (hits, n) in shares},
        intervals=bootstrap(judged.compared, partial(kind.metrics, spec=spec), resamples=resamples)
        | {name: wilson(hits, n) for name, (hits, n) in shares},
        skipped=tuple(skipped),
        resamples=resamples,
        judged=judged,
    )


def _shares(judged: Judged) -> list[tuple[str, tuple[int, int]]]:
    """How many of how many, for what is a share."""
    n, accepted, wrong = len(judged.right), int(judged.accepted.sum()), ~judged.right
    return list(
        zip(SHARES, ((int(wrong.sum()), n), (accepted, n), (int(wrong[judged.accepted].sum()), accepted)), strict=True)
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def short(value: float) -> str:
    """Three digits, as people read them."""
    return "unknown" if math.isnan(value) else f"{value:.3g}"


def _percent(share: float) -> str:
    return "unknown" if math.isnan(share) else f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f}"
