"""Numbers, shares and intervals as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seehear.measure.intervals import Interval

UNKNOWN = "unknown"


def format_number(value: float) -> str:
    """Three significant digits; "unknown" for nan."""
    return UNKNOWN if math.isnan(value) else f"{value:.3g}"


def format_percent(share: float) -> str:
    """A share of one, with a decimal only below 10 %; "unknown" for nan."""
    return UNKNOWN if math.isnan(share) else f"{_hundredths(share)} %"


def format_interval(interval: Interval, *, percent: bool = False) -> str:
    """ "0.71 to 0.83", or "71 to 83" without the sign if `percent`; a dash for an unknown interval."""
    if math.isnan(interval[0]):
        return "–"
    return " to ".join(_hundredths(end) if percent else format_number(end) for end in interval)


def truncate(name: str, length: int = 24) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def align_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table as indented lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [("  " + "  ".join(map(str.ljust, row, widths))).rstrip() for row in rows]


def _hundredths(share: float) -> str:
    hundredths = round(100 * share, 1)
    return f"{hundredths:.{1 if 0 < hundredths < 10 else 0}f}"
