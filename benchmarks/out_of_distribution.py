"""Out-of-distribution detection: AUROC of the OOD score for inputs unlike each recogniser's training data."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import AbsentError, Store
from benchmarks.results import Figure
from seehear.answers.roc import compare_scores
from seehear.api import Recogniser
from seehear.demo.digits import add_noise
from seehear.inputs import gather
from seehear.runtime.loading import load_example
from seehear.senses import SENSES

PER_KIND = 200  # inputs of each kind
IN_DISTRIBUTION = 500
TOGETHER = 64
RATE_HZ = 16_000
TARGET_AUROC = 0.90
TARGET_HALLUCINATED = 0.01

Make = Callable[[], Sequence[Any]]  # what `predict` takes, EACH of them


def ood_figures(
    model: Recogniser, sense: str, test: Path, store: Store, *, own: str, in_noise: bool = False
) -> Iterator[Figure]:
    """AUROC for each kind of input and their mean, and the share of out-of-distribution inputs that are accepted.

    own       the data set it was trained on, which is not out of distribution
    in_noise  whether its training sounds were noisy; the others then get the same noise
    """
    in_distribution = list(gather([test], (sense,)))
    known = _scores(model, sense, in_distribution[:: max(1, len(in_distribution) // IN_DISTRIBUTION)])
    kinds = _pictures(store, model.recipe.senses[sense], own) if sense == "image" else _sounds(store, in_noise)
    found, answered = [], []
    for kind, make in kinds.items():
        try:
            unseen = make()
        except AbsentError as absent:
            print(absent)
            continue
        found.append(compare_scores(known, _scores(model, sense, unseen)))
        answered += [prediction.accepted for prediction in model.predict(unseen, senses=[sense])]
        yield Figure(f"out-of-distribution by {sense} (AUROC): {kind}", found[-1])
    mean = float(np.mean(found))
    yield Figure(f"out-of-distribution by {sense} (AUROC): mean of {len(found)} kinds", mean, at_least=TARGET_AUROC)
    yield Figure(f"out-of-distribution by {sense}: accepted anyway", float(np.mean(answered)), "%")


def near_figure(model: Recogniser, sense: str, known: Path, unknown: Path, at_least: float) -> Figure:
    """AUROC of unknown classes, similar to the known ones, against the known ones."""
    scores = [_scores(model, sense, list(gather([folder], (sense,)))) for folder in (known, unknown)]
    return Figure(
        "unknown classes against known ones, by OOD score (AUROC)", compare_scores(*scores), at_least=at_least
    )


def hallucination_figure(model: Recogniser) -> Figure:
    """How often a speech recogniser accepts words in recordings without speech."""
    random = np.random.default_rng(0)
    kinds = _wordless(random, lambda: int(random.uniform(1, 4) * RATE_HZ))
    sounds = [sound for make in kinds.values() for sound in make()]
    accepted = [said.accepted and bool(str(said.answer)) for said in model.predict(sounds)]
    what = f"words accepted in {', '.join(kinds)}"
    return Figure(what, float(np.mean(accepted)), "%", at_most=TARGET_HALLUCINATED)


def _scores(model: Recogniser, sense: str, sources: Sequence[Any]) -> NDArray[np.float64]:
    """(n,) OOD scores from the graph. A Prediction only says whether they exceed the threshold."""
    runtime = model.predictor
    scores: list[float] = []
    for start in range(0, len(sources), TOGETHER):
        seen = [load_example(each, model.recipe.senses, (sense,)) for each in sources[start : start + TOGETHER]]
        scores += [float(out.ood_scores[sense]) for out in runtime._runner.run([each.arrays for each in seen])]
    return np.array(scores)


def _pictures(store: Store, spec: Any, own: str) -> dict[str, Make]:
    random = np.random.default_rng(0)
    shape = (PER_KIND, spec.height, spec.width, spec.channels)
    others = {
        "photos (CIFAR-10)": ("cifar10", "cifar10/test/*/*.jpg"),
        "chest X-rays (PneumoniaMNIST)": ("pneumonia", "pneumonia/val/*/*.png"),
        "blood cells (BCCD)": ("bccd", "bccd/**/*.jpg"),
        "roads (CamVid)": ("camvid", "camvid/val/images/*.jpg"),
        "handwriting (UCI digits)": ("digits", ""),
    }
    kinds: dict[str, Make] = {
        "uniform noise": lambda: list(random.integers(0, 256, shape, np.uint8)),
        "gaussian noise": lambda: list(random.normal(128, 50, shape).clip(0, 255).astype(np.uint8)),
        "one colour": lambda: list(
            np.broadcast_to(random.integers(0, 256, (PER_KIND, 1, 1, shape[3]), np.uint8), shape)
        ),
    }
    for kind, (name, pattern) in others.items():
        if name != own:
            kinds[kind] = _handwriting if name == "digits" else partial(_files, store, name, pattern)
    return kinds


def _files(store: Store, name: str, pattern: str) -> list[Path]:
    store.unpacked(name)
    files = sorted(store.cache.glob(pattern))
    return files[:: max(1, len(files) // PER_KIND)][:PER_KIND]


def _handwriting() -> list[NDArray[np.uint8]]:
    from sklearn.datasets import load_digits

    return [(255 - 255 / 16 * scan).astype(np.uint8) for scan in load_digits().images[:PER_KIND]]


def _sounds(store: Store, in_noise: bool) -> dict[str, Make]:
    random = np.random.default_rng(0)

    def like_training_data(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        return add_noise(samples, RATE_HZ, random) if in_noise else (samples, RATE_HZ)

    def length() -> int:
        return int(random.uniform(0.3, 0.8) * RATE_HZ)  # as long as a spoken digit

    return {
        **_wordless(random, length),
        "music (synthesised chords)": lambda: [like_training_data(_chord(length(), random)) for _ in range(PER_KIND)],
        "other words (speechocean762)": lambda: [like_training_data(word) for word in _words(store, length)],
    }


def _wordless(random: np.random.Generator, length: Callable[[], int]) -> dict[str, Make]:
    return {
        "silence": lambda: [(1e-4 * random.standard_normal(length()), RATE_HZ) for _ in range(PER_KIND)],
        "white noise": lambda: [(0.1 * random.standard_normal(length()), RATE_HZ) for _ in range(PER_KIND)],
        "music (synthesised chords)": lambda: [(_chord(length(), random), RATE_HZ) for _ in range(PER_KIND)],
    }


def _chord(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A plucked major or minor triad: six harmonics, the higher ones decaying faster."""
    time_s = np.arange(samples) / RATE_HZ
    root_hz = 110 * 2 ** random.uniform(0, 2)
    sound = np.zeros(samples)
    for interval in (1, random.choice([6 / 5, 5 / 4]), 3 / 2):
        for harmonic in range(1, 7):
            fading = np.exp(-harmonic * random.uniform(1, 4) * time_s)
            sound += fading * np.sin(2 * np.pi * root_hz * interval * harmonic * time_s) / harmonic
    faded: NDArray[np.float64] = 0.5 * sound / np.abs(sound).max()
    return faded


def _words(store: Store, length: Callable[[], int]) -> Iterator[NDArray[np.float64]]:
    """Speech around the loudest moment of each of EACH recordings."""
    folder = store.unpacked("speechocean")
    with (folder / "train.csv").open(encoding="utf-8", newline="") as lines:
        files = [folder / row["audio"] for row in csv.DictReader(lines)]
    for file in files[:: max(1, len(files) // PER_KIND)][:PER_KIND]:
        samples = SENSES["audio"].read(file).astype(np.float64)
        loudness = np.convolve(samples**2, np.ones(RATE_HZ // 5), mode="same")
        long = length()
        start = int(np.clip(loudness.argmax() - long // 2, 0, max(0, len(samples) - long)))
        yield samples[start : start + long]
