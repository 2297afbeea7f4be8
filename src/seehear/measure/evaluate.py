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
from seehear.measure.groups import Grouping, by_group
from seehear.measure.intervals import Interval
from seehear.measure.judged import SHARES, WHOLE_SHARES, Judged, enough_resamples, figures, plain
from seehear.measure.shifted import Shifted
from seehear.measure.speed import Speed
from seehear.measure.units import Units, units_of
from seehear.measure.wording import per_100, reach, short

if TYPE_CHECKING:
    from seehear.table import RowProblem

FEWER = 5  # times fewer resamples for each group than for all


@dataclass(frozen=True)
class Evaluation:
    """Figures of one kind of answer on `n` examples, each with its 95 % interval, by groups, and what was left out.

    Beside the kind's own, `metrics` has `wrong`, the share of wrong answers, `coverage`, the share that is accepted,
    and `accepted_error`, the share of wrong ones among those (nan where there are none). Where answers have an `item`,
    coverage and accepted_error are of boxes, words or pixels, and `whole_coverage` and `whole_error` of whole answers.
    `groups` has the groups of each column of metadata that tells examples apart, `speed` how long it took, where it
    was timed. `shifted` says what it withstands, where that was asked for, `wrong_at_most` what was promised of what is
    accepted, where that is known, and `unvouched` why nothing is accepted, however sure, where that is so. `rests_on`
    says of how many people or places the examples are, where the table tells, `differs` in which ways they are unlike
    those that were learned from, and `resampled` what is drawn for intervals: examples, or speakers, patients or sites
    as wholes.
    """

    answer: str
    n: int
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    groups: dict[str, Grouping]
    skipped: tuple[RowProblem, ...]
    resamples: int
    judged: Judged = field(repr=False, compare=False)
    resampled: str = "examples"
    speed: Speed | None = field(default=None, compare=False)
    shifted: Shifted | None = None
    item: str = ""
    wrong_at_most: float | None = None
    unvouched: str = ""
    rests_on: str = ""
    differs: tuple[str, ...] = ()

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
            "rests_on": self.rests_on,
            "differs": list(self.differs),
            **({"shifted": self.shifted.to_json()} if self.shifted else {}),
            "skipped": [problem.to_json() for problem in self.skipped],
        }

    def worst(self, most: int = 25) -> list[int]:
        """Places, among all that were asked, of the wrong answers, the most confident first."""
        wrong = np.flatnonzero(~self.judged.right)
        order = wrong[np.argsort(-self.judged.confidence[wrong], kind="stable")]
        return [int(row) for row in self.judged.row[order[:most]]]

    def __str__(self) -> str:
        """People's units first: so many per 100; then every metric with its interval."""
        figures = [figure for figure in self.told() if figure[0] not in SHARES + WHOLE_SHARES]
        width = max((len(name) for name, *_ in figures), default=0)
        people = f" of {self.rests_on}" if self.rests_on else ""
        return "\n".join(
            [
                f"{self.n:,} examples{people}: {self._of_100('wrong')} are wrong",
                self._accepted(),
                *(f"  {name:<{width}}  {value}  ({reach})" for name, value, reach in figures),
                f"in brackets 95 % intervals ({self.resamples:,} resamples of {self.resampled}; Wilson's for shares)",
                *([str(self.speed)] if self.speed else []),
                *(f"unlike what was learned from: {sentence}" for sentence in self.differs),
                *([f"left out: {len(self.skipped):,}"] if self.skipped else []),
                *(f"\n{grouping}" for grouping in self.groups.values()),
                *([f"\n{self.shifted}"] if self.shifted else []),
            ]
        )

    def _accepted(self) -> str:
        """What is accepted, and how much of it is wrong."""
        if not self.metrics["coverage"]:
            what = f"accepts none of the {plural(self.item)}" if self.item else "answers none of them itself"
            return f"{what}: {self.unvouched or 'unsure of all'}"
        coverage, error = map(self._of_100, ("coverage", "accepted_error"))
        promised = "" if self.wrong_at_most is None else f"; promised: at most {per_100(self.wrong_at_most)}"
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
        return per_100(self.metrics[share])

    def per_100_interval(self, share: str) -> str:
        return reach(self.intervals[share], per_100)


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
    judged = Judged.of(kind, spec, answers, truths).accepting(accepted)
    return evaluation(kind, spec, judged, skipped=skipped, metadata=metadata)


def evaluation(
    kind: AnswerKind,
    spec: Any,
    judged: Judged,
    *,
    skipped: Sequence[RowProblem] = (),
    metadata: Mapping[str, Sequence[str]] | None = None,
    units: Units | None = None,
) -> Evaluation:
    """The figures of answers that were compared with their truths before, as `evaluate` gives them.

    `units` says what is resampled; by default what the metadata tells.
    """
    if units is None:
        told = {name: [cells[row] for row in judged.row] for name, cells in (metadata or {}).items()}
        units = units_of(len(judged), told)
    judged = replace(judged, unit=units.code)
    resamples = enough_resamples(judged)
    metrics, intervals = figures(judged, kind, spec, resamples=resamples)
    return Evaluation(
        answer=kind.name,
        item=kind.item,
        n=len(judged),
        metrics=metrics,
        intervals=intervals,
        groups=by_group(kind, spec, judged, metadata or {}, resamples=resamples // FEWER),
        skipped=tuple(skipped),
        resamples=resamples,
        judged=judged,
        resampled=units.said,
    )
