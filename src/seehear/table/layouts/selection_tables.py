"""Selection tables, as written by Raven and BirdNET: a line of headings, then a line for each label.

    Selection	Begin Time (s)	End Time (s)	Annotation
    1	0.500	2.250	wren
    2	7.000	8.500	robin

Raven repeats a selection for each view; repeats count once.
Source: https://ravensoundsoftware.com/knowledge-base/ and https://birdnet-team.github.io/BirdNET-Analyzer
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence

from seehear.errors import DataError
from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels, collapse_whitespace, parse_seconds

_BEGINS = ("begin time", "start time", "begin", "start", "onset")
_ENDS = ("end time", "end", "stop", "offset", "delta time", "duration")
_DURATIONS = ("delta time", "duration")
_FILE_OFFSET = "file offset"  # in this file; the begin time counts through all files open in Raven
_FILES = ("begin file", "file", "begin path")
_LABELS = (
    *("annotation", "annotations", "label", "labels", "class", "common name", "species", "species code"),
    *("scientific name", "call type", "type", "tags", "category", "event", "text", "transcript"),
)
_HINT = "export it again, with headings such as Begin Time (s), End Time (s), Annotation, separated by tabs"
_UNIT = re.compile(r"[\[(]?(ms|s|sec|seconds)[\])]?")


def parse_selections(text: str, name: str) -> TimedLabels:
    """Raises DataError if there are no headings of begin, end and label."""
    try:
        rows = list(csv.reader(text.lstrip("\ufeff").split("\n"), delimiter=_separator(text)))
    except csv.Error as error:
        raise DataError(f"not a table: {error}", where=name, hint=_HINT) from None
    headings = {_normalise(heading): place for place, heading in reversed(list(enumerate(rows[0] if rows else [])))}
    begin, end = _first(headings, _BEGINS), _first(headings, _ENDS)
    if begin is None or end is None:
        raise DataError("no headings of a begin and an end time", where=name, hint=_HINT)
    label_headings = [heading for heading in _LABELS if heading in headings]
    if not label_headings:
        allowed = ", ".join(word.title() for word in _LABELS[:6])
        raise DataError("no column of labels", where=name, allowed=allowed, hint="add the column in Raven")
    labels, seen = TimedLabels(name), set()
    for number, row in enumerate(rows[1:], 2):
        cells = {heading: collapse_whitespace(row[place]) for heading, place in headings.items() if place < len(row)}
        label = _read_selection(cells, begin, end, label_headings, _units(rows[0]))
        if any(cells.values()) and (key := (label.start_s, label.end_s, label.label, label.file)) not in seen:
            seen.add(key)
            labels.add(label, f"row {number}")
    return labels


def names_its_recordings(text: str) -> bool:
    """Whether this is certainly a selection table, and names the file of each selection."""
    first = text.lstrip("\ufeff").partition("\n")[0]
    headings = {_normalise(heading) for heading in first.split(_separator(first))}
    return bool(headings & set(_FILES)) and ("(s)" in first or "begin file" in headings)


def _read_selection(
    cells: Mapping[str, str], begin: str, end: str, label_headings: Sequence[str], units_s: Mapping[str, float]
) -> TimedLabel:
    start_s = parse_seconds(cells.get(begin, "")) * units_s[begin]
    end_s = parse_seconds(cells.get(end, "")) * units_s[end]
    if end not in _DURATIONS:
        end_s -= start_s
    if cells.get(_FILE_OFFSET):
        start_s = parse_seconds(cells[_FILE_OFFSET]) * units_s[_FILE_OFFSET]
    file = next((cells[each] for each in _FILES if cells.get(each)), "").replace("\\", "/").rpartition("/")[2]
    others = {heading: cells.get(heading, "") for heading in label_headings[1:]}
    return TimedLabel(start_s, round(start_s + end_s, 6), cells.get(label_headings[0], ""), file=file, columns=others)


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max("\t,;", key=first.count)


def _normalise(heading: str) -> str:
    """The heading without its unit: Begin Time (s) -> begin time."""
    words = heading.strip().strip('"').lower().replace("_", " ").split()
    return " ".join(word for word in words if not _UNIT.fullmatch(word))


def _units(headings: Sequence[str]) -> dict[str, float]:
    """The unit of each heading in seconds."""
    return {_normalise(each): 0.001 if re.search(r"[ _(\[]ms\b", each.lower()) else 1.0 for each in headings}


def _first(headings: Mapping[str, int], wanted: Sequence[str]) -> str | None:
    return next((word for word in wanted if word in headings), None)
