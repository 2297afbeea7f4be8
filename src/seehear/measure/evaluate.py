"""What answers were worth, beside the truth: one frozen value that prints and saves itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seehear.amounts import plural
from seehear.answers import Answer, AnswerKind
from seehear.errors import DataError
from seehear.measure.clusters import Clusters, find_clusters
from seehear.measure.formatting import format_per_100, reach, short
from seehear.measure.groups import Grouping, by_group
from seehear.measure.intervals import Interval
from seehear.measure.robustness import Robustness
from seehear.measure.scored_answers import SHARES, WHOLE_SHARES, ScoredAnswers, enough_resamples, figures, plain
from seehear.measure.speed import Speed

if TYPE_CHECKING:
    from seehear.table import RowProblem

FEWER = 5  # times fewer resamples for each group than for all


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one kind of answer on `n` examples with 95 % intervals, by groups, and the rows left out.

    metrics             of the kind, and `wrong` (share of wrong answers), `coverage` (share accepted) and
                        `accepted_error` (share wrong among those accepted; nan if there are none). Where answers have
                        an `item`, coverage and accepted_error count boxes, words or pixels, and `whole_coverage` and
                        `whole_error` count whole answers
    groups              by metadata column
    resampled           what the bootstrap draws: examples, or whole speakers, patients or sites
    speed               None if it was not timed
    robustness          None unless requested
    wrong_at_most       the promised bound on accepted_error, if known
    unvouched           why nothing is accepted, however confident; "" if something may be
    groups_seen         how many people or places the examples come from; "" if the table does not say
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
    robustness: Robustness | None = None
    item: str = ""
    wrong_at_most: float | None = None
    unvouched: str = ""
    groups_seen: str = ""
    distribution_shift: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is not defined is None."""
        return {
            "answer": self.answer,
            "n": self.n,
            **({"item": self.item} if self.item else {}),
            **({} if self.wrong_at_most is None else {"wrong_at_most": self.wrong_at_most}),
            **plain(self.metrics, self.intervals),
            "resampled": self.resampled,
            "groups": {column: grouping.to_json() for column, grouping in self.groups.items()},
            **({"speed": self.speed.to_json()} if self.speed else {}),
            "groups_seen": self.groups_seen,
            "distribution_shift": list(self.distribution_shift),
            **({"robustness": self.robustness.to_json()} if self.robustness else {}),
            "skipped": [problem.to_json() for problem in self.skipped],
        }

    def worst(self, most: int = 25) -> list[int]:
        """Places, among all that were asked, of the wrong answers, the most confident first."""
        wrong = np.flatnonzero(~self.scored.right)
        order = wrong[np.argsort(-self.scored.confidence[wrong], kind="stable")]
        return [int(row) for row in self.scored.row[order[:most]]]

    def __str__(self) -> str:
        """People's units first: so many per 100; then every metric with its interval."""
        figures = [figure for figure in self.told() if figure[0] not in SHARES + WHOLE_SHARES]
        width = max((len(name) for name, *_ in figures), default=0)
        people = f" of {self.groups_seen}" if self.groups_seen else ""
        return "\n".join(
            [
                f"{self.n:,} examples{people}: {self._of_100('wrong')} are wrong",
                self._accepted(),
                *(f"  {name:<{width}}  {value}  ({reach})" for name, value, reach in figures),
                f"in brackets 95 % intervals ({self.resamples:,} resamples of {self.resampled}; Wilson's for shares)",
                *([str(self.speed)] if self.speed else []),
                *(f"unlike what was learned from: {sentence}" for sentence in self.distribution_shift),
                *([f"left out: {len(self.skipped):,}"] if self.skipped else []),
                *(f"\n{grouping}" for grouping in self.groups.values()),
                *([f"\n{self.robustness}"] if self.robustness else []),
            ]
        )

    def _accepted(self) -> str:
        """What is accepted, and how much of it is wrong."""
        if not self.metrics["coverage"]:
            what = f"accepts none of the {plural(self.item)}" if self.item else "answers none of them itself"
            return f"{what}: {self.unvouched or 'unsure of all'}"
        coverage, error = map(self._of_100, ("coverage", "accepted_error"))
        promised = "" if self.wrong_at_most is None else f"; promised: at most {format_per_100(self.wrong_at_most)}"
        if not self.item:
            return f"answers {coverage} itself; of those {error} are wrong{promised}"
        whole = f"; all of an answer: {self._of_100('whole_coverage')}"
        if self.metrics["whole_coverage"]:
            whole += f", of those wrong {self._of_100('whole_error')}"
        return f"accepts {coverage} of the {plural(self.item)}; of those {error} are wrong{promised}{whole}"

    def _of_100(self, share: str) -> str:
        return f"{self.per_100(share)} per 100 ({self.per_100_interval(share)})"

    def told(self) -> Iterator[tuple[str, str, str]]:
        """Each metric that is known, as people read it: its name, its value, and its interval."""
        for name, value in self.metrics.items():
            if not math.isnan(value):
                yield name, short(value), reach(self.intervals[name])

    def per_100(self, share: str) -> str:
        """One of SHARES in people's units; "unknown" where it is not defined."""
        return format_per_100(self.metrics[share])

    def per_100_interval(self, share: str) -> str:
        return reach(self.intervals[share], format_per_100)


def evaluate(
    kind: AnswerKind,
    spec: Any,
    answers: Sequence[Answer | None],
    truths: Sequence[Answer],
    *,
    accepted: Sequence[bool],
    skipped: Sequence[RowProblem] = (),
    metadata: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Measure answers against truths, row by row; None is an input that could not be answered and is among `skipped`.

    `accepted` says of which answers all is accepted; their boxes, words or pixels say so themselves. `metadata` has
    columns with a cell for each row, whose groups are measured too. Speakers, patients and sites among them are
    resampled as wholes.

    Raises DataError if none could.
    """
    if all(answer is None for answer in answers):
        raise DataError(
            f"none of {len(answers):,} examples could be answered",
            hint="see what was left out and why" if skipped else "give it some examples",
        )
    scored = ScoredAnswers.of(kind, spec, answers, truths).accepting(accepted)
    return evaluate_scored(kind, spec, scored, skipped=skipped, metadata=metadata)


def evaluate_scored(
    kind: AnswerKind,
    spec: Any,
    scored: ScoredAnswers,
    *,
    skipped: Sequence[RowProblem] = (),
    metadata: Mapping[str, Sequence[str]] | None = None,
    units: Clusters | None = None,
) -> Evaluation:
    """The figures of answers that were compared with their truths before, as `evaluate` gives them.

    `units` says what is resampled; by default what the metadata tells.
    """
    if units is None:
        told = {name: [cells[row] for row in scored.row] for name, cells in (metadata or {}).items()}
        units = find_clusters(len(scored), told)
    scored = replace(scored, unit=units.code)
    resamples = enough_resamples(scored)
    metrics, intervals = figures(scored, kind, spec, resamples=resamples)
    return Evaluation(
        answer=kind.name,
        item=kind.item,
        n=len(scored),
        metrics=metrics,
        intervals=intervals,
        groups=by_group(kind, spec, scored, metadata or {}, resamples=resamples // FEWER),
        skipped=tuple(skipped),
        resamples=resamples,
        scored=scored,
        resampled=units.said,
    )
