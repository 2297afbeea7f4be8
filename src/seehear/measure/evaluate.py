"""The evaluation of answers against truths: one frozen value that prints itself and converts to JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seehear.amounts import format_exact_percent, pluralise
from seehear.answers import Answer, AnyKind
from seehear.errors import DataError
from seehear.measure.calibration import Calibration
from seehear.measure.clusters import Clusters, find_clusters
from seehear.measure.formatting import format_interval, format_number, format_percent
from seehear.measure.groups import Grouping, measure_groups
from seehear.measure.intervals import Interval
from seehear.measure.scored_answers import (
    SHARES,
    WHOLE_SHARES,
    ScoredAnswers,
    choose_resamples,
    compute_metrics,
    metrics_to_json,
)
from seehear.measure.set_coverage import SetCoverage
from seehear.measure.speed import Speed
from seehear.measure.stress import Stress

if TYPE_CHECKING:
    from seehear.table import RowProblem

GROUP_RESAMPLES = 5  # the bootstrap of a group draws this many times fewer resamples than that of all examples


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one kind of answer on `n` examples with 95 % intervals, by groups, and the rows left out.

    metrics             the kind's own, and `wrong` (share of wrong answers), `coverage` (share accepted) and
                        `accepted_error` (share wrong among those accepted; nan if there are none). If answers have an
                        `item`, coverage and accepted_error count boxes, words or pixels, and `whole_coverage` and
                        `whole_error` count whole answers
    groups              by metadata column
    resampled           what the bootstrap draws: examples, or whole speakers, patients or sites
    speed               None if it was not timed
    stress              None unless requested
    wrong_at_most       the target for accepted_error, if known
    rejection_reason    why nothing is accepted at any confidence; "" if something may be
    groups_seen         how many people or places the examples come from; "" if the table does not say
    fairness            what equal weight for groups changed in training; "" without
    robustness          what robust training changed; "" without
    calibration         of whole answers; None if it was not measured
    sets                the coverage of prediction sets; None unless requested
    distribution_shift  sentences that say how the examples differ from the training data
    """

    answer: str
    n: int
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    groups: dict[str, Grouping]
    skipped: tuple[RowProblem, ...]
    resamples: int
    scored: ScoredAnswers = field(repr=False, compare=False)
    resampled: str = "examples"
    speed: Speed | None = field(default=None, compare=False)
    stress: Stress | None = None
    item: str = ""
    wrong_at_most: float | None = None
    rejection_reason: str = ""
    groups_seen: str = ""
    fairness: str = ""
    robustness: str = ""
    calibration: Calibration | None = None
    sets: SetCoverage | None = None
    distribution_shift: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined ones are None."""
        return {
            "answer": self.answer,
            "n": self.n,
            **({"item": self.item} if self.item else {}),
            **({} if self.wrong_at_most is None else {"wrong_at_most": self.wrong_at_most}),
            **metrics_to_json(self.metrics, self.intervals),
            **({"calibration": self.calibration.to_json()} if self.calibration else {}),
            **({"prediction_sets": self.sets.to_json()} if self.sets else {}),
            "resampled": self.resampled,
            "groups": {column: grouping.to_json() for column, grouping in self.groups.items()},
            "worst_groups": {column: grouping.worst_to_json() for column, grouping in self.groups.items()},
            **({"speed": self.speed.to_json()} if self.speed else {}),
            "groups_seen": self.groups_seen,
            **({"fairness": self.fairness} if self.fairness else {}),
            **({"robustness": self.robustness} if self.robustness else {}),
            "distribution_shift": list(self.distribution_shift),
            **({"stress": self.stress.to_json()} if self.stress else {}),
            "skipped": [problem.to_json() for problem in self.skipped],
        }

    def worst(self, count: int = 25) -> list[int]:
        """Rows, among all examples, of the wrong answers, the most confident first."""
        wrong = np.flatnonzero(~self.scored.right)
        order = wrong[np.argsort(-self.scored.confidence[wrong], kind="stable")]
        return [int(row) for row in self.scored.row[order[:count]]]

    def __str__(self) -> str:
        metrics = [row for row in self.rows() if row[0] not in SHARES + WHOLE_SHARES]
        width = max((len(name) for name, *_ in metrics), default=0)
        people = f" from {self.groups_seen}" if self.groups_seen else ""
        return "\n".join(
            [
                f"{self.n:,} examples{people}: {self._quote('wrong')} of the answers are wrong",
                self._describe_accepted(),
                *(f"  {name:<{width}}  {value}  ({interval})" for name, value, interval in metrics),
                f"95 % intervals in brackets ({self.resamples:,} resamples of {self.resampled}; Wilson's for shares)",
                *([str(self.calibration)] if self.calibration else []),
                *([str(self.sets)] if self.sets else []),
                *([str(self.speed)] if self.speed else []),
                *(f"unlike the training data: {sentence}" for sentence in self.distribution_shift),
                *([f"left out: {len(self.skipped):,}"] if self.skipped else []),
                *filter(None, [self.fairness, self.robustness]),
                *(f"\n{grouping}" for grouping in self.groups.values()),
                *([f"\n{self.stress}"] if self.stress else []),
            ]
        )

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """The name, value and interval of each metric that is defined, as text."""
        for name, value in self.metrics.items():
            if not math.isnan(value):
                yield name, format_number(value), format_interval(self.intervals[name])

    def format_share(self, name: str) -> tuple[str, str]:
        """One of SHARES and its interval in percent, as text."""
        return format_percent(self.metrics[name]), format_interval(self.intervals[name], percent=True)

    def _describe_accepted(self) -> str:
        """How much is accepted, and how much of that is wrong."""
        things = pluralise(self.item) if self.item else "answers"
        if not self.metrics["coverage"]:
            return f"accepts none of the {things}: {self.rejection_reason or 'confidence is too low for all'}"
        text = f"accepts {self._quote('coverage')} of the {things}; {self._quote('accepted_error')} of those are wrong"
        if self.wrong_at_most is not None:
            text += f" (target: at most {format_exact_percent(self.wrong_at_most)})"
        if self.item:
            text += f"; accepts {self._quote('whole_coverage')} of the answers as a whole"
            if self.metrics["whole_coverage"]:
                text += f", {self._quote('whole_error')} of those are wrong"
        return text

    def _quote(self, share: str) -> str:
        return "{} ({})".format(*self.format_share(share))


def evaluate(
    kind: AnyKind,
    spec: Any,
    answers: Sequence[Answer | None],
    truths: Sequence[Answer],
    *,
    accepted: Sequence[bool],
    skipped: Sequence[RowProblem] = (),
    metadata: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Compare answers with truths, row by row; None stands for an input without an answer, which is in `skipped`.

    accepted  whether each answer is accepted as a whole; boxes, words and pixels say so themselves
    metadata  columns with a cell for each row; their groups are measured, and speakers, patients or sites among them
              are resampled as a whole

    Raises DataError if no input has an answer.
    """
    if all(answer is None for answer in answers):
        raise DataError(
            f"none of {len(answers):,} examples could be answered",
            hint="see what was left out and why" if skipped else "give it some examples",
        )
    scored = ScoredAnswers.of(kind, spec, answers, truths).accept(accepted)
    return evaluate_scored(kind, spec, scored, skipped=skipped, metadata=metadata)


def evaluate_scored(
    kind: AnyKind,
    spec: Any,
    scored: ScoredAnswers,
    *,
    skipped: Sequence[RowProblem] = (),
    metadata: Mapping[str, Sequence[str]] | None = None,
    clusters: Clusters | None = None,
) -> Evaluation:
    """As `evaluate`, for answers that were already compared. `clusters` replaces those found in the metadata."""
    if clusters is None:
        known = {name: [cells[row] for row in scored.row] for name, cells in (metadata or {}).items()}
        clusters = find_clusters(len(scored), known)
    scored = replace(scored, cluster=clusters.code)
    resamples = choose_resamples(scored)
    metrics = compute_metrics(scored, kind, spec, resamples=resamples)
    return Evaluation(
        answer=kind.name,
        item=kind.item,
        n=len(scored),
        metrics=metrics.values,
        intervals=metrics.intervals,
        groups=measure_groups(kind, spec, scored, metadata or {}, resamples=resamples // GROUP_RESAMPLES),
        skipped=tuple(skipped),
        resamples=resamples,
        scored=scored,
        resampled=clusters.description,
    )
