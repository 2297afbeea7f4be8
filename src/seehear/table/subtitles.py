"""Parse subtitles, WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip, into plain text with times."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from seehear.table.rows import RowProblem

_ARROW = "-->"
_TIME = r"(?:(\d{1,5}):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*{_ARROW}\s*{_TIME}(?:\s.*)?")  # WebVTT's settings may follow
_OTHER_BLOCK = re.compile(r"(WEBVTT|NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")  # <i>, <v Ann>, <00:01.000>, {\an8}
_TIME_WITHIN = re.compile(r"<[\d:]+\.\d+>")
_ENTITY = re.compile(r"&#?\w+;")
_MOST_GAP_S = 0.1  # between a cue and one that continues its lines
_MOST_LINES = 4  # that are repeated
_SOUND = re.compile(r"\[[^\[\]]*\]|\([^()]*\)")  # [music], (applause)


@dataclass(frozen=True, slots=True)
class Cue:
    """The words from start_s to end_s, "" if there are none. speaker is "" unless exactly one is named."""

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


class Subtitles(NamedTuple):
    """The cues in order, a problem for each damaged one, and whether lines roll, as YouTube generates them."""

    cues: list[Cue]
    problems: list[RowProblem]
    rolled: bool = False


@dataclass(frozen=True, slots=True)
class _DisplayedCue:
    """A cue as displayed: its lines, and whether they contain times of words."""

    cue: Cue
    lines: tuple[str, ...]
    timed: bool

    def new_words(self, previous: _DisplayedCue) -> str | None:
        """The words after a repeat of the previous cue's last lines; None if it does not repeat them.

        Only for a cue that follows at once.
        """
        if not previous.lines or self.cue.start_s > previous.cue.end_s + _MOST_GAP_S:
            return None
        for lines in range(_MOST_LINES, 0, -1):
            repeated = " ".join(previous.lines[-lines:])
            if self.cue.text == repeated or self.cue.text.startswith(repeated + " "):
                return self.cue.text[len(repeated) :].strip()
        return None


def parse_subtitles(subtitles: str, name: str) -> Subtitles:
    """Parse the cues of a file called `name`; in rolling captions each word counts once."""
    displayed: list[_DisplayedCue] = []
    problems: list[RowProblem] = []
    for number, block in _blocks(subtitles):
        cue = _parse_cue(block)
        if isinstance(cue, _DisplayedCue):
            displayed.append(cue)
        elif cue:
            problems.append(
                RowProblem(f"{name} line {number}", cue, "a cue is 00:01.000 --> 00:02.500, then its words")
            )
    rolled = _is_rolling(displayed)
    cues = _remove_repeats(displayed) if rolled else [current.cue for current in displayed]
    return Subtitles([replace(cue, text=_drop_sounds(cue.text)) for cue in cues], problems, rolled)


def _is_rolling(displayed: Sequence[_DisplayedCue]) -> bool:
    """Whether most cues that follow another at once repeat its last lines, and some of them continue.

    Without times of words, which YouTube's automatic captions have, two must continue: somebody may well say "yes" and
    then "yes, please".
    """
    pairs = [
        (previous, current)
        for previous, current in pairwise(displayed)
        if current.cue.start_s <= previous.cue.end_s + _MOST_GAP_S
    ]
    new = [words for previous, current in pairs if (words := current.new_words(previous)) is not None]
    longer = sum(map(bool, new))
    timed = any(current.timed for current in displayed)
    return bool(new) and 2 * len(new) >= len(pairs) and (longer >= 2 or timed)


def _remove_repeats(displayed: Sequence[_DisplayedCue]) -> Iterator[Cue]:
    """The cues with their new words only, without those that have none."""
    previous: _DisplayedCue | None = None
    for current in displayed:
        new = None if previous is None else current.new_words(previous)
        if new is None:
            yield current.cue
        elif new:
            yield replace(current.cue, text=new)
        previous = current


def _blocks(subtitles: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines) of each block between empty lines.

    As in WebVTT, a line of spaces belongs to a cue, unless another cue begins after it.
    """
    block: list[str] = []
    lines = [*re.split(r"\r\n|\r|\n", subtitles), "", ""]
    for number, line in enumerate(lines[:-1], 1):
        ends = not line or (line.isspace() and any(_ARROW in later for later in lines[number : number + 2]))
        if not ends and (block or line.strip()):
            block.append(line)
        elif ends and block:
            yield number - len(block), block
            block = []


def _parse_cue(block: list[str]) -> _DisplayedCue | str:
    """A cue, what is wrong with it, or "" for a block that is not a cue."""
    arrows = [place for place, line in enumerate(block) if _ARROW in line]
    if not arrows and _OTHER_BLOCK.match(block[0]):
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
    start_s, end_s = _to_seconds(times.groups()[:4]), _to_seconds(times.groups()[4:])
    if end_s <= start_s:
        return f"it ends at {end_s:g} s, not after its start at {start_s:g} s"
    body = block[arrows[0] + 1 :]
    speakers = {_strip_markup(speaker) for speaker in _VOICE.findall(" ".join(body))} - {""}
    cue = Cue(start_s, end_s, _strip_markup(" ".join(body)), speakers.pop() if len(speakers) == 1 else "")
    return _DisplayedCue(cue, tuple(filter(None, map(_strip_markup, body))), timed=any(map(_TIME_WITHIN.search, body)))


def _to_seconds(time: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in time)
    return (((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds) / 1000


def _strip_markup(body: str) -> str:
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), _MARKUP.sub("", body))
    return " ".join(text.split())


def _drop_sounds(text: str) -> str:
    """The text; "" if it holds no words: [music], ♪, - -"""
    return text if any(letter.isalnum() for letter in _SOUND.sub("", text)) else ""
