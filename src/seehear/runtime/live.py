"""Answers live sound: preliminary answers while a segment goes on, and a final one at the pause after it."""

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

UPDATE_EVERY_S = 0.3  # of new sound, between two preliminary answers
NEW_FRACTION = 0.1  # of a segment is new at the next one, so that long segments cost no more per second than short ones

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class SegmentPrediction:
    """The answer to one segment of live sound, in seconds from the start; not `final` while the segment goes on."""

    prediction: Prediction
    start_s: float
    end_s: float
    final: bool

    def to_json(self) -> dict[str, Any]:
        times = {"start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)}
        return {"final": self.final, **times, **self.prediction.to_json()}

    def __str__(self) -> str:
        return f"{self.start_s:8.2f} s  {self.prediction.answer}"


def live(
    predictor: Predictor,
    sound: Iterable[Samples],
    *,
    hotwords: Sequence[str] | None = None,
    language: str | None = None,
) -> Iterator[SegmentPrediction]:
    """Answer live sound, given as chunks at RATE_HZ of any length. Memory does not grow with it.

    A chunk is (T,) or (T, channels) of floats, int16, int32 or uint8. A preliminary answer comes with every
    UPDATE_EVERY_S of a segment, in long ones with every NEW_FRACTION of it, and as soon as it falls silent.
    Raises UsageError for a recogniser without hearing, InputError for a chunk that is not sound.
    """
    if HEARING.name not in predictor.recipe.senses:
        raise UsageError("live sound for a recogniser that does not hear", allowed=f"recognisers with {HEARING.name}")
    options = PredictOptions(senses=(HEARING.name,), hotwords=hotwords, language=language)
    detector = VoiceActivityDetector()
    last: SegmentPrediction | None = None
    for chunk in sound:
        for segment in detector.feed(read_portion(chunk)):
            yield _finish(predictor, segment, last, options)
        if detector.active_span is not None and _is_due(*detector.active_span, detector.in_pause, last):
            last = _predict(predictor, detector.current_segment(), options)
            yield last
    for segment in detector.finish():
        yield _finish(predictor, segment, last, options)


def _is_due(start_s: float, end_s: float, in_pause: bool, last: SegmentPrediction | None) -> bool:
    new_s = end_s - max(start_s, last.end_s if last else 0.0)
    return new_s >= max(UPDATE_EVERY_S, NEW_FRACTION * (end_s - start_s)) or (in_pause and new_s > 0)


def _finish(
    predictor: Predictor, segment: Segment, last: SegmentPrediction | None, options: PredictOptions
) -> SegmentPrediction:
    """The final answer: the last preliminary one, if that covers the whole segment."""
    if last is not None and (last.start_s, last.end_s) == (segment.start_s, segment.end_s):
        return replace(last, final=True)
    return _predict(predictor, segment, options)


def _predict(predictor: Predictor, segment: Segment, options: PredictOptions) -> SegmentPrediction:
    prediction = predictor.predict_one({HEARING.name: (segment.samples, RATE_HZ)}, options)
    answer = prediction.answer and prediction.answer.transform(Warp((1.0,), (segment.start_s,)))
    start_s, end_s = segment.start_s, segment.end_s
    source = ExampleSource(f"{start_s:.2f} s to {end_s:.2f} s", span_s=(start_s, end_s))
    return SegmentPrediction(replace(prediction, source=source, answer=answer), start_s, end_s, segment.finished)
