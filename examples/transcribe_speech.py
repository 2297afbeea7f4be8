"""Transcribe speech: train on recordings with their words, then transcribe new ones, with the time of each word.

espeak-ng speaks the digits (the extra `demo`), so nothing is downloaded.

    python examples/transcribe_speech.py
"""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

import seehear
from seehear.demo.espeak import speak

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = ("Alicia", "Andy", "Denis", "Diogo", "Gene", "Lee", "Michael", "anika", "belinda", "david", "grandma", "john")
OTHER_VOICES = ("f3", "m2", "steph", "victor")


def record(folder: Path, voices: tuple[str, ...], number: int, seed: int) -> Path:
    """Write recordings of one to four digits and a table of them: audio, text, speaker."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    with (folder / "recordings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("audio", "text", "speaker"))
        for take in range(number):
            text = " ".join(random.choice(DIGITS, random.integers(1, 5)))
            voice, speed = voices[take % len(voices)], int(random.integers(130, 180))
            samples, rate_hz = speak(text, f"en-us+{voice}", words_per_minute=speed, pitch=int(random.integers(30, 70)))
            soundfile.write(folder / f"{take}.wav", samples, rate_hz)
            table.writerow((f"{take}.wav", text, voice))
    return folder / "recordings.csv"


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = seehear.train(record(folder / "train", VOICES, 480, seed=0), minutes=1.5)
        test = record(folder / "test", OTHER_VOICES, 60, seed=1)
        print(model.evaluate(test))

        prediction = model.predict(folder / "test" / "0.wav")
        for word in prediction.answer.words:
            sure = "" if word.accepted else "  (unsure)"
            print(f"{word.start_s:5.2f} s to {word.end_s:5.2f} s: {word.text}{sure}")


if __name__ == "__main__":
    main()
