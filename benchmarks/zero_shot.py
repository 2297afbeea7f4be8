"""Transcription without training: word errors, time and memory on one core, and what its confidences are worth.

python -m benchmarks.zero_shot [whisper-base whisper-tiny.en] [--sentences 200] [--data ../shared/data]
English read by learners. Confidences are calibrated on sentences of some speakers and tested on those of others. The
entry for the catalogue of starts is printed. Transcripts are kept in the cache, so an interrupted run continues.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figure, promise_figures
from benchmarks.budget import for_each
from benchmarks.data import DATA, Store
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from benchmarks.spoken import speechocean
from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.answers.items import Items
from seehear.answers.platt_scaling import apply_platt, calibration_error, fit_platt
from seehear.answers.selective import RiskBounds, bound_risk, choose_target_risk, clopper_pearson
from seehear.answers.text import Text, TextSpec, Word
from seehear.measure.clusters import Clusters
from seehear.measure.evaluate import evaluate_scored
from seehear.measure.scored_answers import ScoredAnswers
from seehear.starts import STARTS
from seehear.starts.definition import Confidences

NAMES = tuple(name for name, start in STARTS.items() if start.sense == "audio")
SENTENCES = 200  # for calibration, and as many for testing
SEEDS = {"calibration": 2, "test": 1}  # of the order in which sentences are taken
MOST_REAL_TIME, MOST_MB = 0.3, 1000.0
KIND = ANSWERS["text"]
SPEC = TextSpec(tokens=(" ", "a"), texts=0, words=0)  # metrics of transcripts depend on nothing in it


@dataclass(frozen=True)
class Transcript:
    """What was said and what was transcribed, with confidences as the decoder gives them.

    cpu_s, duration_s   seconds of computing, and of sound
    peak_mb             the most memory that the process has used so far
    """

    speaker: str
    truth: str
    words: list[tuple[str, float]]
    confidence: float
    cpu_s: float
    duration_s: float
    peak_mb: float

    def to_answer(self, calibration: dict[str, float]) -> Text:
        words = (Word(text, confidence=apply_platt(sure, calibration, "word")) for text, sure in self.words)
        return Text(tuple(words), apply_platt(self.confidence, calibration, "text")).normalise()


class Sample(NamedTuple):
    """Scored transcripts, their speakers, and for their words (w,) confidence and whether they are right."""

    scored: ScoredAnswers
    speakers: Clusters
    sure: NDArray[np.float64]
    right: NDArray[np.bool_]


def measure(name: str, store: Store, sentences: int) -> None:
    before = pace()
    examples = speechocean(store)
    tables = {"calibration": examples.train, "test": next(iter(examples.tests.values()))}
    heard = {part: transcribe(name, part, table, store, sentences) for part, table in tables.items()}
    fitted = fit(heard["calibration"])
    print(f"\n{name}: for the catalogue\n{fitted}")
    record(
        f"zero-shot-{name}",
        f"{len(heard['calibration'])} sentences for calibration, {len(heard['test'])} of other speakers for testing",
        list(figures(heard["test"], fitted)),
        before=before,
        after=pace(),
    )


def transcribe(name: str, part: str, table: Path, store: Store, sentences: int) -> list[Transcript]:
    """The transcripts of the first `sentences` in a fixed random order, by a process on one core."""
    rows = list(csv.DictReader(table.open(encoding="utf-8", newline="")))
    random.Random(SEEDS[part]).shuffle(rows)
    kept = store.cache / f"zero-shot-{name}-{part}.jsonl"
    done = len(kept.read_text(encoding="utf-8").splitlines()) if kept.exists() else 0
    if waiting := rows[done:sentences]:
        listing = kept.with_suffix(".todo")
        asked = [{**row, "audio": str(table.parent / row["audio"])} for row in waiting]
        listing.write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
        core = {min(os.sched_getaffinity(0))}
        subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", "transcribe", name, str(listing), str(kept)],
            preexec_fn=lambda: os.sched_setaffinity(0, core),
            check=True,
        )
    lines = kept.read_text(encoding="utf-8").splitlines()[:sentences]
    return [Transcript(**json.loads(line)) for line in lines]


def fit(heard: Sequence[Transcript]) -> Confidences:
    """Platt scaling, and upper bounds on the share of errors from each confidence on."""
    raw = score(heard, {})
    calibration = fit_platt(raw.sure, raw.right, "word")
    calibration |= fit_platt(raw.scored.confidence, raw.scored.right, "text")
    sample = score(heard, calibration)
    words = bound_risk(sample.scored.items, sample.speakers.code)
    texts = bound_risk(Items.from_answers(sample.scored.confidence, sample.scored.right), sample.speakers.code)
    return Confidences(
        measured_on=(
            f"{len(heard)} sentences read by {sample.speakers.description} of Mandarin, "
            "many of them children (speechocean762)"
        ),
        calibration={name: round(value, 3) for name, value in calibration.items()},
        risk=tuple(_shorten(words)),
        whole_risk=((1.0, round(_bound_missed(heard), 3)), *_shorten(texts)),
        wrong_at_most=choose_target_risk(words),
    )


def _bound_missed(heard: Sequence[Transcript]) -> float:
    """Upper bound on the share of sentences in which no speech was found: the confidence of silence is 1."""
    missed = sum(not each.words for each in heard)
    return float(clopper_pearson(np.array(float(missed)), np.array(float(len(heard)))))


def _shorten(bounds: RiskBounds) -> Iterator[tuple[float, float]]:
    """Confidence, rounded up to a hundredth, and bound, for every other threshold; none with a bound above one half."""
    for sure, wrong in list(zip(bounds.confidence.tolist(), bounds.wrong.tolist(), strict=True))[1::2]:
        if wrong <= 0.5:
            yield float(np.ceil(100 * sure) / 100), round(wrong, 3)


def score(heard: Sequence[Transcript], calibration: dict[str, float]) -> Sample:
    answers = [each.to_answer(calibration) for each in heard]
    truths = [Text.from_string(each.truth) for each in heard]
    scored = ScoredAnswers.of(KIND, SPEC, answers, truths)
    exists = ~np.isnan(scored.compared["word_confidence"])
    code = np.unique([each.speaker for each in heard], return_inverse=True)[1]
    speakers = Clusters(code, format_count(int(code.max()) + 1, "speaker"))
    return Sample(scored, speakers, scored.compared["word_confidence"][exists], scored.compared["word_correct"][exists])


def figures(heard: Sequence[Transcript], fitted: Confidences) -> Iterator[Figure]:
    """On speakers that `fitted` was not fitted on."""
    sample = score(heard, dict(fitted.calibration))
    least = min((sure for sure, wrong in fitted.risk if wrong <= fitted.wrong_at_most), default=1.01)
    evaluation = evaluate_scored(KIND, SPEC, sample.scored.accept_from(least, 1.01), clusters=sample.speakers)
    evaluation = replace(evaluation, wrong_at_most=fitted.wrong_at_most)
    yield figure(evaluation, "wer", "word error rate (wer)")
    yield figure(evaluation, "cer", "character error rate (cer)")
    for part in ("substitutions", "insertions", "deletions"):
        yield figure(evaluation, part, f"{part} per word")
    uncalibrated = score(heard, {})
    yield Figure("calibration error of the words (ece)", calibration_error(sample.right, sample.sure))
    before = calibration_error(uncalibrated.right, uncalibrated.sure)
    yield Figure("the same with the decoder's own confidences", before)
    yield from promise_figures(evaluation)
    for least in (0.5, 0.7, 0.9):
        accepted = sample.sure >= least
        yield Figure(f"words with a confidence of at least {least:.0%}", float(accepted.mean()), "%")
        yield Figure("errors among those", float(1 - sample.right[accepted].mean()), "%")
    factor = sum(each.cpu_s for each in heard) / sum(each.duration_s for each in heard)
    yield Figure("computing time as a share of real time, one core", factor, at_most=MOST_REAL_TIME)
    yield Figure("peak memory", max(each.peak_mb for each in heard), "MB", at_most=MOST_MB)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zero_shot", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--sentences", type=int, default=SENTENCES, help="for calibration, and as many for testing")
    options = parser.parse_args()
    options.names = options.names or list(NAMES)
    for_each(options, lambda name, store: measure(name, store, options.sentences))


if __name__ == "__main__":
    main()
