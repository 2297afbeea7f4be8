r"""Audacity label tracks: a line for each label, with start, end and text between tabs.

    0.500000	2.250000	horn
    \	120.000000	4000.000000
    7.000000	8.500000	siren

Times are in seconds. A line that begins with a backslash gives the frequencies of the label above it.
Source: https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels, collapse_whitespace, parse_seconds


def parse_audacity(text: str, name: str) -> TimedLabels:
    """Labels without usable times become problems."""
    labels = TimedLabels(name)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("\\"):
            start, end, label = (*line.strip("\r").split("\t" if "\t" in line else None, 2), "", "")[:3]
            labels.add(
                TimedLabel(parse_seconds(start), parse_seconds(end), collapse_whitespace(label)), f"line {number}"
            )
    return labels
