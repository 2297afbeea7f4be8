"""Live transcription on one core: word error rate, latency and real-time factor.

python -m benchmarks.live [NAMES] [--data ../shared/data] [--seed 0]
The test recordings, with pauses between them, arrive in chunks as from a microphone. Uses the model that
`benchmarks.transcripts` trained, or trains it first.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import train_model
from benchmarks.budget import Sitting, for_each, name_result, name_starts, parse_arguments
from benchmarks.data import SEED, Examples, Store
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from benchmarks.spoken import Spoken, recordings
from benchmarks.transcripts import TASKS, evaluate_texts
from seehear.answers.text import Word
from seehear.api import Recogniser, load
from seehear.runtime.live import SegmentPrediction
from seehear.senses.hearing.plan import RATE_HZ

NAMES = ("strings", "grid")
PORTION_S = (0.02, 0.1)
BETWEEN_S = (0.8, 1.6)
QUIETEST_S = 0.02  # frame length for estimating the background noise of a recording
FAINTEST = 10 ** (-70 / 20)
TARGET_FACTOR, TARGET_DELAY_S, TARGET_WER_RATIO = 0.1, 0.5, 1.1

Samples = NDArray[np.float32]


class TimedSegment(NamedTuple):
    """An answer, and the time it came at on the clock of the sound."""

    heard: SegmentPrediction
    at_s: float


@dataclass
class Microphone:
    """Yields a sound in chunks, each when its sound has ended, or later if answering has taken longer."""

    samples: Samples
    random: np.random.Generator
    now_s: float = 0.0
    computed_s: float = 0.0
    _since_s: float = field(default=0.0, init=False)

    def portions(self) -> Iterator[Samples]:
        start = 0
        self._since_s = time.perf_counter()
        while start < len(self.samples):
            end = start + round(self.random.uniform(*PORTION_S) * RATE_HZ)
            self.tell()
            self.now_s = max(self.now_s, end / RATE_HZ)
            yield self.samples[start:end]
            start = end

    def tell(self) -> float:
        """Advance the clock by the computing time since the last call, and return it."""
        now_s = time.perf_counter()
        self.computed_s += now_s - self._since_s
        self.now_s += now_s - self._since_s
        self._since_s = now_s
        return self.now_s


def listen_live(model: Recogniser, microphone: Microphone) -> list[TimedSegment]:
    return [TimedSegment(heard, microphone.tell()) for heard in model.live(microphone.portions())]


def join_recordings(spoken: Sequence[Spoken], random: np.random.Generator) -> tuple[Samples, list[float]]:
    """All recordings joined into one, and the middle of each pause between them, in seconds.

    A pause is as loud as the quietest part of the recording before it.
    """
    pieces: list[Samples] = []
    middles_s: list[float] = []
    length = 0
    for each in spoken:
        pause = random.standard_normal(round(random.uniform(*BETWEEN_S) * RATE_HZ)) * _room(each.samples)
        pieces += [each.samples, pause.astype(np.float32)]
        length += len(each.samples) + len(pause)
        middles_s.append((length - len(pause) / 2) / RATE_HZ)
    return np.concatenate(pieces), middles_s[:-1]


def _room(samples: Samples) -> float:
    frame = round(QUIETEST_S * RATE_HZ)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return max(float(np.quantile(frames.std(1), 0.1)), FAINTEST)


def split_by_recording(segments: Sequence[TimedSegment], middles_s: Sequence[float]) -> list[str]:
    """The final text of each recording: the words whose middle lies between the pauses around it."""
    texts: list[list[str]] = [[] for _ in range(len(middles_s) + 1)]
    for word in (word for each in segments if each.heard.final for word in _words(each.heard)):
        texts[int(np.searchsorted(middles_s, (word.start_s + word.end_s) / 2))].append(word.text)
    return [" ".join(words) for words in texts]


def measure_delays_s(segments: Sequence[TimedSegment]) -> list[float]:
    """For each word of the final texts: the time from its end until it and all words before it stop changing."""
    delays = []
    segment: list[tuple[list[str], float]] = []
    for heard, at_s in segments:
        segment.append(([word.text for word in _words(heard)], at_s))
        if heard.final:
            words = _words(heard)
            final = segment[-1][0]
            for n, word in enumerate(words, 1):
                stable_s = next(at_s for guess, at_s in segment if guess[:n] == final[:n])
                delays.append(stable_s - word.end_s)
            segment = []
    return delays


def _words(heard: SegmentPrediction) -> tuple[Word, ...]:
    return getattr(heard.prediction.answer, "words", ())


@contextmanager
def one_core() -> Iterator[None]:
    """Within the block, this thread and those it starts run on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def measure(name: str, store: Store, options: argparse.Namespace) -> None:
    examples, random = TASKS[name].prepare(store), np.random.default_rng(SEED)
    path = _model(name, examples, store, options)
    (test_name, test), *_ = examples.tests.items()
    spoken = recordings(test)
    samples, middles_s = join_recordings(spoken, random)
    microphone = Microphone(samples, random)
    before = pace()
    with one_core():
        model = load(path)
        segments = listen_live(model, microphone)
        batch = [str(said.answer or "") for said in model.predict([each.samples for each in spoken])]
    live_wer, batch_wer = (
        evaluate_texts(t, spoken).metrics["wer"] for t in (split_by_recording(segments, middles_s), batch)
    )
    waited_s, seconds = np.array(measure_delays_s(segments)), len(samples) / RATE_HZ
    one_word = 1 / sum(len(each.text.split()) for each in spoken)
    figures = [
        Figure("real-time factor", microphone.computed_s / seconds, at_most=TARGET_FACTOR),
        Figure(
            "latency until a word no longer changes, median", float(np.median(waited_s)), "s", at_most=TARGET_DELAY_S
        ),
        Figure(
            "latency until a word no longer changes, 95th percentile",
            float(np.quantile(waited_s, 0.95)),
            "s",
            at_most=TARGET_DELAY_S,
        ),
        Figure("word error rate (wer), live", live_wer, "%"),
        Figure("word error rate (wer), one recording at a time", batch_wer, "%"),
        Figure("ratio of the two", live_wer / max(batch_wer, one_word), "times", at_most=TARGET_WER_RATIO),
        Figure("guesses and answers per minute of sound", 60 * len(segments) / seconds),
    ]
    note = f"{len(spoken):,} recordings in {seconds / 60:.0f} minutes of sound, one core: {test_name}; {path.name}"
    note += f" from {name_starts(model.recipe)}"
    record(
        name_result(f"live-{name}", model.recipe),
        note,
        figures,
        before=before,
        after=pace(),
        keep=options.steps is None,
    )


def _model(name: str, examples: Examples, store: Store, options: argparse.Namespace) -> Path:
    path = store.cache / f"{name}.seehear"
    if not path.exists():
        sitting = Sitting.begun(name, TASKS[name].standard_minutes, options)
        train_model(examples, sitting.budget, ("audio",), out=path)
    return path


def main() -> None:
    options = parse_arguments("benchmarks.live", __doc__, NAMES)
    for_each(options, lambda name, store: measure(name, store, options))


if __name__ == "__main__":
    main()
