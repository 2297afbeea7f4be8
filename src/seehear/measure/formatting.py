"""Figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable

from seehear.measure.intervals import Interval

UNKNOWN = "unknown"


def short(value: float) -> str:
    """Three digits."""
    return UNKNOWN if math.isnan(value) else f"{value:.3g}"


def format_per_100(share: float) -> str:
    """So many of a hundred, a decimal only where there are few."""
    if math.isnan(share):
        return UNKNOWN
    hundredths = round(100 * share, 1)
    return f"{hundredths:.{1 if 0 < hundredths < 10 else 0}f}"


def reach(interval: Interval, words: Callable[[float], str] = short) -> str:
    """From where to where a figure may be; a dash where that is not known."""
    return "–" if math.isnan(interval[0]) else " to ".join(map(words, interval))


def truncate(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
