"""Voice activity detection in live audio: segments of sound between pauses.

Why per band, and why not a library: docs/decisions/014-voice.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ

FRAME_SAMPLES = 320  # 20 ms
FRAME_S = FRAME_SAMPLES / RATE_HZ
FAINTEST_DB = -55.0  # relative to full scale: anything fainter counts as silence
BAND_EDGES_HZ = (
    150,
    400,
    800,
    1300,
    2000,
    3000,
    4000,
)  # a voice fills some bands at a time, noise all
ABOVE_FLOOR_DB = 8.0  # how far a band must exceed the noise floor
FLOOR_RISE_DB_S = 3.0  # how fast the noise floor may rise; it falls at once
SMOOTHED_FRAMES = 3  # frames averaged for a band's level; single frames fluctuate even in steady noise
_LEAST_POWER = 1e-12

BEGINS_S = 0.06  # of continuous sound, to start a segment
LEAD_S = 0.24  # kept before the start, because consonants are faint
PAUSE_S = 0.5  # of silence, to end a segment
TAIL_S = 0.2  # of silence kept at the end, as in training data; more of it yields false words
LONGEST_S = 15.0  # a segment without a pause is cut at the quietest frame of its last third
_TAIL = round(TAIL_S / FRAME_S)

Samples = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Segment:
    """samples (T,) from start_s of the stream on; `finished` once the pause after them was heard."""

    samples: Samples
    start_s: float
    finished: bool

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / RATE_HZ


class VoiceActivityDetector:
    """Feed samples (T,) at RATE_HZ in portions of any size; each call returns the segments that ended in it.

    Keeps at most LONGEST_S of sound.
    """

    def __init__(self) -> None:
        self._pending = np.zeros(0, np.float32)  # less than one frame
        self._buffer: list[Samples] = []  # frames: the lead, or the current segment
        self._levels_db: list[float] = []  # levels of the kept frames
        self._frames = 0  # frames so far
        self._noise_floor = NoiseFloor()
        self._speaking = False
        self._run = 0  # consecutive frames that contradict _speaking: sound in a pause, or silence in a segment

    @property
    def active_span(self) -> tuple[float, float] | None:
        """(start, end of sound) of the current segment in seconds; None in a pause."""
        start = self._frames - len(self._buffer)
        return (start * FRAME_S, (start + self._count_active()) * FRAME_S) if self._speaking else None

    @property
    def in_pause(self) -> bool:
        """Whether the current segment has been silent long enough that it may have ended."""
        return self._speaking and self._run > _TAIL

    def current_segment(self) -> Segment:
        """The current segment, up to its last sound."""
        return self._segment(self._count_active(), finished=False)

    def feed(self, samples: Samples) -> list[Segment]:
        together = np.concatenate([self._pending, samples])
        whole = len(together) // FRAME_SAMPLES
        self._pending = together[whole * FRAME_SAMPLES :]
        return [
            segment
            for frame in together[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES)
            if (segment := self._process_frame(frame)) is not None
        ]

    def finish(self) -> list[Segment]:
        """The current segment, at the end of the stream."""
        active_span = [self._cut_segment(self._count_active())] if self._speaking else []
        self._speaking = False
        return active_span

    def _process_frame(self, frame: Samples) -> Segment | None:
        """The segment that ends with this frame, or None."""
        self._levels_db.append(level_db(frame))
        is_active = self._noise_floor.is_active(frame, self._levels_db[-1])
        self._frames += 1
        self._buffer.append(frame)
        self._run = self._run + 1 if is_active != self._speaking else 0
        if not self._speaking:
            if self._run * FRAME_S >= BEGINS_S:
                self._speaking, self._run = True, 0
            else:
                self._discard(len(self._buffer) - round((LEAD_S + BEGINS_S) / FRAME_S))
            return None
        if self._run * FRAME_S >= PAUSE_S:
            segment = self._cut_segment(self._count_active())
            self._speaking, self._run = False, 0
            return segment
        if len(self._buffer) * FRAME_S >= LONGEST_S:
            third = len(self._buffer) * 2 // 3
            segment = self._cut_segment(third + int(np.argmin(self._levels_db[third:])) + 1)
            if self._run >= len(self._buffer):  # only silence is left
                self._speaking, self._run = False, 0
            return segment
        return None

    def _count_active(self) -> int:
        """Number of kept frames up to the last active one, plus TAIL_S."""
        return len(self._buffer) - max(0, self._run - _TAIL)

    def _cut_segment(self, frames: int) -> Segment:
        segment = self._segment(frames, finished=True)
        self._discard(frames)
        return segment

    def _segment(self, frames: int, *, finished: bool) -> Segment:
        return Segment(np.concatenate(self._buffer[:frames]), (self._frames - len(self._buffer)) * FRAME_S, finished)

    def _discard(self, frames: int) -> None:
        if frames > 0:
            del self._buffer[:frames], self._levels_db[:frames]


class NoiseFloor:
    """Tracks the noise floor in each band, and says whether a frame (FRAME_SAMPLES,) rises above it."""

    def __init__(self) -> None:
        self._recent: list[Array] = []  # power in each band, of TOGETHER frames
        self._floor_db = np.zeros(len(BAND_EDGES_HZ) - 1)

    def is_active(self, frame: Samples, level_db: float) -> bool:
        self._recent = [*self._recent[1 - SMOOTHED_FRAMES :], _band_powers(frame)]
        bands_db = 10 * np.log10(np.mean(self._recent, axis=0) + _LEAST_POWER)
        self._floor_db = np.minimum(bands_db, self._floor_db + FLOOR_RISE_DB_S * FRAME_S)
        return level_db > FAINTEST_DB and bool((bands_db - self._floor_db).max() > ABOVE_FLOOR_DB)


def level_db(frame: Samples) -> float:
    """RMS level in dB relative to full scale."""
    return 10 * float(np.log10(np.square(frame).mean() + _LEAST_POWER))


def _band_powers(frame: Samples) -> Array:
    """(T,) -> (bands,)"""
    return np.asarray(np.square(np.abs(np.fft.rfft(frame * _WINDOW))) @ _BANDS, np.float64)


def _band_weights() -> Array:
    """(bins, bands): weights that sum spectrum bins to bands."""
    bins_hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / RATE_HZ)[:, None]
    within = (bins_hz >= BAND_EDGES_HZ[:-1]) & (bins_hz < BAND_EDGES_HZ[1:])
    return np.asarray(within * (8 / FRAME_SAMPLES**2), np.float64)


_WINDOW = np.hanning(FRAME_SAMPLES)
_BANDS = _band_weights()
