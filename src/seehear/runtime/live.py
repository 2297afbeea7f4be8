"""Answers while a sound goes on: first guesses at each stretch of it, then, at its pause, the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import UsageError
from seehear.geometry import Warp
from seehear.runtime.prediction import Prediction
from seehear.runtime.recognise import Recogniser
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.pauses import Pauses, Stretch
from seehear.senses.hearing.plan import RATE_HZ

GUESS_EVERY_S = 0.3  # of new sound, at least

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What a stretch of the running sound is answered with; not `final` while the stretch goes on.

    Times are seconds of the running sound.
    """

    prediction: Prediction
    start_s: float
    end_s: float
    final: bool

    def to_json(self) -> dict[str, Any]:
        times = {"start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)}
        return {"final": self.final, **times, **self.prediction.to_json()}

    def __str__(self) -> str:
        return f"{self.start_s:8.2f} s  {self.prediction.answer}"


def live(recogniser: Recogniser, sound: Iterable[Samples], *, terms: Sequence[str] | None = None) -> Iterator[Heard]:
    """Answer a running sound: portions (T,) at RATE_HZ, of any length, as they come. Memory does not grow with it.

    A guess at the stretch that goes on comes with every GUESS_EVERY_S of it, the answer with its pause. Raises
    UsageError for a recogniser that does not hear.
    """
    if HEARING.name not in recogniser.recipe.senses:
        raise UsageError("a running sound for a recogniser that does not hear", allowed=HEARING.name)
    pauses, guessed_s = Pauses(), 0.0
    for portion in sound:
        for stretch in pauses.feed(portion):
            if stretch.over or stretch.end_s - max(guessed_s, stretch.start_s) >= GUESS_EVERY_S:
                guessed_s = stretch.end_s
                yield _heard(recogniser, stretch, terms)
    for stretch in pauses.finish():
        yield _heard(recogniser, stretch, terms)


def _heard(recogniser: Recogniser, stretch: Stretch, terms: Sequence[str] | None) -> Heard:
    source = {HEARING.name: (stretch.samples, RATE_HZ)}
    prediction = recogniser.predict_one(source, senses=[HEARING.name], terms=terms)
    answer = prediction.answer and prediction.answer.moved(Warp((1.0,), (stretch.start_s,)))
    name = f"{stretch.start_s:.2f} s to {stretch.end_s:.2f} s"
    return Heard(replace(prediction, input=name, answer=answer), stretch.start_s, stretch.end_s, stretch.over)
