"""Finds stretches of a long recording that a recogniser of labels knows: what to ask, and what to make of its answers.

The recording is cut at pauses. A sound that is not much longer than those in training is asked about as a whole; a
longer one in windows that overlap by half, and windows that follow one another with the same label become one stretch.
A short sound about which the recogniser is unsure is asked about once more, with what is around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.errors import UsageError
from seehear.recipe import Recipe
from seehear.runtime.prediction import Prediction
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.pauses import find_sounds
from seehear.senses.hearing.plan import RATE_HZ, HearingSpec

MOST_WINDOW_S = 5.0
WHOLE = 1.5  # times a window: a sound of at most this length is asked about as a whole
PAUSES_S = (0.15, 0.5)  # the shortest and longest pause that divides two sounds
SAME = 0.5  # of the shorter of two stretches: if more of it overlaps, they are about the same sound
PAUSE_SHARE = 0.25  # of a window: longer sounds have longer pauses within them

Span = tuple[float, float]


class Window(NamedTuple):
    """What to ask about, in seconds. Windows with the same `sound` are parts of one sound between two pauses."""

    start_s: float
    end_s: float
    sound: int

    def cut(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The samples (T,) of this window."""
        return samples[round(self.start_s * RATE_HZ) : round(self.end_s * RATE_HZ)]

    def widen(self, window_s: float) -> Window:
        """Of at least this length, with what is before and after it: what to ask if the answer was "I don't know"."""
        more_s = max(0.0, window_s - (self.end_s - self.start_s)) / 2
        return self._replace(start_s=max(0.0, self.start_s - more_s), end_s=self.end_s + more_s)


class FoundStretch(NamedTuple):
    """A stretch with its label as a cell of a table, and how sure the recogniser is.

    cell   "" for "I don't know"
    """

    start_s: float
    end_s: float
    cell: str
    confidence: float

    def move(self, by_s: float) -> FoundStretch:
        return self._replace(start_s=self.start_s + by_s, end_s=self.end_s + by_s)

    def repeats(self, start_s: float, end_s: float) -> bool:
        """Whether it is about the same sound as another stretch."""
        shorter_s = min(self.end_s - self.start_s, end_s - start_s)
        return min(self.end_s, end_s) - max(self.start_s, start_s) > SAME * shorter_s


def find_window_s(recipe: Recipe) -> float:
    """How long a window is. Raises UsageError for a recogniser that does not hear."""
    spec = recipe.senses.get(HEARING.name)
    if not isinstance(spec, HearingSpec):
        raise UsageError(f"recordings, from {' and '.join(recipe.senses)}", allowed="a recogniser that hears")
    return min(MOST_WINDOW_S, spec.longest_s)


def plan_windows(samples: NDArray[np.float32], window_s: float, *, ends: bool) -> tuple[Sequence[Window], float]:
    """What to ask about samples (T,) at RATE_HZ, in the order of time, and up to where, in seconds.

    ends   whether the recording ends with these samples. If not, a sound that lasts until their end is left for the
           next portion, unless it began before the first pause.
    """
    pause_s = float(np.clip(PAUSE_SHARE * window_s, *PAUSES_S))
    duration_s = until_s = len(samples) / RATE_HZ
    sounds = list(find_sounds(samples, pause_s))
    if not ends and len(sounds) > 1 and sounds[-1][1] > duration_s - pause_s:
        until_s = sounds.pop()[0]
    windows = [
        Window(start_s, end_s, number)
        for number, sound in enumerate(sounds)
        for start_s, end_s in _divide(sound, window_s)
    ]
    return windows, until_s


def join_windows(windows: Sequence[Window], predictions: Sequence[Prediction]) -> Sequence[FoundStretch]:
    """The stretches that the answers to `windows` make, in the order of time. What cannot be read is left out."""
    stretches: list[FoundStretch] = []
    last = None  # the sound of the last stretch
    for window, prediction, (start_s, end_s) in zip(windows, predictions, _take_own_parts(windows), strict=True):
        if prediction.answer is None:
            last = None
            continue
        cell = prediction.answer.to_cell() if prediction.accepted else ""
        found = FoundStretch(start_s, end_s, cell, prediction.confidence)
        if stretches and last == window.sound and stretches[-1].cell == cell:
            sure = max(stretches[-1].confidence, found.confidence)
            stretches[-1] = stretches[-1]._replace(end_s=end_s, confidence=sure)
        else:
            stretches.append(found)
        last = window.sound
    return stretches


def _divide(sound: Span, window_s: float) -> Sequence[Span]:
    start_s, end_s = sound
    if end_s - start_s <= WHOLE * window_s:
        return [sound]
    number = int(np.ceil((end_s - start_s - window_s) / (window_s / 2))) + 1
    return [(float(each), float(each + window_s)) for each in np.linspace(start_s, end_s - window_s, number)]


def _take_own_parts(windows: Sequence[Window]) -> Sequence[Span]:
    """Of each window, the part that it answers for: where two overlap, each has half."""
    edges = [(one.end_s + other.start_s) / 2 if one.sound == other.sound else None for one, other in pairwise(windows)]
    starts = [window.start_s if edge is None else edge for window, edge in zip(windows, [None, *edges], strict=False)]
    ends = [window.end_s if edge is None else edge for window, edge in zip(windows, [*edges, None], strict=False)]
    return list(zip(starts, ends, strict=True))
