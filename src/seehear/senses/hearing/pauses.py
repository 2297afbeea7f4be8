"""Cuts a recording at its pauses, as `sound.js` does while one is being recorded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ

FRAME_SAMPLES = RATE_HZ // 50
FRAME_S = FRAME_SAMPLES / RATE_HZ
LEAST_S = 0.1  # of sound between two pauses
MARGIN_S = 0.1  # kept before and after the sound
LEAST_LEVEL = 0.004  # root mean square; what is fainter is silence
OVER_NOISE = 3.0  # times the level of the quiet frames
QUIET_SHARE = 0.1  # of the frames are quiet

Samples = NDArray[np.float32]
Span = tuple[float, float]


def find_sounds(samples: Samples, pause_s: float) -> Sequence[Span]:
    """Where samples (T,) at RATE_HZ have sound between pauses of at least `pause_s`: (start, end) in seconds each.

    Where noise never ends, all of it is one sound.
    """
    levels = np.sqrt(
        np.square(samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES]).reshape(-1, FRAME_SAMPLES).mean(1)
    )
    if not len(levels):
        return []
    quiet, loudest = float(np.quantile(levels, QUIET_SHARE)), float(levels.max())
    loud = np.flatnonzero(levels > max(LEAST_LEVEL, min(OVER_NOISE * quiet, loudest / 4)))
    if not len(loud):
        return []
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > pause_s / FRAME_S) + 1)
    spans = [(float(part[0] * FRAME_S), float((part[-1] + 1) * FRAME_S)) for part in parts]
    return _widen([span for span in spans if span[1] - span[0] >= LEAST_S], len(samples) / RATE_HZ)


def _widen(spans: Sequence[Span], duration_s: float) -> Sequence[Span]:
    """With a margin on both sides, but not into one another."""
    widened = []
    for i, (start_s, end_s) in enumerate(spans):
        before_s = (spans[i - 1][1] + start_s) / 2 if i else 0.0
        after_s = (end_s + spans[i + 1][0]) / 2 if i + 1 < len(spans) else duration_s
        widened.append((max(before_s, start_s - MARGIN_S), min(after_s, end_s + MARGIN_S)))
    return widened
