"""Counts and durations as text."""

from __future__ import annotations

import re

_IRREGULAR = {"person": "people", "child": "children"}
_UNITS_S = {"hour": 3600, "minute": 60, "second": 1}


def pluralise(noun: str) -> str:
    """box -> boxes, study -> studies."""
    regular = re.sub(r"(?<=[^aeiou])y$", "ie", re.sub(r"(s|x|ch|sh)$", r"\1e", noun)) + "s"
    return _IRREGULAR.get(noun, regular)


def format_count(number: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{number:,} {noun if number == 1 else pluralise(noun)}"


def format_duration(seconds: float) -> str:
    """In the largest unit that gives at least two: 90 seconds, 14.5 minutes."""
    unit, size_s = next((each for each in _UNITS_S.items() if seconds >= 2 * each[1]), ("second", 1))
    number = round(seconds / size_s, 1)
    if not number:
        return "less than 0.1 seconds"
    return f"{number:,g} {unit if number == 1 else pluralise(unit)}"
