"""Things that no recogniser here was taught, and how well each kind is told from what it was: AUROC."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.data import AbsentError, Store
from benchmarks.results import Figure
from seehear.api import Recogniser
from seehear.demo.digits import add_noise
from seehear.inputs import gather
from seehear.runtime.loading import load_example
from seehear.runtime.predictor import OOD_SCORE
from seehear.senses import SENSES

EACH = 200  # things of a kind
FAMILIAR = 500
TOGETHER = 64
RATE_HZ = 16_000
WISHED_AUROC = 0.90
WISHED_INVENTED = 0.01

Make = Callable[[], Sequence[Any]]  # what `predict` takes, EACH of them


def unfamiliarity(
    model: Recogniser, sense: str, test: Path, store: Store, *, own: str, in_noise: bool = False
) -> Iterator[Figure]:
    """The AUROC of each kind and of all kinds on average, and how many of the strange things it would answer.

    own       the set that it was taught: not strange to it
    in_noise  whether its sounds were in noise, and so the strange ones must be
    """
    familiar = list(gather([test], (sense,)))
    near = _scores(model, sense, familiar[:: max(1, len(familiar) // FAMILIAR)])
    kinds = _pictures(store, model.recipe.senses[sense], own) if sense == "image" else _sounds(store, in_noise)
    found, answered = [], []
    for kind, make in kinds.items():
        try:
            strange = make()
        except AbsentError as absent:
            print(absent)
            continue
        far = _scores(model, sense, strange)
        found.append(float(roc_auc_score([0] * len(near) + [1] * len(far), np.concatenate([near, far]))))
        answered += [prediction.accepted for prediction in model.predict(strange, senses=[sense])]
        yield Figure(f"unfamiliar by {sense}, AUROC: {kind}", found[-1])
    mean = float(np.mean(found))
    yield Figure(f"unfamiliar by {sense}, AUROC: mean of {len(found)} kinds", mean, at_least=WISHED_AUROC)
    yield Figure(f"unfamiliar by {sense}, answered all the same", float(np.mean(answered)), "%")


def invented(model: Recogniser) -> Figure:
    """How often a writer of speech answers with words, and stands by them, where nobody speaks."""
    random = np.random.default_rng(0)
    kinds = _wordless(random, lambda: int(random.uniform(1, 4) * RATE_HZ))
    sounds = [sound for make in kinds.values() for sound in make()]
    stood_by = [said.accepted and bool(str(said.answer)) for said in model.predict(sounds)]
    what = f"words accepted of {', '.join(kinds)}"
    return Figure(what, float(np.mean(stood_by)), "%", at_most=WISHED_INVENTED)


def _scores(model: Recogniser, sense: str, sources: Sequence[Any]) -> NDArray[np.float64]:
    """(n,): the graph's own measure of how unlike its training each is, which a Prediction only compares."""
    runtime = model._predictor
    scores: list[float] = []
    for start in range(0, len(sources), TOGETHER):
        seen = [load_example(each, model.recipe.senses, (sense,)) for each in sources[start : start + TOGETHER]]
        scores += [float(out[OOD_SCORE + sense]) for out in runtime._run([each.preprocessed for each in seen])]
    return np.array(scores)


def _pictures(store: Store, spec: Any, own: str) -> dict[str, Make]:
    random = np.random.default_rng(0)
    shape = (EACH, spec.height, spec.width, spec.channels)
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
        "one colour": lambda: list(np.broadcast_to(random.integers(0, 256, (EACH, 1, 1, shape[3]), np.uint8), shape)),
    }
    for kind, (name, pattern) in others.items():
        if name != own:
            kinds[kind] = _handwriting if name == "digits" else partial(_files, store, name, pattern)
    return kinds


def _files(store: Store, name: str, pattern: str) -> list[Path]:
    store.unpacked(name)
    files = sorted(store.cache.glob(pattern))
    return files[:: max(1, len(files) // EACH)][:EACH]


def _handwriting() -> list[NDArray[np.uint8]]:
    from sklearn.datasets import load_digits

    return [(255 - 255 / 16 * scan).astype(np.uint8) for scan in load_digits().images[:EACH]]


def _sounds(store: Store, in_noise: bool) -> dict[str, Make]:
    random = np.random.default_rng(0)

    def like_the_taught(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        return add_noise(samples, RATE_HZ, random) if in_noise else (samples, RATE_HZ)

    def length() -> int:
        return int(random.uniform(0.3, 0.8) * RATE_HZ)  # as long as a spoken digit

    return {
        **_wordless(random, length),
        "music (synthesised chords)": lambda: [like_the_taught(_chord(length(), random)) for _ in range(EACH)],
        "other words (speechocean762)": lambda: [like_the_taught(word) for word in _words(store, length)],
    }


def _wordless(random: np.random.Generator, length: Callable[[], int]) -> dict[str, Make]:
    return {
        "silence": lambda: [(1e-4 * random.standard_normal(length()), RATE_HZ) for _ in range(EACH)],
        "white noise": lambda: [(0.1 * random.standard_normal(length()), RATE_HZ) for _ in range(EACH)],
        "music (synthesised chords)": lambda: [(_chord(length(), random), RATE_HZ) for _ in range(EACH)],
    }


def _chord(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A major or minor triad of plucked strings: six harmonics that fade, the higher the sooner."""
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
    """A piece of speech around the loudest moment of each of EACH recordings."""
    folder = store.unpacked("speechocean")
    with (folder / "train.csv").open(encoding="utf-8", newline="") as lines:
        files = [folder / row["audio"] for row in csv.DictReader(lines)]
    for file in files[:: max(1, len(files) // EACH)][:EACH]:
        samples = SENSES["audio"].read(file).astype(np.float64)
        loudness = np.convolve(samples**2, np.ones(RATE_HZ // 5), mode="same")
        long = length()
        start = int(np.clip(loudness.argmax() - long // 2, 0, max(0, len(samples) - long)))
        yield samples[start : start + long]
