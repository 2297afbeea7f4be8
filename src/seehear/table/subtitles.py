"""The cues of subtitles, WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip alike, as plain words with their times."""

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
_NOT_CUES = re.compile(r"(WEBVTT|NOTE|STYLE|REGION|X-TIMESTAMP-MAP)\b")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")  # <i>, <v Ann>, <00:01.000>, {\an8}
_TIME_WITHIN = re.compile(r"<[\d:]+\.\d+>")
_ENTITY = re.compile(r"&#?\w+;")
_AT_ONCE_S = 0.1  # between the end of a cue and the start of one that goes on with its lines
_MOST_LINES = 4  # that roll
_NO_WORDS = re.compile(r"\[[^\[\]]*\]|\([^()]*\)")  # [music], (applause)


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said from start_s to end_s; "" where nothing is. The speaker is "" where none or several are named."""

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
class _Shown:
    """A cue as it is shown: its lines, and whether times stand within them."""

    cue: Cue
    lines: tuple[str, ...]
    timed: bool

    def after(self, before: _Shown) -> str | None:
        """What is new in it where it begins with the last lines of the cue before; None where it does not.

        Only of a cue that follows at once.
        """
        if not before.lines or self.cue.start_s > before.cue.end_s + _AT_ONCE_S:
            return None
        for lines in range(_MOST_LINES, 0, -1):
            again = " ".join(before.lines[-lines:])
            if self.cue.text == again or self.cue.text.startswith(again + " "):
                return self.cue.text[len(again) :].strip()
        return None


def parse_subtitles(subtitles: str, name: str) -> Subtitles:
    """The cues of a file called `name`, each word once where lines roll."""
    shown: list[_Shown] = []
    problems: list[RowProblem] = []
    for number, block in _blocks(subtitles):
        cue = _cue(block)
        if isinstance(cue, _Shown):
            shown.append(cue)
        elif cue:
            problems.append(
                RowProblem(f"{name} line {number}", cue, "a cue is 00:01.000 --> 00:02.500, then its words")
            )
    rolled = _rolls(shown)
    cues = _each_word_once(shown) if rolled else [each.cue for each in shown]
    return Subtitles([replace(cue, text=_words(cue.text)) for cue in cues], problems, rolled)


def _rolls(shown: Sequence[_Shown]) -> bool:
    """Whether most cues that follow another at once begin with its last lines, and some of them have more.

    Where no times stand within lines, as YouTube's automatic subtitles have them, two must have more: somebody may well
    say "yes" and then "yes, please".
    """
    pairs = [(before, each) for before, each in pairwise(shown) if each.cue.start_s <= before.cue.end_s + _AT_ONCE_S]
    new = [words for before, each in pairs if (words := each.after(before)) is not None]
    longer = sum(map(bool, new))
    timed = any(each.timed for each in shown)
    return bool(new) and 2 * len(new) >= len(pairs) and (longer >= 2 or timed)


def _each_word_once(shown: Sequence[_Shown]) -> Iterator[Cue]:
    """The cues with what is new in each, without those that have nothing new."""
    before: _Shown | None = None
    for each in shown:
        new = None if before is None else each.after(before)
        if new is None:
            yield each.cue
        elif new:
            yield replace(each.cue, text=new)
        before = each


def _blocks(subtitles: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, its lines) for what stands between empty lines.

    A line of blanks alone belongs to a cue, as WebVTT has it, unless a cue begins behind it.
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


def _cue(block: list[str]) -> _Shown | str:
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
    marked = block[arrows[0] + 1 :]
    speakers = {_plain(speaker) for speaker in _VOICE.findall(" ".join(marked))} - {""}
    cue = Cue(start_s, end_s, _plain(" ".join(marked)), speakers.pop() if len(speakers) == 1 else "")
    return _Shown(cue, tuple(filter(None, map(_plain, marked))), timed=any(map(_TIME_WITHIN.search, marked)))


def _seconds(time: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in time)
    return (((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds) / 1000


def _plain(marked: str) -> str:
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), _MARKUP.sub("", marked))
    return " ".join(text.split())


def _words(text: str) -> str:
    """The text, "" where nothing in it is said: [music], ♪, - -"""
    return text if any(letter.isalnum() for letter in _NO_WORDS.sub("", text)) else ""
