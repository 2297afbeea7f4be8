"""Prediction sets of one recipe: what may be true, with a coverage that its held-out examples support."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from seehear.amounts import format_count, format_exact_percent, format_probability
from seehear.answers import ANSWERS, AnyKind
from seehear.answers.prediction_sets import EVERY_CLASS, PredictionSet, held_out_for, require_prediction_sets
from seehear.errors import UsageError
from seehear.recipe import CoverageCurve, Recipe, used_key

NAMED = 3  # classes in a message


@dataclass(frozen=True)
class Coverage:
    """The prediction sets that a caller asks for.

    share        of the true things that they contain, at least
    each_class   for each class, not only for all of them together
    each_group   in each group of this column of the training data; "" for all of them together
    """

    recipe: Recipe
    kind: AnyKind
    share: float
    each_class: bool = False
    each_group: str = ""
    _known: dict[str, Mapping[str, float]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def promised(cls, recipe: Recipe, kind: AnyKind | None = None) -> Self | None:
        """What training promised; None if nothing. kind: the recipe's own, with its decoder if it has one."""
        if (promise := recipe.promise) is None:
            return None
        return cls(recipe, kind or ANSWERS[recipe.kind], promise.coverage, promise.each_class, promise.each_group)

    def build(self, answer: Any, used: Sequence[str]) -> PredictionSet:
        """The set of one answer from these senses. Raises UsageError, see `thresholds`."""
        sets = require_prediction_sets(self.kind, self.recipe.answer)
        built: PredictionSet = sets.build(answer, self.recipe.answer, self.thresholds(used))
        return built

    def is_possible(self, used: Sequence[str]) -> bool:
        """Whether answers from these senses can have such sets."""
        try:
            self.thresholds(used)
        except UsageError:
            return False
        return True

    def thresholds(self, used: Sequence[str]) -> Mapping[str, float]:
        """The thresholds by class; only EVERY_CLASS if one threshold is for all.

        Raises UsageError if the answers have no sets, and if too few examples were held out to promise this coverage.
        """
        key = used_key(used)
        if key not in self._known:
            self._known[key] = self._find_thresholds(key)
        return self._known[key]

    def _find_thresholds(self, key: str) -> dict[str, float]:
        sets = require_prediction_sets(self.kind, self.recipe.answer)
        if self.each_group:
            return {EVERY_CLASS: self._find_group_threshold(self.recipe.group_coverage.get(key, {}))}
        curves = self.recipe.coverage.get(key, {})
        names = sets.classes(self.recipe.answer) if self.each_class else (EVERY_CLASS,)
        if self.each_class and len(names) < 2:
            raise UsageError(f"a coverage for each class of an answer of the kind {self.kind.name!r}, without classes")
        if not curves and key in self.recipe.results:
            hint = "train it again, or leave the coverage out"
            raise UsageError("this recogniser was calibrated before there were prediction sets", hint=hint)
        found = {name: curves.get(name, CoverageCurve()).least_threshold(self.share) for name in names}
        if missing := {name: curves.get(name, CoverageCurve()) for name, least in found.items() if least is None}:
            raise self._refuse(missing, self.recipe.results.get(key, {}).get("n", 0))
        return {name: least for name, least in found.items() if least is not None}

    def _find_group_threshold(self, curves: Mapping[str, CoverageCurve]) -> float:
        """The threshold with which the sets have the coverage in every group, so that nobody has to name the group."""
        if (curve := curves.get(self.each_group)) is None:
            known = ", ".join(curves) or "none: the training data has no column with a few groups"
            raise UsageError(f"a coverage in each group of '{self.each_group}'", allowed=f"columns: {known}")
        if (least := curve.least_threshold(self.share)) is not None:
            return least
        raise UsageError(
            f"a coverage of {format_exact_percent(self.share)} in each group of '{self.each_group}': the smallest has "
            f"{format_count(math.floor(curve.held_out), 'held-out example')}",
            allowed=f"at most {format_probability(curve.largest)}" if curve.largest > 0 else "no coverage",
            hint=self._advise(curve, 0),
        )

    def _refuse(self, missing: Mapping[str, CoverageCurve], examples: int) -> UsageError:
        """`missing` are the classes without this coverage."""
        worst = min(missing, key=lambda name: missing[name].largest)
        curve, whose = missing[worst], f" for '{worst}'" if worst else ""
        named = ", ".join(f"'{name}'" for name in list(missing)[:NAMED]) + (", …" if len(missing) > NAMED else "")
        what = f"a coverage of {format_exact_percent(self.share)}" + (f" for {named}" if self.each_class else "")
        largest = f"at most {format_probability(curve.largest)}" if curve.largest > 0 else "no coverage"
        return UsageError(
            f"{format_count(examples, 'held-out example')} cannot promise {what}",
            allowed=largest + whose,
            hint=self._advise(curve, 0 if worst else examples),
        )

    def _advise(self, curve: CoverageCurve, examples: int) -> str:
        """How many more examples, or true things of a class, would allow this coverage."""
        needed = held_out_for(self.share)
        if curve.held_out >= needed:
            return "some truths are in no set, however large; a better recogniser would miss fewer"
        each = examples / curve.held_out if examples and curve.held_out else 1.0
        return f"hold out {math.ceil(each * (needed - curve.held_out)):,} more, or ask for less"
