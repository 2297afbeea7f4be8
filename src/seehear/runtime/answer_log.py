"""Writes the answers of a recogniser to an audit log before they are given, without the inputs themselves.

An input is identified by the SHA-256 of its bytes. For an answer, one line and the SHA-256 of its JSON are written; for
a transcript, only the SHA-256. File names are left out, as they often contain people's names.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seehear.answers import ANSWERS
from seehear.audit import AuditLog
from seehear.audit.entries import sha256_of_json
from seehear.files import hash_file
from seehear.media import Excerpt
from seehear.runtime.bundle import Bundle, hash_bundle
from seehear.runtime.loading import read_file_objects
from seehear.runtime.prediction import Prediction
from seehear.senses.input_file import Bytes

if TYPE_CHECKING:
    from seehear.runtime.live import SegmentPrediction

ANSWER = "answer"  # the event

VideoT = TypeVar("VideoT")
Many = Iterator[Prediction]


class Unlogged:
    """Passes answers on without logging them. Each method gets the function that predicts, and what to predict."""

    def one(self, predict: Callable[[Any], Prediction], example: Any) -> Prediction:
        return predict(example)

    def many(self, predict: Callable[[Any], Many], examples: Iterable[Any]) -> Many:
        return predict(examples)

    def progressive(self, predict: Callable[[Any], Many], example: Any) -> Many:
        """Several answers to one example; the last one counts."""
        return predict(example)

    def live(
        self, predict: Callable[[Any], Iterator[SegmentPrediction]], sound: Iterable[Any]
    ) -> Iterator[SegmentPrediction]:
        """Answers to live sound; the final ones count."""
        return predict(sound)

    def video(self, watch: Callable[..., VideoT], video: Any) -> VideoT:
        """Answers to a video: `watch` passes each answer to its keyword `tell`."""
        return watch(video)


class AnswerLog(Unlogged):
    """Writes each answer that counts to an audit log before passing it on: no answer is given that is not in the log.

    model   the SHA-256 of the model file
    words   whether answers are transcripts, made of the words of the input
    """

    def __init__(self, log: AuditLog, model: str, *, words: bool) -> None:
        self._log, self._model, self._words = log, model, words

    def one(self, predict: Callable[[Any], Prediction], example: Any) -> Prediction:
        held = read_file_objects(example)
        prediction = predict(held)
        self._write(hash_inputs(held), prediction)
        return prediction

    def many(self, predict: Callable[[Any], Many], examples: Iterable[Any]) -> Many:
        hashes: deque[Sequence[str]] = deque()
        return self._write_each(predict(_remember_hashes(examples, hashes)), hashes)

    def progressive(self, predict: Callable[[Any], Many], example: Any) -> Many:
        held = read_file_objects(example)
        return self._write_last(predict(held), held)

    def live(
        self, predict: Callable[[Any], Iterator[SegmentPrediction]], sound: Iterable[Any]
    ) -> Iterator[SegmentPrediction]:
        heard = hashlib.sha256()

        def listen() -> Iterator[Any]:
            for chunk in sound:
                heard.update(np.ascontiguousarray(chunk).tobytes())
                yield chunk

        for segment in predict(listen()):
            if segment.final:
                self._write([heard.hexdigest()], segment.prediction)
            yield segment

    def video(self, watch: Callable[..., VideoT], video: Any) -> VideoT:
        held = read_file_objects(video)
        return watch(held, tell=partial(self._write, hash_inputs(held)))

    def _write_each(self, predictions: Many, hashes: deque[Sequence[str]]) -> Many:
        for prediction in predictions:
            self._write(hashes.popleft(), prediction)
            yield prediction

    def _write_last(self, predictions: Many, example: Any) -> Many:
        last: Prediction | None = None
        try:
            for last in predictions:
                yield last
        finally:  # also if the caller stops early
            if last is not None:
                self._write(hash_inputs(example), last)

    def _write(self, inputs: Sequence[str], prediction: Prediction) -> None:
        """Raises SeehearError if it cannot be written."""
        self._log.append(ANSWER, {"model": self._model, "inputs": list(inputs), **self._describe(prediction)})

    def _describe(self, prediction: Prediction) -> dict[str, Any]:
        span_s, answer = prediction.source.span_s, prediction.answer
        return {
            **({} if span_s is None else {"span_s": list(span_s)}),
            **({} if prediction.time_s is None else {"time_s": round(prediction.time_s, 3)}),
            **({} if answer is None or self._words else {"answer": answer.to_marked_text()}),
            "answer_sha256": None if answer is None else sha256_of_json(answer.to_json()),
            "confidence": prediction.confidence,
            "accepted": prediction.accepted,
            "reason": prediction.reason,
            **prediction.compared_to_json(),
        }


def log_answers(log: AuditLog, bundle: Bundle, model: str = "") -> AnswerLog:
    """The log of the answers of a model.

    model   the SHA-256 of its file, if that does not hold exactly this bundle
    """
    words = ANSWERS[bundle.recipe.kind].decoding is not None
    return AnswerLog(log, model or hash_bundle(bundle), words=words)


def hash_inputs(example: Any) -> list[str]:
    """The SHA-256 of each file of an example, of its bytes in memory, or of the raw numbers of an array or picture.

    What cannot be read has no hash.
    """
    sources = example.values() if isinstance(example, Mapping) else [example]
    return list(dict.fromkeys(filter(None, map(_hash_source, sources))))


def hash_path(path: Path) -> str:
    """The SHA-256 of a file; "" if it cannot be read."""
    try:
        status = path.stat()
        return _hash_unchanged(path, status.st_mtime_ns, status.st_size) if S_ISREG(status.st_mode) else ""
    except (OSError, ValueError):
        return ""


def _remember_hashes(examples: Iterable[Any], hashes: deque[Sequence[str]]) -> Iterator[Any]:
    for example in map(read_file_objects, examples):
        hashes.append(hash_inputs(example))
        yield example


def _hash_source(source: Any) -> str:
    if isinstance(source, Bytes):
        return hashlib.sha256(source).hexdigest()
    if isinstance(source, str | Path | Excerpt):
        return hash_path(source.path if isinstance(source, Excerpt) else Path(source))
    numbers = source[0] if isinstance(source, tuple) else source  # of samples with their rate
    return (
        hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).hexdigest()
        if hasattr(numbers, "__array_interface__")
        else ""
    )


@lru_cache(maxsize=64)  # many excerpts may be of the same recording
def _hash_unchanged(path: Path, _modified_ns: int, _size: int) -> str:
    return hash_file(path)
