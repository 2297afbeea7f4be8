"""Praat TextGrids, long or short: intervals with labels, in tiers.

    File type = "ooTextFile"    Object class = "TextGrid"
    0  2.35  <exists>  1
    "IntervalTier" "words" 0 2.35 1    0.5 2.25 "horn"

Only quoted texts, flags in <> and free-standing numbers count; all other words are comments.
Source: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seehear.errors import DataError
from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels, collapse_whitespace, parse_seconds

_TOKEN = re.compile(r'"(?:[^"]|"")*+"|(?<!\S)(?:<exists>|<absent>|[-+]?[0-9][0-9.eE+-]*+)(?!\S)|(?<!\S)![^\n]*')
_HINT = "save it again in Praat, as a text file"


def parse_text_grid(text: str, name: str) -> TimedLabels:
    """Raises DataError if the file is not a complete TextGrid. Tiers of points are left out."""
    labels = TimedLabels(name)
    tokens = _tokens(text)
    try:
        _read(tokens, labels)
    except (StopIteration, ValueError):
        raise DataError("damaged: it ends, or goes wrong, within a tier", where=name, hint=_HINT) from None
    return labels


def _tokens(text: str) -> Iterator[str]:
    return (token[0] for token in _TOKEN.finditer(text) if not token[0].startswith("!"))


def _read(tokens: Iterator[str], labels: TimedLabels) -> None:
    kind, what = _text(next(tokens)), _text(next(tokens))
    if not kind.startswith("ooTextFile") or what != "TextGrid":
        raise DataError(f"not a TextGrid but {what[:40]!r}", where=labels.name, hint=_HINT)
    next(tokens), next(tokens)  # start and end of the tier
    tiers = int(next(tokens)) if next(tokens) == "<exists>" else 0
    for _ in range(tiers):
        kind, tier = _text(next(tokens)), collapse_whitespace(_text(next(tokens)))
        next(tokens), next(tokens)
        intervals = kind == "IntervalTier"
        if not intervals:
            labels.notes.append(f"{labels.name}: the tier {tier!r} holds points, not intervals, and is not read")
        for number in range(1, int(next(tokens)) + 1):
            start_s = parse_seconds(next(tokens))
            end_s = parse_seconds(next(tokens)) if intervals else start_s
            label = collapse_whitespace(_text(next(tokens)))
            if intervals:
                labels.add(TimedLabel(start_s, end_s, label, tier), f"tier {tier!r} interval {number}")


def _text(token: str) -> str:
    """The content of quotes, in which a quote is doubled. Raises ValueError for a number or a flag."""
    if not token.startswith('"'):
        raise ValueError(token)
    return token[1:-1].replace('""', '"')
