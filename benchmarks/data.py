"""The data sets, unpacked once into a cache, each with a part held out for testing.

Archives are read from a folder outside the project. A missing archive raises `AbsentError`.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from seehear.demo.digits import SIDE_PX, TEST_EXAMPLES, add_noise, fade
from seehear.folders import claim_folder, empty_folder, unmark_folder

DATA = Path("../shared/data")
CACHE = Path(".cache/benchmarks")
SEED = 0
FEW = 50  # pictures per class
UNKNOWN_EVERY = 3  # one class in this many is unknown
HELD_SHARE = 0.1
SPEAKERS = ("theo", "jackson", "lucas", "nicolas", "yweweler")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class AbsentError(Exception):
    """The data set is not on this machine."""


@dataclass(frozen=True)
class Examples:
    """Training data; calibration data (None: training holds out its own); test sets by name; more without labels.

    The first of `tests` is the main test set.
    """

    train: Path
    val: Path | None
    tests: Mapping[str, Path]
    unlabelled: Path | None = None


@dataclass(frozen=True)
class Store:
    """`data` holds NAME.tar.xz; `cache` receives everything made from them."""

    data: Path = DATA
    cache: Path = CACHE

    def unpacked(self, name: str) -> Path:
        """The folder of a set. Raises AbsentError."""
        archive = self.data / f"{name}.tar.xz"
        if not archive.exists() and not (self.cache / name).exists():
            raise AbsentError(f"no {archive}: left out")

        def unpack(folder: Path) -> None:
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            for path in (folder / name).iterdir():
                path.rename(folder / path.name)
            (folder / name).rmdir()

        return self.made(name, unpack)

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """A folder in the cache, made by an earlier run or now; it is never left incomplete."""
        folder = self.cache / name
        if not folder.exists():
            part = folder.with_name(f"{name}.part")
            with claim_folder(part):  # otherwise a second run would mistake it for the leftovers of a killed one
                empty_folder(part)
                make(part)
                unmark_folder(part)
                part.rename(folder)
        return folder

    def environment(self, name: str, *wanted: str) -> Path:
        """The Python of a virtual environment without seehear, with these pip arguments installed."""

        def make(folder: Path) -> None:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            subprocess.run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *wanted], check=True)

        return self.made(name, make) / "bin/python"


def pneumonia(store: Store) -> Examples:
    """A tenth of the train split is the test set; the val split calibrates, and is reported too."""
    given = store.unpacked("pneumonia")

    def make(folder: Path) -> None:
        for label, files in _classes(given / "train"):
            held = round(HELD_SHARE * len(files))
            _link(files[:held], folder / "test" / label)
            _link(files[held:], folder / "train" / label)

    made = store.made("pneumonia-held", make)
    tests = {"a tenth held out of the train part": made / "test", "the val split, used for calibration": given / "val"}
    return Examples(made / "train", given / "val", tests)


def cifar10(store: Store) -> Examples:
    given = store.unpacked("cifar10")
    return Examples(given / "train", None, {"half of the official test part": given / "test"})


def cifar10_few(store: Store, count: int = FEW) -> Examples:
    """`count` pictures of each class, from the train part."""
    given = store.unpacked("cifar10")

    def make(folder: Path) -> None:
        for label, files in _classes(given / "train"):
            _link(files[:count], folder / label)

    return Examples(store.made(f"cifar10-{count}", make), None, {"half of the official test part": given / "test"})


def cifar10_unlabelled(store: Store, count: int, more: int) -> Examples:
    """`count` pictures of each class with labels, and `more` others without, from the train part."""
    few = cifar10_few(store, count)

    def make(folder: Path) -> None:
        for label, files in _classes(store.unpacked("cifar10") / "train"):
            for number, file in enumerate(files[count : count + more]):
                os.link(file, folder / f"{label}-{number}{file.suffix}")

    return replace(few, unlabelled=store.made(f"cifar10-unlabelled-{count}-{more}", make))


def cifar10_near(store: Store) -> Examples:
    """FEW pictures of each of six classes. The second test set: pictures of the other four, which are similar.

    Six known and four unknown classes is the usual division (Neal et al. 2018); here every third is unknown.
    """
    given = store.unpacked("cifar10")

    def make(folder: Path) -> None:
        for number, (label, files) in enumerate(_classes(given / "train")):
            if number % UNKNOWN_EVERY:
                _link(files[:FEW], folder / "train" / label)
        for number, (label, files) in enumerate(_classes(given / "test")):
            _link(files, folder / ("known" if number % UNKNOWN_EVERY else "unknown") / label)

    made = store.made("cifar10-near", make)
    return Examples(made / "train", None, {"known classes": made / "known", "unknown classes": made / "unknown"})


def fsdd(store: Store, speaker: str = SPEAKERS[0], count: int | None = None) -> Examples:
    """Leave one speaker out as the test set. `count` clips of each digit are trained on, None for all.

    If few, they come from the other speakers in turn.
    """
    rows = fsdd_rows(store)

    def make(folder: Path) -> None:
        others = [row for row in rows if row["speaker"] != speaker]
        chosen = {
            "train": others if count is None else list(_draw_clips(others, count)),
            "test": [row for row in rows if row["speaker"] == speaker],
        }
        for name, mine in chosen.items():
            write_table(folder / f"{name}.csv", [{**row, "audio": f"../fsdd/{row['audio']}"} for row in mine])

    few = "" if count is None else f"-{count}"
    made = store.made(f"fsdd{few}-without-{speaker}", make)
    return Examples(made / "train.csv", None, {f"{speaker}, unseen": made / "test.csv"})


def _draw_clips(rows: Sequence[dict[str, str]], count: int) -> Iterator[dict[str, str]]:
    """`count` random clips of each word, from the speakers in turn, beginning with another speaker for each word."""
    random = np.random.default_rng(SEED)
    speakers = sorted({row["speaker"] for row in rows})
    for first, word in enumerate(WORDS):
        clips = [_by_speaker(rows, word, speakers[(first + n) % len(speakers)]) for n in range(len(speakers))]
        drawn = [random.permutation(len(own)) for own in clips]
        for number in range(count):
            turn, place = number % len(speakers), number // len(speakers)
            yield clips[turn][drawn[turn][place]]


def _by_speaker(rows: Sequence[dict[str, str]], word: str, speaker: str) -> list[dict[str, str]]:
    return [row for row in rows if row["label"] == word and row["speaker"] == speaker]


def digits(store: Store, speaker: str = SPEAKERS[0]) -> Examples:
    """Handwriting, faint and grainy, each with a recording of the same digit in white noise as loud as the voice.

    In the test set, both the writers and the speaker are unseen in training.
    """
    from sklearn.datasets import load_digits

    rows, audio = fsdd_rows(store), store.unpacked("fsdd")
    scans = load_digits()
    written = list(zip(scans.images / scans.images.max(), scans.target.tolist(), strict=True))

    def make(folder: Path) -> None:
        random = np.random.default_rng(SEED)
        for name, mine, pictures in (
            ("train", False, written[:-TEST_EXAMPLES]),
            ("test", True, written[-TEST_EXAMPLES:]),
        ):
            spoken = _by_label([row for row in rows if (row["speaker"] == speaker) == mine], random)
            pairs = _pairs(pictures, spoken, folder / name, audio, random)
            write_table(folder / f"{name}.csv", list(pairs))

    made = store.made(f"digits-without-{speaker}", make)
    tests = {f"digits by other writers, spoken by {speaker}, unseen": made / "test.csv"}
    return Examples(made / "train.csv", None, tests)


def _pairs(
    pictures: Iterable[tuple[NDArray[np.float64], int]],
    spoken: Mapping[str, Iterator[dict[str, str]]],
    folder: Path,
    audio: Path,
    random: np.random.Generator,
) -> Iterator[dict[str, str]]:
    folder.mkdir()
    for number, (picture, digit) in enumerate(pictures):
        row = next(spoken[WORDS[digit]])
        pixels = Image.fromarray(np.uint8(255 * (1 - fade(picture, random))))
        pixels.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(folder / f"{number:04d}.png")
        samples, rate_hz = soundfile.read(audio / row["audio"])
        samples, rate_hz = add_noise(samples, rate_hz, random)
        soundfile.write(folder / f"{number:04d}.wav", samples, rate_hz, subtype="PCM_16")
        files = {"image": f"{folder.name}/{number:04d}.png", "audio": f"{folder.name}/{number:04d}.wav"}
        yield {**files, "label": WORDS[digit], "speaker": row["speaker"]}


def _by_label(rows: list[dict[str, str]], random: np.random.Generator) -> dict[str, Iterator[dict[str, str]]]:
    """The rows of each label in random order, repeated endlessly."""
    grouped: dict[str, list[dict[str, str]]] = defaultdict(list)
    for number in random.permutation(len(rows)):
        grouped[rows[number]["label"]].append(rows[number])

    def endless(mine: list[dict[str, str]]) -> Iterator[dict[str, str]]:
        while True:
            yield from mine

    return {label: endless(mine) for label, mine in grouped.items()}


def draw(items: Sequence[Any], count: int | None) -> list[Any]:
    """`count` random items, the same every time; None for all."""
    return [items[i] for i in sorted(np.random.default_rng(SEED).permutation(len(items))[:count])]


def fsdd_rows(store: Store) -> list[dict[str, str]]:
    with (store.unpacked("fsdd") / "examples.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def list_pictures(store: Store, name: str) -> list[tuple[Path, str]]:
    """The training pictures of a set in class folders, with their classes."""
    return [(file, file.parent.name) for file in sorted((store.unpacked(name) / "train").rglob("*.*"))]


def list_sounds(store: Store) -> list[tuple[Path, str]]:
    """The spoken digits, with their classes."""
    return [(store.unpacked("fsdd") / row["audio"], row["label"]) for row in fsdd_rows(store)]


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, rows[0])
        table.writeheader()
        table.writerows(rows)


def _classes(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Each class with its files, in a random order that is the same every time."""
    random = np.random.default_rng(SEED)
    for label in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(label.iterdir())
        yield label.name, [files[i] for i in random.permutation(len(files))]


def _link(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for file in files:
        os.link(file, folder / file.name)
