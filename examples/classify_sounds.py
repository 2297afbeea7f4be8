"""Classify sounds: a table of recordings, tested on voices that were not in the training data.

espeak-ng speaks the words (the extra `demo`), so nothing is downloaded.

    python examples/classify_sounds.py
"""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

import seehear
from seehear.demo.espeak import speak

COMMANDS = ("start", "stop", "louder", "quieter", "light on", "light off")
VOICES = ("Alicia", "Andy", "Denis", "Diogo", "Gene", "Lee", "Michael", "anika", "belinda", "david", "grandma", "john")
OTHER_VOICES = ("f3", "m2", "steph", "victor")
TAKES = 4  # of each command by each voice


def record(folder: Path, voices: tuple[str, ...], seed: int) -> Path:
    """Write the recordings and a table of them: audio, label, speaker. Speakers stay on one side of every split."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    with (folder / "recordings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("audio", "label", "speaker"))
        for number, (command, voice) in enumerate([(c, v) for c in COMMANDS for v in voices for _ in range(TAKES)]):
            speed, pitch = int(random.integers(130, 200)), int(random.integers(30, 70))
            samples, rate_hz = speak(command, f"en-us+{voice}", words_per_minute=speed, pitch=pitch)
            noise = random.normal(0, 0.05 * samples.std(), len(samples))
            soundfile.write(folder / f"{number}.wav", (samples + noise) / 2**16, rate_hz)
            table.writerow((f"{number}.wav", command, voice))
    return folder / "recordings.csv"


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = seehear.train(record(folder / "train", VOICES, seed=0), minutes=0.75)
        test = record(folder / "test", OTHER_VOICES, seed=1)
        evaluation = model.evaluate(test)
        print(evaluation)
        for speaker, group in evaluation.groups["speaker"].groups.items():
            print(f"{speaker}: {group.metrics['wrong']:.0%} wrong")

        prediction = model.predict(folder / "test" / "0.wav")
        print(f"'{COMMANDS[0]}' was heard as {prediction.answer} ({prediction.confidence:.0%})")


if __name__ == "__main__":
    main()
