"""Subtitles, as SubRip (srt) and WebVTT (W3C 2019).

A cue has at most two lines of 42 characters and lasts at most 7 seconds, as in Netflix's Timed Text Style Guide. A word
that is longer stays whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from seehear.answers.text.word import Word

MAX_LINE = 42  # characters
MAX_CUE_S = 7.0
MAX_PAUSE_S = 1.5  # between two words of a cue


def format_srt(words: Sequence[Word]) -> str:
    """An empty string if there are no words."""
    cues = enumerate(split_cues(words), 1)
    return "\n".join(f"{number}\n{_format_span(cue, ',')}\n{_format_text(cue)}\n" for number, cue in cues)


def format_vtt(words: Sequence[Word]) -> str:
    """Only the heading if there are no words."""
    cues = (
        f"\n{_format_span(cue, '.')}\n{escape(_format_text(cue), quote=False)}\n"  # a bare < would begin a tag
        for cue in split_cues(words)
    )
    return "WEBVTT\n" + "".join(cues)


def split_cues(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words of each cue."""
    while words:
        n = _find_break(words)
        yield words[:n]
        words = words[n:]


def _find_break(words: Sequence[Word]) -> int:
    """How many words the next cue takes: all, or those before the longest pause in the second half of what fits."""
    fitting = _count_fitting(words)
    if fitting == len(words):
        return fitting
    return max(range((fitting + 1) // 2, fitting + 1), key=lambda n: (_pause_before(words, n), n))


def _count_fitting(words: Sequence[Word]) -> int:
    """How many words fit into one cue; at least one."""
    for n in range(1, len(words)):
        cue = words[: n + 1]
        too_long = cue[-1].end_s - cue[0].start_s > MAX_CUE_S or max(map(len, _break_lines(cue))) > MAX_LINE
        if too_long or _pause_before(words, n) > MAX_PAUSE_S:
            return n
    return len(words)


def _pause_before(words: Sequence[Word], n: int) -> float:
    """Seconds between word n - 1 and word n."""
    return words[n].start_s - words[n - 1].end_s


def _break_lines(words: Sequence[Word]) -> list[str]:
    """One line, or two of about the same length."""
    texts = [word.text for word in words]
    line = " ".join(texts)
    if len(line) <= MAX_LINE or len(texts) == 1:
        return [line]
    pairs = ([" ".join(texts[:n]), " ".join(texts[n:])] for n in range(1, len(texts)))
    return min(pairs, key=lambda pair: max(map(len, pair)))


def _format_text(cue: Sequence[Word]) -> str:
    return "\n".join(_break_lines(cue))


def _format_span(cue: Sequence[Word], decimal_point: str) -> str:
    """The time of a cue, at least 1 ms: players do not show shorter ones."""
    start_ms = _to_ms(cue[0].start_s)
    end_ms = max(_to_ms(cue[-1].end_s), start_ms + 1)
    return f"{_format_time(start_ms, decimal_point)} --> {_format_time(end_ms, decimal_point)}"


def _to_ms(seconds: float) -> int:
    return max(0, round(1000 * seconds))


def _format_time(ms: int, decimal_point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal_point}{ms:03}"
