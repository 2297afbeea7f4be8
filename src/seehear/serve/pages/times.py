"""Times in a recording as people write them: 0:03.25, 1:02:03.50."""

from __future__ import annotations

import re

from seehear.errors import UsageError

_CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6}(?:[.,]\d{1,6})?)", re.ASCII)


def format_clock(seconds: float) -> str:
    """0:03.25; 1:02:03.50 from an hour on."""
    hundredths = round(100 * seconds)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    ahead = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{ahead}:{rest / 100:05.2f}"


def parse_clock(text: str, name: str) -> float:
    """Seconds, from a clock time or a number of seconds. Raises UsageError, which calls it `name`."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{name}: {text[:40]!r}", allowed="a time such as 0:03.25 or 3.25")
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds.replace(",", "."))
