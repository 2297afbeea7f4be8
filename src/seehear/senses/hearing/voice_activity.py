"""Where a running sound begins and pauses: its stretches between silences, found while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.room import FRAME_S, FRAME_SAMPLES, Room, level_db

BEGINS_S = 0.06  # of sound in a row, for a stretch to begin
LEAD_S = 0.24  # kept from before it: consonants are faint
PAUSE_S = 0.5  # of silence, for a stretch to end
TAIL_S = 0.2  # of it that is kept: recordings that are learned from end soon, and more silence is heard as words
LONGEST_S = 15.0  # a stretch without a pause ends where it was quietest in its last third
_TAIL = round(TAIL_S / FRAME_S)

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """samples (T,) from start_s of the running sound on; `over` once its pause has come."""

    samples: Samples
    start_s: float
    over: bool

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
        self._room = Room()
        self._speaking = False
        self._row = 0  # frames in a row that say the contrary: sound before a stretch, silence within it

    @property
    def going_on(self) -> tuple[float, float] | None:
        """Where the stretch that has not ended begins, and how far there is something in it; None in a pause."""
        start = self._frames - len(self._kept)
        return (start * FRAME_S, (start + self._sounding()) * FRAME_S) if self._speaking else None

    @property
    def pausing(self) -> bool:
        """Whether the stretch that goes on has been silent for so long that it may be over."""
        return self._speaking and self._row > _TAIL

    def so_far(self) -> Segment:
        """The stretch that goes on, as far as there is something in it."""
        return self._segment(self._sounding(), over=False)

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
        going_on = [self._cut(self._sounding())] if self._speaking else []
        self._speaking = False
        return going_on

    def _hear(self, frame: Samples) -> Segment | None:
        """The stretch that ends with this frame, if one does."""
        self._levels_db.append(level_db(frame))
        sounds = self._room.sounds(frame, self._levels_db[-1])
        self._frames += 1
        self._kept.append(frame)
        self._row = self._row + 1 if sounds != self._speaking else 0
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
        segment = self._segment(frames, over=True)
        self._forget(frames)
        return segment

    def _segment(self, frames: int, *, over: bool) -> Segment:
        return Segment(np.concatenate(self._kept[:frames]), (self._frames - len(self._kept)) * FRAME_S, over)

    def _forget(self, frames: int) -> None:
        if frames > 0:
            del self._kept[:frames], self._levels_db[:frames]
