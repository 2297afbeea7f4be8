"""What is always there to hear, such as a fan, and whether anything sounds above it.

Why by bands, and why not a library: docs/decisions/014-voice.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ

FRAME_SAMPLES = 320  # 20 ms
FRAME_S = FRAME_SAMPLES / RATE_HZ
FAINTEST_DB = -55.0  # of full scale: below it there is nothing to hear
EDGES_HZ = (150, 400, 800, 1300, 2000, 3000, 4000)  # of the bands: a voice fills some of them at a time, noise all
ABOVE_ROOM_DB = 8.0  # that a band must be louder than what is always in it
RISES_DB_S = 3.0  # how fast what is always there may grow; it falls at once
TOGETHER = 3  # frames whose mean a band's level is: of one alone it leaps, even in steady noise
_LEAST_POWER = 1e-12

Samples = NDArray[np.float32]
Array = NDArray[np.float64]


class Room:
    """Told frames (FRAME_SAMPLES,) one after the other, says of each whether something sounds."""

    def __init__(self) -> None:
        self._recent: list[Array] = []  # power in each band, of TOGETHER frames
        self._floor_db = np.zeros(len(EDGES_HZ) - 1)

    def sounds(self, frame: Samples, level_db: float) -> bool:
        self._recent = [*self._recent[1 - TOGETHER :], _powers(frame)]
        bands_db = 10 * np.log10(np.mean(self._recent, axis=0) + _LEAST_POWER)
        self._floor_db = np.minimum(bands_db, self._floor_db + RISES_DB_S * FRAME_S)
        return level_db > FAINTEST_DB and bool((bands_db - self._floor_db).max() > ABOVE_ROOM_DB)


def level_db(frame: Samples) -> float:
    """Of full scale."""
    return 10 * float(np.log10(np.square(frame).mean() + _LEAST_POWER))


def _powers(frame: Samples) -> Array:
    """(T,) -> (bands,)"""
    return np.asarray(np.square(np.abs(np.fft.rfft(frame * _WINDOW))) @ _BANDS, np.float64)


def _bands() -> Array:
    """(bins, bands): which bins of the spectrum a band is the sum of."""
    bins_hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / RATE_HZ)[:, None]
    within = (bins_hz >= EDGES_HZ[:-1]) & (bins_hz < EDGES_HZ[1:])
    return np.asarray(within * (8 / FRAME_SAMPLES**2), np.float64)


_WINDOW = np.hanning(FRAME_SAMPLES)
_BANDS = _bands()
