"""Subtitles: words in their times, as SubRip (srt) and WebVTT (W3C 2019) write them.

How much is shown at once is what Netflix asks of its subtitlers (Timed Text Style Guide): two lines of 42 characters,
for at most 7 seconds. A word that is longer than that stays whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from seehear.answers.text.word import Word

LINE = 42  # characters
LONGEST_S = 7.0
SILENCE_S = 1.5  # between words, in which a subtitle does not stay


def srt(words: Sequence[Word]) -> str:
    """SubRip; empty without words."""
    shown = enumerate(cues(words), 1)
    return "\n".join(f"{number}\n{_times(cue, ',')}\n{_block(cue)}\n" for number, cue in shown)


def vtt(words: Sequence[Word]) -> str:
    """WebVTT; the heading alone without words."""
    return "WEBVTT\n" + "".join(f"\n{_times(cue, '.')}\n{escape(_block(cue), quote=False)}\n" for cue in cues(words))


def cues(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words that are shown together."""
    while words:
        n = _taken(words)
        yield words[:n]
        words = words[n:]


def lines(words: Sequence[Word]) -> list[str]:
    """One line, or two of about the same length."""
    texts = [word.text for word in words]
    whole = " ".join(texts)
    if len(whole) <= LINE or len(texts) == 1:
        return [whole]
    broken = ([" ".join(texts[:n]), " ".join(texts[n:])] for n in range(1, len(texts)))
    return min(broken, key=lambda two: max(map(len, two)))


def _taken(words: Sequence[Word]) -> int:
    """How many words the next cue takes: all, or those before the longest pause in the latter half of what fits."""
    most = _most(words)
    if most == len(words):
        return most
    return max(range((most + 1) // 2, most + 1), key=lambda n: (_pause_s(words, n), n))


def _most(words: Sequence[Word]) -> int:
    """How many words fit into the first cue; at least one."""
    for n in range(1, len(words)):
        more = words[: n + 1]
        long = more[-1].end_s - more[0].start_s > LONGEST_S or max(map(len, lines(more))) > LINE
        if long or _pause_s(words, n) > SILENCE_S:
            return n
    return len(words)


def _pause_s(words: Sequence[Word], n: int) -> float:
    """Before word n."""
    return words[n].start_s - words[n - 1].end_s


def _times(cue: Sequence[Word], point: str) -> str:
    """Never nothing, which players do not show."""
    start_ms = _ms(cue[0].start_s)
    end_ms = max(_ms(cue[-1].end_s), start_ms + 1)
    return f"{_clock(start_ms, point)} --> {_clock(end_ms, point)}"


def _ms(seconds: float) -> int:
    return max(0, round(1000 * seconds))


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _block(cue: Sequence[Word]) -> str:
    return "\n".join(lines(cue))
