"""Audacity's label tracks: start, end and label in each line, between tabs.

https://manual.audacityteam.org/man/importing_and_exporting_labels.html. A line that begins with a backslash gives the
frequencies of the label above it.
"""

from __future__ import annotations

from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels, collapse_whitespace, parse_seconds


def parse_audacity(text: str, name: str) -> TimedLabels:
    found = TimedLabels(name)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("\\"):
            start, end, label = (*line.strip("\r").split("\t" if "\t" in line else None, 2), "", "")[:3]
            found.add(
                TimedLabel(parse_seconds(start), parse_seconds(end), collapse_whitespace(label)), f"line {number}"
            )
    return found
