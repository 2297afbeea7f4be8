"""Where a running sound begins and pauses: its stretches between silences, found while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ

FRAME_SAMPLES = 320  # 20 ms
FRAME_S = FRAME_SAMPLES / RATE_HZ
FAINTEST_DB = -55.0  # of full scale: below it there is nothing to hear
ABOVE_NOISE_DB = 9.0  # that a sound must be louder than what is always there
FLOOR_RISES_DB_S = 3.0  # how fast what is always there may grow; it falls at once
BEGINS_S = 0.06  # of sound in a row, for a stretch to begin
LEAD_S = 0.24  # kept from before it: consonants are faint
PAUSE_S = 0.5  # of silence, for a stretch to end
LONGEST_S = 15.0  # a stretch without a pause ends where it was quietest in its last third

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Stretch:
    """samples (T,) from start_s of the running sound on; `over` once its pause has come."""

    samples: Samples
    start_s: float
    over: bool

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / RATE_HZ


class Pauses:
    """Feed samples (T,) at RATE_HZ in any portions; each gives the stretches that ended in it, then one that goes on.

    Holds LONGEST_S of sound at most, however long it runs.
    """

    def __init__(self) -> None:
        self._waiting = np.zeros(0, np.float32)  # less than a frame
        self._kept: list[Samples] = []  # frames: the lead, or the stretch so far
        self._levels_db: list[float] = []  # of the kept frames
        self._frames = 0  # that were heard in all
        self._floor_db = 0.0
        self._speaking = False
        self._row = 0  # frames in a row that say the contrary: sound before a stretch, silence within it

    def feed(self, samples: Samples) -> list[Stretch]:
        together = np.concatenate([self._waiting, samples])
        whole = len(together) // FRAME_SAMPLES
        self._waiting = together[whole * FRAME_SAMPLES :]
        ended = [
            stretch
            for frame in together[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES)
            if (stretch := self._hear(frame)) is not None
        ]
        return ended + ([self._stretch(len(self._kept), over=False)] if self._speaking else [])

    def finish(self) -> list[Stretch]:
        """The stretch that was going on when the sound ended."""
        going_on = [self._cut(len(self._kept))] if self._speaking else []
        self._speaking = False
        return going_on

    def _hear(self, frame: Samples) -> Stretch | None:
        """The stretch that ends with this frame, if one does."""
        level_db = 10 * float(np.log10(np.square(frame).mean() + 1e-12))
        self._floor_db = min(level_db, self._floor_db + FLOOR_RISES_DB_S * FRAME_S)
        sounds = level_db > max(FAINTEST_DB, self._floor_db + ABOVE_NOISE_DB)
        self._frames += 1
        self._kept.append(frame)
        self._levels_db.append(level_db)
        self._row = self._row + 1 if sounds != self._speaking else 0
        if not self._speaking:
            if self._row * FRAME_S >= BEGINS_S:
                self._speaking, self._row = True, 0
            else:
                self._forget(len(self._kept) - round((LEAD_S + BEGINS_S) / FRAME_S))
            return None
        if self._row * FRAME_S >= PAUSE_S:
            self._speaking, self._row = False, 0
            return self._cut(len(self._kept))
        if len(self._kept) * FRAME_S >= LONGEST_S:
            third = len(self._kept) * 2 // 3
            return self._cut(third + int(np.argmin(self._levels_db[third:])) + 1)
        return None

    def _cut(self, frames: int) -> Stretch:
        stretch = self._stretch(frames, over=True)
        self._forget(frames)
        return stretch

    def _stretch(self, frames: int, *, over: bool) -> Stretch:
        return Stretch(np.concatenate(self._kept[:frames]), (self._frames - len(self._kept)) * FRAME_S, over)

    def _forget(self, frames: int) -> None:
        if frames > 0:
            del self._kept[:frames], self._levels_db[:frames]
