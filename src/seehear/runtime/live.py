"""Answers while a sound goes on: first guesses at each segment of it, then, at its pause, the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import UsageError
from seehear.geometry import Warp
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.read import read_portion
from seehear.senses.hearing.voice_activity import Segment, VoiceActivityDetector

GUESS_EVERY_S = 0.3  # of new sound, at least
NEW_SHARE = 0.1  # of a segment must be new for another guess: so a second of long ones costs no more than one of short

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """What a segment of the running sound is answered with; not `final` while the segment goes on.

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


def live(recogniser: Predictor, sound: Iterable[Samples], *, hotwords: Sequence[str] | None = None) -> Iterator[Heard]:
    """Answer a running sound: portions at RATE_HZ, of any length, as they come. Memory does not grow with it.

    A portion is (T,) or (T, channels) of floats, int16, int32 or uint8. A guess at the segment that goes on comes with
    every GUESS_EVERY_S of it, later with every NEW_SHARE, and where it falls silent; the answer comes with its pause.
    Raises UsageError for a recogniser that does not hear, InputError for a portion that is no sound.
    """
    if HEARING.name not in recogniser.recipe.senses:
        raise UsageError("a running sound for a recogniser that does not hear", allowed=HEARING.name)
    detector = VoiceActivityDetector()
    guess: Heard | None = None
    for portion in sound:
        for segment in detector.feed(read_portion(portion)):
            yield _answer(recogniser, segment, guess, hotwords)
        if detector.active_span is not None and _is_due(*detector.active_span, detector.in_pause, guess):
            guess = _heard(recogniser, detector.current_segment(), hotwords)
            yield guess
    for segment in detector.finish():
        yield _answer(recogniser, segment, guess, hotwords)


def _is_due(start_s: float, end_s: float, pausing: bool, guess: Heard | None) -> bool:
    new_s = end_s - max(start_s, guess.end_s if guess else 0.0)
    return new_s >= max(GUESS_EVERY_S, NEW_SHARE * (end_s - start_s)) or (pausing and new_s > 0)


def _answer(recogniser: Predictor, segment: Segment, guess: Heard | None, hotwords: Sequence[str] | None) -> Heard:
    """Where the last guess heard all of the segment already, it is the answer."""
    if guess is not None and (guess.start_s, guess.end_s) == (segment.start_s, segment.end_s):
        return replace(guess, final=True)
    return _heard(recogniser, segment, hotwords)


def _heard(recogniser: Predictor, segment: Segment, hotwords: Sequence[str] | None) -> Heard:
    options = PredictOptions(senses=(HEARING.name,), hotwords=hotwords)
    prediction = recogniser.predict_one({HEARING.name: (segment.samples, RATE_HZ)}, options)
    answer = prediction.answer and prediction.answer.transform(Warp((1.0,), (segment.start_s,)))
    span_s = segment.start_s, segment.end_s
    source = ExampleSource(f"{segment.start_s:.2f} s to {segment.end_s:.2f} s", span_s=span_s)
    return Heard(replace(prediction, source=source, answer=answer), segment.start_s, segment.end_s, segment.finished)
