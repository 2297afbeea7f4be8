"""Decides whether an answer is accepted or becomes "I don't know", and says why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seehear.amounts import format_exact_percent, format_probability
from seehear.answers import AnyKind
from seehear.answers.items import ACCEPT_THRESHOLD, NEVER
from seehear.errors import BundleError
from seehear.recipe import Recipe, SelectivePrediction, used_key
from seehear.senses import Array


class Verdict(NamedTuple):
    """Whether anything in an answer is accepted, whether all of it is, and if nothing is, why; and whether the input is
    unlike the training data.

    The answer is the one that was checked; if the input is unlike the training data, none of its items is accepted.
    """

    answer: Any
    accepted: bool
    whole_accepted: bool
    reason: str
    unfamiliar: bool


@dataclass(frozen=True)
class Acceptance:
    """The accept-or-reject rules of one recipe. `used` are the senses that an answer is based on."""

    recipe: Recipe
    kind: AnyKind

    def error_limit(self, used: Sequence[str], wrong_at_most: float | None) -> float:
        """The share of accepted answers that may be wrong: the caller's, or the recipe's."""
        return self._selective(used).wrong_at_most if wrong_at_most is None else wrong_at_most

    def calibration(self, used: Sequence[str], wrong_at_most: float | None) -> dict[str, float]:
        """The fitted calibration, and the confidence from which an item is accepted."""
        selective = self._selective(used)
        threshold = selective.risk.threshold(self.error_limit(used, wrong_at_most))
        return {**selective.calibration, ACCEPT_THRESHOLD: threshold}

    def decide(
        self, answer: Any, ood_scores: Mapping[str, Array], used: Sequence[str], wrong_at_most: float | None
    ) -> Verdict:
        """Raises BundleError for a confidence that is not a probability."""
        if not 0 <= answer.confidence <= 1:
            raise BundleError(f"the model returned a confidence of {answer.confidence}", allowed="0 to 1")
        selective, limit = self._selective(used), self.error_limit(used, wrong_at_most)
        has_items = bool(self.kind.item)
        whole_risk = selective.whole_risk if has_items else selective.risk
        confident = answer.confidence >= whole_risk.threshold(limit)
        reasons = list(self._out_of_distribution(ood_scores))
        in_distribution = not reasons
        if not confident and not (has_items and answer.items.accepted > 0):
            reasons.append(self._not_confident(answer, used, limit))
        if has_items and not in_distribution:
            answer = answer.reject_items()
        return Verdict(answer, not reasons, confident and in_distribution, "; ".join(reasons), not in_distribution)

    def nothing_accepted(self, used: Sequence[str], wrong_at_most: float | None) -> str:
        """Why no answer can be accepted, however confident; "" if some can."""
        limit, selective = self.error_limit(used, wrong_at_most), self._selective(used)
        wrong = [*selective.risk.wrong, *selective.whole_risk.wrong]
        if not wrong:
            return f"how often it is right from {' and '.join(used)} was never measured"
        if min(wrong) <= limit:
            return ""
        n = self.recipe.results.get(used_key(used), {}).get("n", "the")
        noun = "cross-validated examples" if self.recipe.cross_fitted else "held-out examples"
        achievable = format_probability(min(wrong), math.ceil)
        said = f"{n} {noun} guarantee at most {achievable} wrong, not {format_exact_percent(limit)}"
        times = selective.growth_for(limit)
        if times is None or not isinstance(n, int):
            return said
        return f"{said}; about {math.ceil((times - 1) * n):,} more would"

    def _selective(self, used: Sequence[str]) -> SelectivePrediction:
        return self.recipe.selective.get(used_key(used)) or SelectivePrediction()

    def _out_of_distribution(self, ood_scores: Mapping[str, Array]) -> Iterator[str]:
        for sense, score in ood_scores.items():
            if score > self.recipe.ood_threshold.get(sense, np.inf):
                yield f"the {sense} is unlike the training data"

    def _not_confident(self, answer: Any, used: Sequence[str], limit: float) -> str:
        """The confidence that an answer would need to be accepted."""
        if reason := self.nothing_accepted(used, limit):
            return reason
        selective, item = self._selective(used), self.kind.item
        needed = {"it": selective.risk}
        if item:
            needed = ({f"a {item}": selective.risk} if answer.items.of else {}) | {"all of it": selective.whole_risk}
        thresholds = {what: risk.threshold(limit) for what, risk in needed.items()}
        reachable = {what: threshold for what, threshold in thresholds.items() if threshold < NEVER}
        if not reachable:
            return f"for at most {format_exact_percent(limit)} wrong, an answer without any {item} is never accepted"
        least = " or ".join(
            f"{what} must be {format_probability(threshold, math.ceil)} sure" for what, threshold in reachable.items()
        )
        return f"for at most {format_exact_percent(limit)} wrong, {least}"
