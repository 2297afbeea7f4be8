"""The explanation of an answer, in words, as JSON and as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.amounts import format_count
from seehear.answers.quantity import Quantity
from seehear.explain.overlay import paint_confidence, paint_heat
from seehear.runtime.prediction import Prediction
from seehear.senses import SENSES
from seehear.senses.occlusion import Place
from seehear.similarity import Similar

Array = NDArray[Any]

STANDS_OUT = 2.0  # times the change from hiding as much elsewhere
LEAST_CHANGE = 0.25  # of log odds: less is nothing to report


@dataclass(frozen=True)
class Part:
    """A part of the input, and what was measured without it.

    without     the quantity when the part is hidden
    answer      the answer without it
    elsewhere   the mean quantity when a part of the same size elsewhere is hidden; None if there is no room for one
    """

    place: Place
    without: float
    answer: str
    elsewhere: float | None

    def to_json(self) -> dict[str, Any]:
        elsewhere = {} if self.elsewhere is None else {"without_as_much_elsewhere": round(self.elsewhere, 4)}
        return {**self.place.to_json(), "without": round(self.without, 4), "answer_without": self.answer, **elsewhere}


@dataclass(frozen=True)
class HeatMap:
    """The parts of one sense on which an answer is based.

    cells     (rows, columns): how much hiding each part lowers the quantity, in log odds or in its unit; negative where
              it raises it
    drawn     the input as a picture
    on_drawn  (H, W): the cells on that picture
    outline   left, top, right and bottom of the part that matters most on that picture, in pixels; None without one
    raises    the part that raises the quantity most, and `lowers` the one that lowers it most; None without one
    """

    cells: Array
    drawn: Image = field(repr=False)
    on_drawn: Array = field(repr=False)
    outline: tuple[int, int, int, int] | None
    raises: Part | None
    lowers: Part | None

    def to_json(self) -> dict[str, Any]:
        parts = {name: part.to_json() for name in ("raises", "lowers") if (part := getattr(self, name))}
        return {"cells": np.round(self.cells, 4).tolist(), **parts}


@dataclass(frozen=True)
class Explanation:
    """The explanation of one prediction.

    quantity     what is explained, and its `value`
    heat         by sense
    shares       by sense, its part of the quantity in log odds or in its unit; {} for a recogniser with one sense
    confidence   (H, W): the confidence at each place of the picture; None for answers without places
    taught       the classes of the most similar training examples, with their counts, most frequent first; {} if the
                 model file keeps no features
    similar      the most similar of the examples that were given for comparison
    """

    prediction: Prediction
    quantity: Quantity
    value: float
    heat: Mapping[str, HeatMap]
    shares: Mapping[str, float]
    confidence: Array | None = field(default=None, repr=False)
    taught: Mapping[str, int] = field(default_factory=dict)
    similar: tuple[Similar, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            **self.prediction.to_json(),
            "explained": {"of": self.quantity.name, "what": self.quantity.what, "value": round(self.value, 4)},
            "heat": {sense: heat.to_json() for sense, heat in self.heat.items()},
            "shares": {sense: round(share, 4) for sense, share in self.shares.items()},
            "taught": dict(self.taught),
            "similar": [each.to_json() for each in self.similar],
        }

    def pictures(self) -> dict[str, Image]:
        """The input of each sense with its heat map, by sense; and "confidence", if the answers have places."""
        painted = {
            sense: paint_heat(heat.drawn, heat.on_drawn, self.quantity.name, heat.outline)
            for sense, heat in self.heat.items()
        }
        if self.confidence is None:
            return painted
        return painted | {"confidence": paint_confidence(next(iter(self.heat.values())).drawn, self.confidence)}

    def sentences(self) -> Iterator[str]:
        """What was found, one sentence each."""
        yield f"{self.quantity.what[0].upper()}{self.quantity.what[1:]} is {self._format(self.value)}."
        for sense, heat in self.heat.items():
            yield from self._describe_heat(sense, heat)
        if self.shares:
            yield from self._describe_shares()
        if timed := [word for word in getattr(self.prediction.answer, "words", ()) if word.timed]:
            spans = ", ".join(f"{word.text} {word.start_s:.2f} to {word.end_s:.2f} s" for word in timed)
            yield f"The words were heard at: {spans}."
        if self.taught:
            yield self._describe_nearest()
        if found := [each for each in self.similar if each.similarity is not None]:
            yield "Most similar: " + ", ".join(f"{each.input} ({each.similarity:.2f})" for each in found) + "."

    def stands_out(self, part: Part) -> bool:
        """Whether hiding the part changes the quantity clearly more than hiding as much elsewhere."""
        stretch = self.quantity.stretch
        change = abs(stretch(self.value) - stretch(part.without))
        other = 0.0 if part.elsewhere is None else abs(stretch(self.value) - stretch(part.elsewhere))
        least = LEAST_CHANGE if self.quantity.unit is None else 0.0
        return change > max(least, STANDS_OUT * other)

    def changes_answer(self, part: Part) -> bool:
        """Whether the answer is another one without the part."""
        answer = self.prediction.answer
        return part.answer != ("" if answer is None else answer.to_marked_text())

    def __str__(self) -> str:
        return "\n".join([str(self.prediction), *(f"  {sentence}" for sentence in self.sentences())])

    def _describe_heat(self, sense: str, heat: HeatMap) -> Iterator[str]:
        if heat.raises is None or not self.stands_out(heat.raises):
            least = "" if heat.raises is None else f": without {heat.raises.place.words} it"
            without = "" if heat.raises is None else f" is {self._without(heat.raises)}"
            yield f"No single part of the {SENSES[sense].noun} decides{least}{without}."
        else:
            place, elsewhere = heat.raises.place.words, heat.raises.elsewhere
            control = "" if elsewhere is None else f" (without as much elsewhere, {self._format(elsewhere)})"
            verb = SENSES[sense].attended
            yield f"It {verb} mostly at {place}; without that it is {self._without(heat.raises)}{control}."
        if heat.lowers is not None and self.stands_out(heat.lowers):
            place = heat.lowers.place.words
            yield f"What speaks against it is at {place}; without that it is {self._without(heat.lowers)}."

    def _without(self, part: Part) -> str:
        """The quantity without a part, and the answer if it changes."""
        other = f" and the answer {part.answer}" if self.changes_answer(part) else ""
        return f"{self._format(part.without)}{other}"

    def _describe_shares(self) -> Iterator[str]:
        total = sum(map(abs, self.shares.values()))
        if total:
            parts = [f"the {SENSES[sense].noun} {100 * share / total:+.0f} %" for sense, share in self.shares.items()]
            yield f"What the senses contribute: {', '.join(parts)}."

    def _describe_nearest(self) -> str:
        parts = ", ".join(f"{count} of {name}" for name, count in self.taught.items())
        return f"Of the {format_count(sum(self.taught.values()), 'most similar training example')}: {parts}."

    def _format(self, value: float) -> str:
        return self.quantity.format(value)
