"""Digits that are seen and heard: a table of pictures and recordings, and things that are no digits at all.

The handwriting is real: scikit-learn's copy of the UCI "Optical recognition of handwritten digits" (E. Alpaydin,
C. Kaynak, 1998). The voices are synthetic. Both are made hard on purpose, so that neither sense is enough alone:
pictures are faint and grainy, recordings are as loud as the noise around them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seehear.amounts import counted
from seehear.demo.espeak import speak
from seehear.escaping import CsvWriter
from seehear.events import Advanced, Finished, Listener, Started, silence

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us-nyc", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
HEARD = (
    *("Alicia", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Jacky", "Lee", "Michael", "Nguyen", "adam"),
    *("anika", "belinda", "benjamin", "caleb", "david", "edward", "f1", "f2", "f4", "grandma", "gustave", "ian"),
    *("john", "klatt", "klatt3", "linda", "m1", "m3", "m5", "m6", "marcelo", "miguel", "quincy", "travis"),
)
UNHEARD = ("Mario", "f3", "f5", "iven", "klatt2", "m2", "m4", "m7", "max", "paul", "steph", "victor")
LETTERS = "ACEFHKMNPRTUVWXY"  # those that no digit looks like
OTHER_WORDS = ("banana", "window", "mother", "yellow", "garden", "music", "paper", "orange", "doctor", "summer")

SIDE_PX = 32
CONTRAST = 0.3  # of the range from black to white
GRAIN = 0.25  # standard deviation of what is added to each of the 8 x 8 original pixels, in units of the contrast
SNR_DB = 0.0
FOR_TEST = 597  # the last pictures, which other people wrote than the first
UNFAMILIAR = 30  # of each kind

Picture = NDArray[np.float64]  # (H, W), paper 0 to ink 1
Sound = NDArray[np.float64]  # (T,), from -1 to 1


@dataclass(frozen=True)
class Digits:
    """Where everything lies. Each kind of unfamiliar thing is a folder of pairs."""

    train: Path
    test: Path
    unfamiliar: tuple[Path, ...]


def make_digits(folder: Path, *, seed: int = 0, limit: int | None = None, listen: Listener = silence) -> Digits:
    """Write `train.csv` and `test.csv` (image, audio, label, speaker), their files, and `unfamiliar/`, into a folder.

    The voices of the test are none of those to learn from. The same seed gives the same pictures, voices and noise;
    how a voice wavers is espeak-ng's own chance. `limit` keeps the first so many of everything.
    """
    from sklearn.datasets import load_digits

    scans = load_digits()
    examples = list(zip(scans.images / scans.images.max(), scans.target, strict=True))
    train = _write_part(folder / "train.csv", examples[:-FOR_TEST][:limit], voices=HEARD, seed=seed, listen=listen)
    test = _write_part(folder / "test.csv", examples[-FOR_TEST:][:limit], voices=UNHEARD, seed=seed, listen=listen)
    strange = range(UNFAMILIAR)[:limit]
    unfamiliar = [_write_unfamiliar(folder / "unfamiliar" / name, make, strange) for name, make in _STRANGE.items()]
    return Digits(train, test, tuple(unfamiliar))


def _write_part(
    table: Path,
    examples: Sequence[tuple[Picture, int]],
    *,
    voices: Sequence[str],
    seed: int,
    listen: Listener,
) -> Path:
    """The table, and beside it a folder of the same name with the files of its rows."""
    folder, part, task = table.parent, table.stem, f"making {table.name}"
    (folder / part).mkdir(parents=True, exist_ok=True)
    listen(Started(task, len(examples), "examples"))
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = CsvWriter(file)
        rows.row(("image", "audio", "label", "speaker"))
        for number, (picture, digit) in enumerate(examples, 1):
            random = np.random.default_rng((seed, len(voices), number))
            throat = int(random.integers(len(voices)))
            voice = f"{ACCENTS[throat % len(ACCENTS)]}+{voices[throat]}"
            image, audio = f"{part}/{number:04d}.png", f"{part}/{number:04d}.wav"
            _write_picture(folder / image, faint(picture, random))
            _write_sound(folder / audio, *noisy(*utter(WORDS[digit], voice, random), random))
            rows.row((image, audio, digit, voice))
            listen(Advanced(task, number))
    listen(Finished(task, counted(len(examples), "example")))
    return table


def faint(picture: Picture, random: np.random.Generator) -> Picture:
    """A picture (8, 8) grainy, then in low contrast on grey paper."""
    grainy = picture - 0.5 + GRAIN * random.standard_normal(picture.shape)
    return np.clip(0.5 + CONTRAST * grainy, 0, 1)


def utter(word: str, voice: str, random: np.random.Generator) -> tuple[Sound, int]:
    """A word at a speed and pitch of chance, with a little silence around it, and its rate in Hz."""
    samples, rate_hz = speak(
        word, voice, words_per_minute=int(random.integers(130, 210)), pitch=int(random.integers(30, 70))
    )
    quiet = random.integers(0, rate_hz // 5, size=2)
    return np.pad(samples / 2.0**15, tuple(quiet)), rate_hz


def noisy(sound: Sound, rate_hz: int, random: np.random.Generator) -> tuple[Sound, int]:
    """The sound in white noise of SNR_DB, at half the loudness that would clip."""
    noise = random.standard_normal(len(sound)) * sound.std() / 10 ** (SNR_DB / 20)
    mixed = sound + noise
    return 0.5 * mixed / max(float(np.abs(mixed).max()), 1e-6), rate_hz


Strange = Callable[[int, np.random.Generator], tuple[Picture, tuple[Sound, int]]]


def _letters_and_words(number: int, random: np.random.Generator) -> tuple[Picture, tuple[Sound, int]]:
    voice = f"{ACCENTS[number % len(ACCENTS)]}+{UNHEARD[number % len(UNHEARD)]}"
    canvas = Image.new("L", (SIDE_PX, SIDE_PX))
    letter = LETTERS[number % len(LETTERS)]
    ImageDraw.Draw(canvas).text((SIDE_PX / 2,) * 2, letter, 255, ImageFont.load_default(28), anchor="mm")
    picture = np.asarray(canvas.resize((8, 8), Image.Resampling.BOX)) / 255
    return faint(picture, random), noisy(*utter(OTHER_WORDS[number % len(OTHER_WORDS)], voice, random), random)


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


def _nothing(number: int, _random: np.random.Generator) -> tuple[Picture, tuple[Sound, int]]:
    return np.full((SIDE_PX, SIDE_PX), number / UNFAMILIAR), (np.zeros(16_000), 16_000)


_STRANGE: dict[str, Strange] = {
    "letters and words": _letters_and_words,
    "shapes and chords": _shapes_and_chords,
    "noise": _noise,
    "nothing": _nothing,
}


def _write_unfamiliar(folder: Path, make: Strange, numbers: range) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture, sound = make(number, np.random.default_rng(number))
        _write_picture(folder / f"{number:02d}.png", picture)
        _write_sound(folder / f"{number:02d}.wav", *sound)
    return folder


def _write_picture(path: Path, picture: Picture) -> None:
    """Ink is dark; a small picture is enlarged, so that people can see it as well."""
    pixels = Image.fromarray(np.uint8(255 * (1 - picture)))
    pixels.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(path)


def _write_sound(path: Path, sound: Sound, rate_hz: int) -> None:
    soundfile.write(path, sound, rate_hz, subtype="PCM_16")
