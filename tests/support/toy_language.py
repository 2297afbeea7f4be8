"""A toy language of tones, to translate into words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from seehear.senses.hearing.plan import RATE_HZ

TONES_HZ = {"ba": 400, "ke": 900, "zo": 1800}  # the words of the language, and their translations
MEANING = {"ba": "one", "ke": "two", "zo": "three"}


def write_toy_language(folder: Path, n: int, seed: int = 0, *, with_auxiliary: bool = False) -> Path:
    """Recordings of one to four tones, none twice in a row, with their translations in reversed order.

    `with_auxiliary` adds a column of the words spoken.
    """
    random = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        said: list[str] = []
        for _ in range(random.integers(1, 5)):
            said.append(random.choice([tone for tone in TONES_HZ if tone not in said[-1:]]))
        seconds = np.arange(int(0.2 * RATE_HZ)) / RATE_HZ
        tones = [np.sin(2 * np.pi * TONES_HZ[each] * seconds) * np.hanning(len(seconds)) for each in said]
        sound = 0.3 * np.concatenate(tones) + 0.003 * random.normal(size=len(seconds) * len(said))
        soundfile.write(folder / f"{i}.wav", sound, RATE_HZ)
        rows.append(
            [f"{i}.wav", " ".join(MEANING[each] for each in reversed(said)), *[" ".join(said)] * with_auxiliary]
        )
    headings = ["audio", "translation", *["source_text"] * with_auxiliary]
    (folder / "examples.csv").write_text("".join(",".join(row) + "\n" for row in [headings, *rows]))
    return folder / "examples.csv"
