"""Answers in the shapes of the API, made from a prediction.

Beyond what the API has, they say whether a transcript is accepted and how confident each word is.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from seehear.answers.text import Text
from seehear.answers.text.subtitles import split_cues
from seehear.answers.text.word import Word
from seehear.runtime.prediction import Prediction
from seehear.serve.models import ServedModel

UNKNOWN = "und"  # ISO 639: a language that is not determined
LEAST_PROBABILITY = 1e-6


def to_error(status: int, message: str) -> dict[str, Any]:
    """The body of a refusal."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def to_model(model: ServedModel, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(model.loaded_at.timestamp()), "owned_by": "seehear"}


def to_usage(duration_s: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(duration_s)}


def to_transcription(prediction: Prediction, text: Text) -> dict[str, Any]:
    """The answer in the format json."""
    languages = {"languages": [{"code": text.language}]} if text.language else {}
    return {
        "text": str(text),
        **languages,
        "usage": to_usage(prediction.duration_s),
        "accepted": prediction.accepted,
        "reason": prediction.reason,
    }


def to_verbose(prediction: Prediction, text: Text, *, task: str, language: str, words: bool) -> dict[str, Any]:
    """The answer in the format verbose_json; `words`: with the times of words."""
    timed = all(word.timed for word in text.words)
    body = {
        **to_transcription(prediction, text),
        "task": task,
        "language": language or text.language or UNKNOWN,
        "duration": round(prediction.duration_s, 3),
        "segments": _to_segments(text) if timed else [],
    }
    return body | ({"words": [_to_word(word) for word in text.words]} if words and timed else {})


def _to_word(word: Word) -> dict[str, Any]:
    times = {"start": round(word.start_s, 3), "end": round(word.end_s, 3)}
    return {"word": word.text, **times, "confidence": round(word.confidence, 4), "accepted": word.accepted}


def _to_segments(text: Text) -> list[Mapping[str, Any]]:
    """The cues of its subtitles."""
    return [_to_segment(number, cue) for number, cue in enumerate(split_cues(text.words))]


def _to_segment(number: int, cue: Sequence[Word]) -> dict[str, Any]:
    said = " ".join(word.text for word in cue)
    logs = [math.log(max(word.confidence, LEAST_PROBABILITY)) for word in cue]
    packed = said.encode()
    return {
        "id": number,
        "seek": 0,
        "start": round(cue[0].start_s, 3),
        "end": round(cue[-1].end_s, 3),
        "text": said,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": round(sum(logs) / len(logs), 4),
        "compression_ratio": round(len(packed) / len(zlib.compress(packed)), 4),
        "no_speech_prob": 0.0,
    }
