"""Handwritten and spoken digits: tables of pictures and recordings, and pairs of other things.

The handwriting is real: scikit-learn's copy of the UCI "Optical recognition of handwritten digits" (E. Alpaydin,
C. Kaynak, 1998). The voices are synthetic. Both are made hard on purpose, so that neither sense is enough alone: the
pictures are faint and noisy, and the noise in the recordings is as loud as the voice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seehear.amounts import format_count
from seehear.demo.espeak import speak
from seehear.escaping import CsvWriter
from seehear.events import Advanced, Finished, Listener, Started, ignore_events

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
TRAIN_VOICES = (
    *("Alicia", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Jacky", "Lee", "Michael", "Nguyen", "adam"),
    *("anika", "belinda", "benjamin", "caleb", "david", "edward", "f1", "f2", "f4", "grandma", "gustave", "ian"),
    *("john", "klatt", "klatt3", "linda", "m1", "m3", "m5", "m6", "marcelo", "miguel", "quincy", "travis"),
)
TEST_VOICES = ("Mario", "f3", "f5", "iven", "klatt2", "m2", "m4", "m7", "max", "paul", "steph", "victor")
LETTERS = "ACEFHKMNPRTUVWXY"  # those that look like no digit
OTHER_WORDS = ("banana", "window", "mother", "yellow", "garden", "music", "paper", "orange", "doctor", "summer")

SIDE_PX = 32
CONTRAST = 0.3  # of the range from black to white
NOISE = 0.25  # standard deviation of the noise on each of the 8 x 8 original pixels, in units of the contrast
SNR_DB = 0.0
TEST_EXAMPLES = 597  # the last pictures, by other writers than the first
NOT_DIGITS = 30  # of each kind

Picture = NDArray[np.float64]  # (H, W), paper 0 to ink 1
Sound = NDArray[np.float64]  # (T,), from -1 to 1


@dataclass(frozen=True)
class Digits:
    """The tables, and a folder of pairs for each kind of things that are not digits."""

    train: Path
    test: Path
    not_digits: tuple[Path, ...]


def make_digits(folder: Path, *, seed: int = 0, limit: int | None = None, listen: Listener = ignore_events) -> Digits:
    """Write `train.csv` and `test.csv` (image, audio, label, speaker), their files, and `not-digits/` into a folder.

    Training and test have different voices. The same seed gives the same pictures, voices and noise, but espeak-ng
    varies a voice by random numbers of its own. `limit` keeps only that many of everything.
    """
    from sklearn.datasets import load_digits

    scans = load_digits()
    examples = list(zip(scans.images / scans.images.max(), scans.target, strict=True))
    train = _write_table(
        folder / "train.csv", examples[:-TEST_EXAMPLES][:limit], voices=TRAIN_VOICES, seed=seed, listen=listen
    )
    test = _write_table(
        folder / "test.csv", examples[-TEST_EXAMPLES:][:limit], voices=TEST_VOICES, seed=seed, listen=listen
    )
    numbers = range(NOT_DIGITS)[:limit]
    others = [_write_pairs(folder / "not-digits" / name, make, numbers) for name, make in _NOT_DIGITS.items()]
    return Digits(train, test, tuple(others))


def _write_table(
    table: Path,
    examples: Sequence[tuple[Picture, int]],
    *,
    voices: Sequence[str],
    seed: int,
    listen: Listener,
) -> Path:
    """Write a table, and beside it a folder of the same name with its files."""
    folder, part, task = table.parent, table.stem, f"making {table.name}"
    (folder / part).mkdir(parents=True, exist_ok=True)
    listen(Started(task, len(examples), "examples"))
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = CsvWriter(file)
        rows.row(("image", "audio", "label", "speaker"))
        for number, (picture, digit) in enumerate(examples, 1):
            random = np.random.default_rng((seed, len(voices), number))
            speaker = int(random.integers(len(voices)))
            voice = f"{ACCENTS[speaker % len(ACCENTS)]}+{voices[speaker]}"
            image, audio = f"{part}/{number:04d}.png", f"{part}/{number:04d}.wav"
            write_picture(folder / image, fade(picture, random))
            _write_sound(folder / audio, *add_noise(*utter(WORDS[digit], voice, random), random))
            rows.row((image, audio, digit, voice))
            listen(Advanced(task, number))
    listen(Finished(task, format_count(len(examples), "example")))
    return table


def fade(picture: Picture, random: np.random.Generator) -> Picture:
    """Add noise to a picture (8, 8) and lower its contrast, on grey paper."""
    noisy_picture = picture - 0.5 + NOISE * random.standard_normal(picture.shape)
    return np.clip(0.5 + CONTRAST * noisy_picture, 0, 1)


def utter(word: str, voice: str, random: np.random.Generator) -> tuple[Sound, int]:
    """A word at a random speed and pitch, with a little silence around it, and its rate in Hz."""
    samples, rate_hz = speak(
        word, voice, words_per_minute=int(random.integers(130, 210)), pitch=int(random.integers(30, 70))
    )
    padding = random.integers(0, rate_hz // 5, size=2)
    return np.pad(samples / 2.0**15, tuple(padding)), rate_hz


def add_noise(sound: Sound, rate_hz: int, random: np.random.Generator) -> tuple[Sound, int]:
    """Mix a sound with white noise at SNR_DB, and scale it to half of full scale."""
    noise = random.standard_normal(len(sound)) * sound.std() / 10 ** (SNR_DB / 20)
    mixed = sound + noise
    return 0.5 * mixed / max(float(np.abs(mixed).max()), 1e-6), rate_hz


MakePair = Callable[[int, np.random.Generator], tuple[Picture, tuple[Sound, int]]]


def _letters_and_words(number: int, random: np.random.Generator) -> tuple[Picture, tuple[Sound, int]]:
    voice = f"{ACCENTS[number % len(ACCENTS)]}+{TEST_VOICES[number % len(TEST_VOICES)]}"
    canvas = Image.new("L", (SIDE_PX, SIDE_PX))
    letter = LETTERS[number % len(LETTERS)]
    ImageDraw.Draw(canvas).text((SIDE_PX / 2,) * 2, letter, 255, ImageFont.load_default(28), anchor="mm")
    picture = np.asarray(canvas.resize((8, 8), Image.Resampling.BOX)) / 255
    return fade(picture, random), add_noise(*utter(OTHER_WORDS[number % len(OTHER_WORDS)], voice, random), random)


def _noise(_number: int, random: np.random.Generator) -> tuple[Picture, tuple[Sound, int]]:
    return random.random((SIDE_PX, SIDE_PX)), (0.3 * random.standard_normal(16_000).clip(-3, 3), 16_000)


def _shapes_and_chords(number: int, random: np.random.Generator) -> tuple[Picture, tuple[Sound, int]]:
    canvas = Image.new("L", (SIDE_PX, SIDE_PX), 255)
    corners = sorted(int(x) for x in random.integers(2, SIDE_PX - 2, 4))
    ImageDraw.Draw(canvas).rectangle((corners[0], corners[1], corners[2] + 1, corners[3] + 1), fill=60)
    time_s = np.arange(16_000) / 16_000
    root_hz = 220 * 2 ** (number % 12 / 12)
    chord = sum(np.sin(2 * np.pi * root_hz * interval * time_s) for interval in (1, 5 / 4, 3 / 2))
    return np.asarray(canvas) / 255, (0.25 * chord * np.exp(-2 * time_s), 16_000)


def _blank(number: int, _random: np.random.Generator) -> tuple[Picture, tuple[Sound, int]]:
    return np.full((SIDE_PX, SIDE_PX), number / NOT_DIGITS), (np.zeros(16_000), 16_000)


_NOT_DIGITS: dict[str, MakePair] = {
    "letters and words": _letters_and_words,
    "shapes and chords": _shapes_and_chords,
    "noise": _noise,
    "blank": _blank,
}


def _write_pairs(folder: Path, make: MakePair, numbers: range) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture, sound = make(number, np.random.default_rng(number))
        write_picture(folder / f"{number:02d}.png", picture)
        _write_sound(folder / f"{number:02d}.wav", *sound)
    return folder


def write_picture(path: Path, picture: Picture) -> None:
    """Ink is dark. Small pictures are enlarged for people to see."""
    pixels = Image.fromarray(np.uint8(255 * (1 - picture)))
    pixels.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(path)


def _write_sound(path: Path, sound: Sound, rate_hz: int) -> None:
    soundfile.write(path, sound, rate_hz, subtype="PCM_16")
