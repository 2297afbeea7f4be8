"""Where a running sound begins and pauses: its stretches between silences, found while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ

FRAME_SAMPLES = 320  # 20 ms
FRAME_S = FRAME_SAMPLES / RATE_HZ
FAINTEST_DB = -55.0  # of full scale: below it there is nothing to hear
BAND_EDGES_HZ = (150, 400, 800, 1300, 2000, 3000, 4000)  # of the bands: a voice fills some of them at a time, noise all
ABOVE_FLOOR_DB = 8.0  # that a band must be louder than what is always in it
FLOOR_RISE_DB_S = 3.0  # how fast what is always there may grow; it falls at once
SMOOTHED_FRAMES = 3  # frames whose mean a band's level is: of one alone it leaps, even in steady noise
_LEAST_POWER = 1e-12

BEGINS_S = 0.06  # of sound in a row, for a stretch to begin
LEAD_S = 0.24  # kept from before it: consonants are faint
PAUSE_S = 0.5  # of silence, for a stretch to end
TAIL_S = 0.2  # of it that is kept: recordings that are learned from end soon, and more silence is heard as words
LONGEST_S = 15.0  # a stretch without a pause ends where it was quietest in its last third
_TAIL = round(TAIL_S / FRAME_S)

Samples = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Segment:
    """samples (T,) from start_s of the running sound on; `over` once its pause has come."""

    samples: Samples
    start_s: float
    finished: bool

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / RATE_HZ


class VoiceActivityDetector:
    """Feed samples (T,) at RATE_HZ in any portions; each gives the stretches that ended in it.

    Holds LONGEST_S of sound at most, however long it runs.
    """

    def __init__(self) -> None:
        self._waiting = np.zeros(0, np.float32)  # less than a frame
        self._kept: list[Samples] = []  # frames: the lead, or the stretch so far
        self._levels_db: list[float] = []  # of the kept frames
        self._frames = 0  # that were heard in all
        self._noise_floor = NoiseFloor()
        self._speaking = False
        self._row = 0  # frames in a row that say the contrary: sound before a stretch, silence within it

    @property
    def active_span(self) -> tuple[float, float] | None:
        """Where the stretch that has not ended begins, and how far there is something in it; None in a pause."""
        start = self._frames - len(self._kept)
        return (start * FRAME_S, (start + self._sounding()) * FRAME_S) if self._speaking else None

    @property
    def in_pause(self) -> bool:
        """Whether the stretch that goes on has been silent for so long that it may be over."""
        return self._speaking and self._row > _TAIL

    def current_segment(self) -> Segment:
        """The stretch that goes on, as far as there is something in it."""
        return self._segment(self._sounding(), finished=False)

    def feed(self, samples: Samples) -> list[Segment]:
        together = np.concatenate([self._waiting, samples])
        whole = len(together) // FRAME_SAMPLES
        self._waiting = together[whole * FRAME_SAMPLES :]
        return [
            segment
            for frame in together[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES)
            if (segment := self._hear(frame)) is not None
        ]

    def finish(self) -> list[Segment]:
        """The stretch that was going on when the sound ended."""
        active_span = [self._cut(self._sounding())] if self._speaking else []
        self._speaking = False
        return active_span

    def _hear(self, frame: Samples) -> Segment | None:
        """The stretch that ends with this frame, if one does."""
        self._levels_db.append(level_db(frame))
        is_active = self._noise_floor.is_active(frame, self._levels_db[-1])
        self._frames += 1
        self._kept.append(frame)
        self._row = self._row + 1 if is_active != self._speaking else 0
        if not self._speaking:
            if self._row * FRAME_S >= BEGINS_S:
                self._speaking, self._row = True, 0
            else:
                self._forget(len(self._kept) - round((LEAD_S + BEGINS_S) / FRAME_S))
            return None
        if self._row * FRAME_S >= PAUSE_S:
            segment = self._cut(self._sounding())
            self._speaking, self._row = False, 0
            return segment
        if len(self._kept) * FRAME_S >= LONGEST_S:
            third = len(self._kept) * 2 // 3
            segment = self._cut(third + int(np.argmin(self._levels_db[third:])) + 1)
            if self._row >= len(self._kept):  # all that is left is silence
                self._speaking, self._row = False, 0
            return segment
        return None

    def _sounding(self) -> int:
        """Of the frames kept, those to the last that sounds, and TAIL_S more."""
        return len(self._kept) - max(0, self._row - _TAIL)

    def _cut(self, frames: int) -> Segment:
        segment = self._segment(frames, finished=True)
        self._forget(frames)
        return segment

    def _segment(self, frames: int, *, finished: bool) -> Segment:
        return Segment(np.concatenate(self._kept[:frames]), (self._frames - len(self._kept)) * FRAME_S, finished)

    def _forget(self, frames: int) -> None:
        if frames > 0:
            del self._kept[:frames], self._levels_db[:frames]


class NoiseFloor:
    """Told frames (FRAME_SAMPLES,) one after the other, says of each whether something sounds."""

    def __init__(self) -> None:
        self._recent: list[Array] = []  # power in each band, of TOGETHER frames
        self._floor_db = np.zeros(len(BAND_EDGES_HZ) - 1)

    def is_active(self, frame: Samples, level_db: float) -> bool:
        self._recent = [*self._recent[1 - SMOOTHED_FRAMES :], _powers(frame)]
        bands_db = 10 * np.log10(np.mean(self._recent, axis=0) + _LEAST_POWER)
        self._floor_db = np.minimum(bands_db, self._floor_db + FLOOR_RISE_DB_S * FRAME_S)
        return level_db > FAINTEST_DB and bool((bands_db - self._floor_db).max() > ABOVE_FLOOR_DB)


def level_db(frame: Samples) -> float:
    """Of full scale."""
    return 10 * float(np.log10(np.square(frame).mean() + _LEAST_POWER))


def _powers(frame: Samples) -> Array:
    """(T,) -> (bands,)"""
    return np.asarray(np.square(np.abs(np.fft.rfft(frame * _WINDOW))) @ _BANDS, np.float64)


def _bands() -> Array:
    """(bins, bands): which bins of the spectrum a band is the sum of."""
    bins_hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / RATE_HZ)[:, None]
    within = (bins_hz >= BAND_EDGES_HZ[:-1]) & (bins_hz < BAND_EDGES_HZ[1:])
    return np.asarray(within * (8 / FRAME_SAMPLES**2), np.float64)


_WINDOW = np.hanning(FRAME_SAMPLES)
_BANDS = _bands()
