"""Detects whether most inputs differ from the training data in the same way: darker, noisier, more blurred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from seehear.amounts import format_count, format_probability
from seehear.recipe import Recipe
from seehear.runtime.prediction import Prediction
from seehear.senses import SENSES

MIN_INPUTS = 5  # inputs below which nothing is reported
SHIFT_SHARE = 0.5  # the share of inputs outside the usual range above which a difference is reported
USUAL_SHARE = (
    0.96  # the share of training examples within `Recipe.input_statistics`; half of the rest lies beyond each end
)


class ShiftDetector:
    """Counts inputs outside the usual range of the training data, in constant memory."""

    def __init__(self, recipe: Recipe) -> None:
        self._ranges = recipe.input_statistics
        self._inputs: defaultdict[str, int] = defaultdict(int)
        self._beyond: defaultdict[tuple[str, str, bool], int] = defaultdict(int)  # sense, statistic, whether higher

    def count(self, prediction: Prediction) -> None:
        for sense, measured in prediction.measured.items():
            self._inputs[sense] += 1
            for name, (low, high) in self._ranges[sense].items():
                least = SENSES[sense].statistics[name].least
                self._beyond[sense, name, False] += measured[name] < low - least
                self._beyond[sense, name, True] += measured[name] > high + least

    def describe(self) -> list[str]:
        """A sentence for each sense in which most inputs differ from the training data; usually none."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        most = format_probability((1 + USUAL_SHARE) / 2)
        for sense, inputs in self._inputs.items():
            found = {
                (SENSES[sense].statistics[name].higher if higher else SENSES[sense].statistics[name].lower): beyond
                for (own, name, higher), beyond in self._beyond.items()
                if own == sense and inputs >= MIN_INPUTS and beyond > SHIFT_SHARE * inputs
            }
            if found:
                of = format_count(inputs, SENSES[sense].noun)
                ways = " and ".join(f"{beyond:,} of {of} are {way}" for way, beyond in found.items())
                yield f"{ways} than {most} of the training data: expect more errors than were measured"
