"""Splits long recordings into windows with speech, for recognisers with a limited input length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, NamedTuple

from seehear.answers import AnyKind
from seehear.geometry import Geometry, Warp
from seehear.runtime.loading import LoadedExample, load_example
from seehear.runtime.model_runner import ModelRunner
from seehear.runtime.prediction import ExampleSource
from seehear.senses import Array
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.voice_activity import VoiceActivityDetector

CHUNK_SAMPLES = 60 * RATE_HZ  # passed to the detector at once
DETECTION_WINDOWS = 3  # in which the language of a recording is detected; kept in memory meanwhile
LONGEST_PAUSE_S = 3.0  # within a window; short windows cost as much as long ones


def needs_windows(kind: AnyKind, spec: Any) -> bool:
    return kind.decoding is not None and kind.decoding.needs_windows(spec)


def fits_one_window(runner: ModelRunner, signal: Array, spec: Any) -> bool:
    """Whether a recording is answered as a whole, with its silence."""
    is_short = len(signal) <= _get_longest_s(runner) * RATE_HZ
    return is_short and runner.kind.require_decoding("windows").recognises_silence(spec)


def load_window(runner: ModelRunner, samples: Array, source: ExampleSource | None = None) -> LoadedExample:
    """Samples (T,) at RATE_HZ as an example. Never raises, as `load_example`."""
    return load_example({HEARING.name: (samples, RATE_HZ)}, runner.recipe.senses, (HEARING.name,), source)


def answer_windows(runner: ModelRunner, signal: Array, spec: Any, calibration: Mapping[str, float]) -> Iterator[Any]:
    """signal (T,) -> the answer after each window, to all sound so far, with times relative to the recording.

    There is at least one, also for a recording without speech. Raises SeehearError.
    """
    decoding, windows = runner.kind.require_decoding("windows"), _run_windows(runner, signal)
    first: list[_Window] = []

    def run_first() -> Iterator[Mapping[str, Array]]:
        for window in islice(windows, DETECTION_WINDOWS):
            first.append(window)
            yield window.raw

    spec = decoding.with_language(run_first(), spec)
    answers: list[Any] = []
    for window in chain(first, windows):
        answer = runner.kind.to_answer(window.raw, spec, calibration, window.geometry)
        answers.append(answer.transform(Warp((1.0,), (window.start_s,))))
        yield decoding.join(answers)
    if not answers:
        yield decoding.join(answers)


class _Window(NamedTuple):
    """The graph's arrays for one window, which begins at start_s in the recording."""

    raw: Mapping[str, Array]
    geometry: Geometry
    start_s: float


def _run_windows(runner: ModelRunner, signal: Array) -> Iterator[_Window]:
    """Raises SeehearError."""
    for start_s, end_s in find_windows(signal, _get_longest_s(runner)):
        loaded = load_window(runner, signal[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)])
        for error in loaded.errors.values():
            raise error
        (outputs,) = runner.run([loaded.arrays])
        yield _Window(outputs.select((HEARING.name,)).raw, loaded.geometry[HEARING.name], start_s)


def _get_longest_s(runner: ModelRunner) -> float:
    longest_s: float = runner.recipe.senses[HEARING.name].longest_s  # type: ignore[attr-defined]
    return longest_s


def find_windows(signal: Array, longest_s: float) -> Iterator[tuple[float, float]]:
    """Start and end, in seconds, of windows that contain all speech and are at most longest_s long."""
    window: tuple[float, float] | None = None
    for start_s, end_s in _find_speech(signal):
        if window and start_s - window[1] <= LONGEST_PAUSE_S and end_s - window[0] <= longest_s:
            window = window[0], end_s
            continue
        if window:
            yield window
        window = start_s, end_s
    if window:
        yield window


def _find_speech(signal: Array) -> Iterator[tuple[float, float]]:
    detector = VoiceActivityDetector()
    for start in range(0, len(signal), CHUNK_SAMPLES):
        for segment in detector.feed(signal[start : start + CHUNK_SAMPLES]):
            yield segment.start_s, segment.end_s
    for segment in detector.finish():
        yield segment.start_s, segment.end_s
