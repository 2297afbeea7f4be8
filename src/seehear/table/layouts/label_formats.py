"""Recognise text files with labels and times, or markup, among transcripts.

They have the same names as recordings and often end in .txt, so that only their structure identifies them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import pairwise

from seehear.strict_json import from_json
from seehear.table.subtitles import parse_subtitles


class LabelFormat(StrEnum):
    """The formats that `detect_label_format` recognises; the value is their name in messages."""

    AUDACITY = "Audacity labels"  # start TAB end TAB label, in seconds
    SELECTIONS = "a selection table, as Raven and BirdNET write it"  # a line of headings with a begin and an end time
    TEXTGRID = "a Praat TextGrid"
    SUBTITLES = "subtitles"  # WebVTT or SubRip
    SAMPLES = "labels with times in samples, as in TIMIT or HTK"  # start end label, in whole numbers
    NIST = "NIST labels (RTTM, CTM, STM)"  # file channel start duration word, in seconds
    TIMED_LINES = "lines that begin with a time"
    JSON = "JSON"
    MARKUP = "markup (XML, HTML or RTF)"


_DECIMAL = r"\d+[.,]\d+(?:[eE]-?\d+)?"
_SECONDS = rf"(?:{_DECIMAL}|\d+)"
_TABBED = re.compile(rf"\s*({_SECONDS})\t+({_SECONDS})(?:\t.*)?")
_SPACED = re.compile(rf"\s*({_DECIMAL}) +({_DECIMAL})(?:\s.*)?")
_FREQUENCIES = re.compile(r"\\\t.*")  # Audacity's second line for a label with frequencies
_COUNTS = re.compile(r"\s*(\d+)\s+(\d+)(?:\s.*)?")
_FEWEST_SAMPLES = 10_000  # smaller whole numbers may be spoken: "1 2 buckle my shoe", "1984 1985"
_NIST = re.compile(rf"\S+\s+\S+\s+(?:\S+\s+)?{_DECIMAL}\s+{_DECIMAL}(?:\s.*)?")
_BEGIN = re.compile(r"(begin|start|onset|t ?min)[ _]?(time|file)?[ _]?(\(s\)|\[s\]|\(ms\)|s|ms|sec|seconds)?")
_END = re.compile(
    r"(end|stop|offset|duration|delta|t ?max)[ _]?(time|file)?[ _]?(\(s\)|\[s\]|\(ms\)|s|ms|sec|seconds)?"
)
_MARKUP = re.compile(r"<\?xml|<!doctype|<html|\{\\rtf|<([a-z][\w.:-]*)(\s[^<>]*)?>\s*<", re.IGNORECASE)
_TIME = re.compile(r"\s*([\[(<]?)((?:\d{1,2}:)?\d{1,2}:\d{2})([.,]\d{1,3})?\s*(-->|[\])>]|\s|$)")
_ENOUGH_TIMES = 3  # with this many lines of bare times such as 7:30, a text is not a transcript


def detect_label_format(text: str) -> LabelFormat | None:
    """The format of a text that is not a plain transcript; None for a transcript.

    Every line must match, so that spoken numbers remain a transcript.
    """
    text = text.removeprefix("\ufeff")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    return next((each for each, recognises in _TESTS.items() if recognises(text, lines)), None)


def _is_json(text: str, lines: Sequence[str]) -> bool:
    """Whether a text is JSON: also JSON Lines and truncated JSON, but not "[music] hello"."""
    if re.match(r"\s*\{\s*[\"}]", lines[0]) or (lines[0].strip() == "{" and lines[1:] and lines[1].lstrip()[0] == '"'):
        return True
    if not lines[0].lstrip().startswith("["):
        return False
    try:
        return isinstance(from_json(text), list)
    except ValueError:
        return bool(re.match(r"\s*\[\s*\{\s*\"", text))


def _is_markup(text: str, lines: Sequence[str]) -> bool:
    return bool(_MARKUP.match("\n".join(lines[:2]).lstrip()))


def _is_text_grid(text: str, lines: Sequence[str]) -> bool:
    return "ooTextFile" in lines[0]


def _is_subtitles(text: str, lines: Sequence[str]) -> bool:
    return "-->" in text and bool(parse_subtitles(text, "")[0])


def _is_audacity(text: str, lines: Sequence[str]) -> bool:
    labels = [line for line in lines if not _FREQUENCIES.fullmatch(line)]
    return any(_have_rising_times(match, labels) for match in (_TABBED.fullmatch, _SPACED.fullmatch))


def _is_samples(text: str, lines: Sequence[str]) -> bool:
    last = _COUNTS.fullmatch(lines[-1])
    return last is not None and int(last[2][:20]) >= _FEWEST_SAMPLES and _have_rising_times(_COUNTS.fullmatch, lines)


def _have_rising_times(match: Callable[[str], re.Match[str] | None], lines: Sequence[str]) -> bool:
    """Whether every line begins with a start and an end that is not before it."""
    matches = [match(line) for line in lines]
    times = [[float(time.replace(",", ".")) for time in each.groups()] for each in matches if each]
    return 0 < len(lines) == len(times) and all(start <= end for start, end in times)


def _is_selections(text: str, lines: Sequence[str]) -> bool:
    for separator in ("\t", ",", ";"):
        headings = [cell.strip().strip('"').lower() for cell in lines[0].split(separator)]
        if any(map(_BEGIN.fullmatch, headings)) and any(map(_END.fullmatch, headings)):
            return True
    return False


def _is_nist(text: str, lines: Sequence[str]) -> bool:
    return all(_NIST.fullmatch(line) for line in lines if not line.startswith(";;"))


def _is_timed_lines(text: str, lines: Sequence[str]) -> bool:
    """Whether at least every second line begins with a time, and the times rise."""
    matches = [time for time in map(_TIME.match, lines) if time]
    if 2 * len(matches) < len(lines) or not all(before <= after for before, after in pairwise(map(_seconds, matches))):
        return False
    return len(matches) >= _ENOUGH_TIMES or all(time[1] or time[3] for time in matches)


def _seconds(time: re.Match[str]) -> float:
    seconds = 0
    for part in time[2].split(":"):
        seconds = 60 * seconds + int(part)
    return seconds + float((time[3] or ".0").replace(",", "."))


_TESTS: dict[LabelFormat, Callable[[str, Sequence[str]], bool]] = {
    LabelFormat.JSON: _is_json,
    LabelFormat.MARKUP: _is_markup,
    LabelFormat.TEXTGRID: _is_text_grid,
    LabelFormat.SUBTITLES: _is_subtitles,
    LabelFormat.SELECTIONS: _is_selections,
    LabelFormat.AUDACITY: _is_audacity,
    LabelFormat.SAMPLES: _is_samples,
    LabelFormat.NIST: _is_nist,
    LabelFormat.TIMED_LINES: _is_timed_lines,
}
