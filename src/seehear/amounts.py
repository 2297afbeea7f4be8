"""Counts and durations as text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

_IRREGULAR = {"person": "people", "child": "children"}
_PLURAL_VERBS = {"is": "are", "was": "were", "has": "have"}
_UNITS_S = {"hour": 3600, "minute": 60, "second": 1}


def pluralise(noun: str) -> str:
    """box -> boxes, study -> studies."""
    regular = re.sub(r"(?<=[^aeiou])y$", "ie", re.sub(r"(s|x|ch|sh)$", r"\1e", noun)) + "s"
    return _IRREGULAR.get(noun, regular)


def format_count(number: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{number:,} {noun if number == 1 else pluralise(noun)}"


def conjugate(verb: str, number: int) -> str:
    """1 file is, 2 files are; 1 row repeats, 2 rows repeat."""
    return verb if number == 1 else _PLURAL_VERBS.get(verb, verb.removesuffix("s"))


def format_duration(seconds: float) -> str:
    """In the largest unit that gives at least two: 90 seconds, 14.5 minutes."""
    unit, size_s = next((each for each in _UNITS_S.items() if seconds >= 2 * each[1]), ("second", 1))
    number = round(seconds / size_s, 1)
    if not number:
        return "less than 0.1 seconds"
    return f"{number:,g} {unit if number == 1 else pluralise(unit)}"


def format_probability(share: float, rounding: Callable[[float], int] = math.floor) -> str:
    """A confidence or risk in percent: "61 %", or "0.5 %" where a whole number would hide it; never 0 % or 100 %.

    Round a confidence that was reached down, and one that is required up (math.ceil): what falls short then reads so.
    """
    digits = 0 if 0.01 <= share <= 0.99 else 1
    value = rounding(round(share * 10 ** (2 + digits), 6)) / 10**digits  # 28.999999999999996 is 29
    if value in (0, 100):
        return "over 99.9 %" if value else "under 0.1 %"
    return f"{value:.{digits}f} %"


def format_exact_percent(share: float) -> str:
    """A share that somebody chose, as they wrote it: "2.5 %"."""
    return f"{100 * share:.3g} %"
