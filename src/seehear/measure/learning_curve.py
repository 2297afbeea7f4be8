"""Estimates how good a model would be with more examples, from its error on nested subsets of all or of one class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.measure.power_law import Forecast, PowerLaw

Array = NDArray[Any]

MORE = 0.5  # of the present number of examples; forecasts do not go further
TINY = 1e-6  # least variance of a point, so that a curve without errors can be fitted


@dataclass(frozen=True)
class Curve:
    """errors (K,) with sizes (K,) training examples, ascending, and their covariance (K, K).

    For a metric that should be high, such as accuracy, the error is one minus the metric.
    """

    sizes: Array
    errors: Array
    covariance: Array

    @cached_property
    def law(self) -> PowerLaw:
        return PowerLaw.fit(self.sizes, self.errors, self.covariance + TINY * np.eye(len(self.sizes)))


class Advice(NamedTuple):
    """What a number of further examples is expected to change.

    of    the class; "" for all classes in their present proportions
    gain  how much the metric improves
    """

    more: int
    of: str
    gain: Forecast


@dataclass(frozen=True)
class LearningCurve:
    """The curves of a metric with fewer examples of all classes, and of single classes that may need more examples.

    examples  N, the present number
    curve     with fewer examples of all classes
    classes   with fewer examples of one class
    counts    the present number of examples of these classes
    """

    metric: str
    higher_is_better: bool
    examples: int
    curve: Curve
    classes: Mapping[str, Curve]
    counts: Mapping[str, int]

    def forecast(self, examples: float) -> Forecast:
        """The metric with this many examples."""
        found = self.curve.law.forecast_error(examples)
        return Forecast(1 - found.value, 1 - found.high, 1 - found.low) if self.higher_is_better else found

    def advise(self) -> list[Advice]:
        """The gain from more examples of all classes, and from as many of one class, the most helpful first."""
        more = _round(MORE * self.examples)
        of_all = Advice(more, "", self.curve.law.forecast_gain(self.examples, self.examples + more))
        if not self.classes:
            return [of_all]
        each = _round(min(MORE * self.examples / len(self.counts), MORE * np.median(list(self.counts.values()))))
        of_classes = [
            Advice(each, name, curve.law.forecast_gain(self.counts[name], self.counts[name] + each))
            for name, curve in self.classes.items()
        ]
        return [*sorted(of_classes, key=lambda advice: -advice.gain.value), of_all]

    def describe(self) -> list[str]:
        """Describe in sentences what would help most, and what more of everything would bring."""
        *classes, of_all = self.advise()
        sentences = [f"{format_count(of_all.more, 'more example')} of all kinds: {self._quote(of_all.gain)}"]
        if classes:
            first = classes[0]
            rivals = [other.of for other in classes[1:] if other.gain.high > first.gain.value]
            if len(rivals) < len(classes) - 1:
                also = f"; {' and '.join(map(repr, rivals))} may help as much" if 0 < len(rivals) <= 2 else ""
                what = f"{first.more:,} more of {first.of!r} would help most"
                sentences.insert(0, f"{what}: {self._quote(first.gain)}{also}")
            else:
                sentences.insert(0, "it is not clear which class needs examples most: all would help about as much")
        return sentences

    def _quote(self, gain: Forecast) -> str:
        """The gain as text, in points for shares: "+4 points (+2 to +6)"."""
        scale, unit = (100.0, " points") if self.higher_is_better else (-1.0, "")
        low, high = sorted((scale * gain.low, scale * gain.high))
        return f"{self.metric} {_signed(scale * gain.value)}{unit} ({_signed(low)} to {_signed(high)})"

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "examples": self.examples,
            "sizes": self.curve.sizes.round(1).tolist(),
            "errors": self.curve.errors.round(5).tolist(),
            "more": [{"more": each.more, "of": each.of or None, "gain": each.gain._asdict()} for each in self.advise()],
        }


def _round(number: float) -> int:
    """Round to 1, 2, 3 or 5 times a power of ten, at least 1."""
    power = 10 ** math.floor(math.log10(max(number, 1)))
    return int(power * max(step for step in (1, 2, 3, 5) if step * power <= max(number, 1)))


def _signed(number: float) -> str:
    return f"{number:+.2g}" if abs(number) < 10 else f"{number:+.0f}"
