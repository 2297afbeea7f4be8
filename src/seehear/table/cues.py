"""The cues of subtitles, WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip alike, as plain words with their times."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from seehear.table.rows import Problem

_ARROW = "-->"
_TIME = r"(?:(\d+):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*{_ARROW}\s*{_TIME}(?:\s.*)?")  # WebVTT's settings may follow
_NOT_CUES = re.compile(r"(WEBVTT|NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")  # <i>, <v Ann>, <00:01.000>, {\an8}
_ENTITY = re.compile(r"&#?\w+;")
_NO_WORDS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)")  # [music], (applause)


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said from start_s to end_s; "" where nothing is. The speaker is "" where none or several are named."""

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


def read_cues(subtitles: str, name: str) -> tuple[list[Cue], list[Problem]]:
    """(the cues in order, a Problem for each that is damaged) of a file called `name`."""
    cues: list[Cue] = []
    problems: list[Problem] = []
    for number, block in _blocks(subtitles):
        cue = _cue(block)
        if isinstance(cue, Cue):
            cues.append(cue)
        elif cue:
            problems.append(Problem(f"{name} line {number}", cue, "a cue is 00:01.000 --> 00:02.500, then its words"))
    return cues, problems


def _blocks(subtitles: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, its lines) for what stands between empty lines."""
    block: list[str] = []
    lines = re.split(r"\r\n|\r|\n", subtitles)
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _cue(block: list[str]) -> Cue | str:
    """A cue, what is wrong with it, or "" for what is no cue."""
    arrows = [place for place, line in enumerate(block) if _ARROW in line]
    if not arrows and _NOT_CUES.match(block[0]):
        return ""
    if not arrows:
        return f"no time stands above {block[0].strip()[:40]!r}"
    if len(arrows) > 1:
        return "two times in one cue: an empty line is missing between cues"
    if arrows[0] > 1:
        return f"{arrows[0]} lines stand above the time: an empty line is missing between cues"
    times = _TIMES.fullmatch(block[arrows[0]])
    if times is None:
        return f"{block[arrows[0]].strip()[:60]!r} are no times"
    start_s, end_s = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
    if end_s <= start_s:
        return f"it ends at {end_s:g} s, not after its start at {start_s:g} s"
    marked = " ".join(block[arrows[0] + 1 :])
    speakers = {_plain(speaker) for speaker in _VOICE.findall(marked)}
    return Cue(start_s, end_s, _words(_plain(marked)), speakers.pop() if len(speakers) == 1 else "")


def _seconds(time: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in time)
    return (((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds) / 1000


def _plain(marked: str) -> str:
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), _MARKUP.sub("", marked))
    return " ".join(text.split())


def _words(text: str) -> str:
    """The text, "" where nothing in it is said: [music], ♪, - -"""
    return text if any(letter.isalnum() for letter in _NO_WORDS.sub("", text)) else ""
