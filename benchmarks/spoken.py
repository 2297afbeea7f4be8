"""The data sets of transcribed speech, tested on speakers or sentences held out of training."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.data import SEED, SPEAKERS, Examples, Store, fsdd_rows, write_table
from seehear.answers.text.normalisation import normalise
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ as HEARD_HZ
from seehear.table import open_table

STRING = (3, 7)  # fewest and most digits in a string
STRINGS = (2000, 300)  # training, test
PAUSE_S = (0.02, 0.25)
RATE_HZ = 8_000
GRID_HELD = 10  # one sentence in this many is held out for testing, another for calibration
HELD_SPEAKERS = 6  # one speaker in this many is held out
GROWN_UP_YEARS = 18
SPOKEN = "source_text"  # the column of the spoken words, if `text` is a translation
NOISE_DB = 5.0  # how much louder the noise is than the voice
BABBLING = 6  # overlapping voices


@dataclass(frozen=True)
class Spoken:
    """A recording as seehear reads it, (T,) at 16 kHz, and its normalised text."""

    samples: NDArray[np.float32]
    text: str


def recordings(table: Path) -> list[Spoken]:
    """All recordings of a table, for other recognisers."""
    with tempfile.TemporaryDirectory() as workspace:
        rows = open_table(table, senses_known=(HEARING,), kinds=(), workspace=Path(workspace))
        texts = rows.metadata_column("text")
        return [
            Spoken(HEARING.read(row.inputs[HEARING.name]), normalise(text))
            for row, text in zip(rows, texts, strict=True)
        ]


def digit_strings(store: Store, speaker: str = SPEAKERS[0]) -> Examples:
    """Strings of digits joined from clips of one speaker each. One speaker is held out of training."""
    rows, audio = fsdd_rows(store), store.unpacked("fsdd")

    def make(folder: Path) -> None:
        random = np.random.default_rng(SEED)
        for name, mine, count in (("train", False, STRINGS[0]), ("test", True, STRINGS[1])):
            chosen = [row for row in rows if (row["speaker"] == speaker) == mine]
            write_table(folder / f"{name}.csv", list(_strings(chosen, count, audio, folder / name, random)))

    made = store.made(f"strings-without-{speaker}", make)
    return Examples(made / "train.csv", None, {f"{speaker}, unseen": made / "test.csv"})


def grid(store: Store) -> Examples:
    """Commands of one speaker: a tenth of the sentences for testing, another tenth for calibration."""
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


def grid_in_noise(store: Store) -> Examples:
    """The held-out sentences of `grid`: as recorded, in white noise, and in babble.

    The picture is unchanged. The babble consists of training sentences.
    """
    clean = grid(store)
    rows, others = _table(clean.tests["sentences held out"]), _table(clean.train)

    def make(folder: Path) -> None:
        random = np.random.default_rng(SEED)
        voices = [_read_voice(store.cache / "grid-held" / row["video"]) for row in others[:: len(others) // 60]]
        for name in ("white", "babble"):
            (folder / name).mkdir()
            drowned = []
            for number, row in enumerate(rows):
                voice = _read_voice(store.cache / "grid-held" / row["video"])
                noise = random.standard_normal(len(voice)) if name == "white" else _babble(voices, len(voice), random)
                file = f"{name}/{number:03d}.wav"
                soundfile.write(folder / file, _drowned(voice, noise), HEARD_HZ, subtype="PCM_16")
                drowned.append({"audio": file, **row})
            write_table(folder / f"{name}.csv", drowned)

    made = store.made("grid-noise", make)
    tests = {f"in {name} {NOISE_DB:g} dB louder": made / f"{name}.csv" for name in ("white", "babble")}
    return Examples(clean.train, clean.val, {**tests, "as recorded": clean.tests["sentences held out"]})


def _read_voice(path: Path) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = HEARING.read(path)
    return samples


def _babble(voices: Sequence[NDArray[np.float32]], length: int, random: np.random.Generator) -> NDArray[np.float64]:
    """The sum of BABBLING voices at equal power, each from a random position on, repeated to this length."""
    chosen = [voices[i] for i in random.choice(len(voices), BABBLING, replace=False)]
    even = [voice / np.sqrt(np.square(voice).mean()) for voice in chosen]
    babble: NDArray[np.float64] = np.sum(
        [np.resize(np.roll(voice, int(random.integers(len(voice)))), length) for voice in even], axis=0
    )
    return babble


def _drowned(voice: NDArray[np.float32], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """A voice in noise that is NOISE_DB louder, scaled down if it would clip."""
    loudness = np.sqrt(np.square(voice).mean() / np.square(noise).mean()) * 10 ** (NOISE_DB / 20)
    heard: NDArray[np.float64] = voice + noise * loudness
    return heard / max(1.0, float(np.abs(heard).max()))


def speechocean(store: Store, count: int | None = None) -> Examples:
    """English by Mandarin speakers. Of their age, only whether they are adults is kept.

    With `count`, only so many sentences are trained on, chosen at random.
    """
    examples = _without_speakers(store, "speechocean", "text")
    if count is None:
        return examples

    def make(folder: Path) -> None:
        rows = _table(examples.train)
        chosen = np.random.default_rng(0).permutation(len(rows))[:count]
        write_table(folder / "train.csv", [rows[place] for place in chosen.tolist()])

    made = store.made(f"speechocean-{count}-cells", make)
    return replace(examples, train=made / "train.csv")


def mboshi(store: Store, column: str = SPOKEN) -> Examples:
    """Mboshi: the transcript, or with the column `text` its French translation, with the transcript as SPOKEN."""
    return _without_speakers(store, "mboshi", column)


def _without_speakers(store: Store, name: str, column: str) -> Examples:
    """The test set is one speaker of HELD_SPEAKERS, or one utterance where training needs all speakers."""
    given = store.unpacked(name)
    rows = [_describe_row(row, name, column) for row in _table(given / "train.csv")]
    speakers = sorted({row["speaker"] for row in rows})
    held = set(speakers[::HELD_SPEAKERS]) if len(speakers) > 2 * HELD_SPEAKERS else set()

    def is_test(number: int, row: dict[str, str]) -> bool:
        return row["speaker"] in held if held else number % (2 * HELD_SPEAKERS) == 0

    def make(folder: Path) -> None:
        for part, wanted in (("train", False), ("test", True)):
            chosen = [row for number, row in enumerate(rows) if is_test(number, row) == wanted]
            write_table(folder / f"{part}.csv", chosen)

    made = store.made(f"{name}-{column}-cells", make)
    return Examples(made / "train.csv", None, {"unseen speakers" if held else "utterances held out": made / "test.csv"})


def _describe_row(row: dict[str, str], name: str, column: str) -> dict[str, str]:
    """A row with the columns used for training."""
    cells = {"audio": f"../{name}/{row['audio']}", "text": row[column], "speaker": row["speaker"]}
    if column != SPOKEN and SPOKEN in row:
        cells |= {SPOKEN: row[SPOKEN]}
    if "age" in row:
        cells |= {"gender": row["gender"], "age": "adults" if int(row["age"]) >= GROWN_UP_YEARS else "children"}
    return cells


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
