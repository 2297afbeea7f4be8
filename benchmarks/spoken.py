"""The sets of transcribed speech: speakers, or sentences, that no training hears."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.data import SEED, SPEAKERS, Examples, Store, fsdd_rows, write_table

STRING = (3, 7)  # digits said one after the other
STRINGS = (2000, 300)  # to learn from, to judge by
PAUSE_S = (0.02, 0.25)
RATE_HZ = 8_000
GRID_HELD = 10  # one sentence of so many judges, another one calibrates
HELD_SPEAKERS = 6  # one speaker of so many


def digit_strings(store: Store, speaker: str = SPEAKERS[0]) -> Examples:
    """Strings of digits joined from clips of one speaker each. One speaker is never heard in training."""
    rows, audio = fsdd_rows(store), store.unpacked("fsdd")

    def make(folder: Path) -> None:
        random = np.random.default_rng(SEED)
        for name, mine, count in (("train", False, STRINGS[0]), ("test", True, STRINGS[1])):
            chosen = [row for row in rows if (row["speaker"] == speaker) == mine]
            write_table(folder / f"{name}.csv", list(_strings(chosen, count, audio, folder / name, random)))

    made = store.made(f"strings-without-{speaker}", make)
    return Examples(made / "train.csv", None, {f"{speaker}, never heard": made / "test.csv"})


def grid(store: Store) -> Examples:
    """Commands of one speaker: a tenth of the sentences judges, another tenth calibrates."""
    given = store.unpacked("grid")
    rows = _table(given / "examples.csv")
    order = np.random.default_rng(SEED).permutation(len(rows))

    def make(folder: Path) -> None:
        parts = {"test": order % GRID_HELD == 0, "val": order % GRID_HELD == 1, "train": order % GRID_HELD > 1}
        for name, chosen in parts.items():
            mine = [row for row, yes in zip(rows, chosen, strict=True) if yes]
            write_table(folder / f"{name}.csv", [{**row, "video": f"../grid/{row['video']}"} for row in mine])

    made = store.made("grid-held", make)
    return Examples(made / "train.csv", made / "val.csv", {"sentences held out": made / "test.csv"})


def speechocean(store: Store) -> Examples:
    return _without_speakers(store, "speechocean", "text")


def mboshi(store: Store, column: str = "source_text") -> Examples:
    """Mboshi, written as it is spoken (source_text) or in French (text), which the former beside it shows."""
    return _without_speakers(store, "mboshi", column)


def _without_speakers(store: Store, name: str, column: str) -> Examples:
    """One speaker of HELD_SPEAKERS judges, or one utterance where all speakers must be learned from."""
    given = store.unpacked(name)
    rows = [{**row, "text": row[column], "audio": f"../{name}/{row['audio']}"} for row in _table(given / "train.csv")]
    speakers = sorted({row["speaker"] for row in rows})
    held = set(speakers[::HELD_SPEAKERS]) if len(speakers) > 2 * HELD_SPEAKERS else set()

    def judges(number: int, row: dict[str, str]) -> bool:
        return row["speaker"] in held if held else number % (2 * HELD_SPEAKERS) == 0

    def make(folder: Path) -> None:
        for part, wanted in (("train", False), ("test", True)):
            chosen = [row for number, row in enumerate(rows) if judges(number, row) == wanted]
            other = "" if column == "text" else column
            write_table(folder / f"{part}.csv", [{k: v for k, v in row.items() if k != other} for row in chosen])

    made = store.made(f"{name}-{column}-held", make)
    return Examples(
        made / "train.csv", None, {"speakers never heard" if held else "utterances held out": made / "test.csv"}
    )


def _strings(
    rows: Sequence[dict[str, str]], count: int, audio: Path, folder: Path, random: np.random.Generator
) -> Iterator[dict[str, str]]:
    folder.mkdir()
    speakers = sorted({row["speaker"] for row in rows})
    for number in range(count):
        speaker = speakers[number % len(speakers)]
        own = [row for row in rows if row["speaker"] == speaker]
        said = [own[i] for i in random.integers(0, len(own), random.integers(STRING[0], STRING[1] + 1))]
        pieces: list[NDArray[np.float32]] = []
        for row in said:
            pieces += [np.zeros(int(random.uniform(*PAUSE_S) * RATE_HZ), np.float32), _clip(audio / row["audio"])]
        soundfile.write(folder / f"{number:04d}.wav", np.concatenate(pieces), RATE_HZ, subtype="PCM_16")
        text = " ".join(row["label"] for row in said)
        yield {"audio": f"{folder.name}/{number:04d}.wav", "text": text, "speaker": speaker}


def _clip(path: Path) -> NDArray[np.float32]:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    if rate_hz != RATE_HZ:
        raise ValueError(f"Expected {RATE_HZ} Hz, got {rate_hz} in {path}")
    return np.asarray(samples, np.float32)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
