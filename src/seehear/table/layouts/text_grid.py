"""Praat's TextGrid, long and short: intervals with labels, in tiers.

https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html. Of such a file only texts in quotes, flags in <> and
numbers that stand alone count; all other words are for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seehear.errors import DataError
from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels, collapse_whitespace, parse_seconds

_TOKEN = re.compile(r'"(?:[^"]|"")*+"|(?<!\S)(?:<exists>|<absent>|[-+]?[0-9][0-9.eE+-]*+)(?!\S)|(?<!\S)![^\n]*')
_HINT = "save it again in Praat, as a text file"


def parse_text_grid(text: str, name: str) -> TimedLabels:
    """Raises DataError for what is no whole TextGrid. Tiers of points hold no stretches and are passed over."""
    found = TimedLabels(name)
    tokens = _tokens(text)
    try:
        _read(tokens, found)
    except (StopIteration, ValueError):
        raise DataError("damaged: it ends, or goes wrong, within a tier", where=name, hint=_HINT) from None
    return found


def _tokens(text: str) -> Iterator[str]:
    return (token[0] for token in _TOKEN.finditer(text) if not token[0].startswith("!"))


def _read(tokens: Iterator[str], found: TimedLabels) -> None:
    kind, what = _text(next(tokens)), _text(next(tokens))
    if not kind.startswith("ooTextFile") or what != "TextGrid":
        raise DataError(f"not a TextGrid but {what[:40]!r}", where=found.name, hint=_HINT)
    next(tokens), next(tokens)  # when it starts and ends
    tiers = int(next(tokens)) if next(tokens) == "<exists>" else 0
    for _ in range(tiers):
        kind, tier = _text(next(tokens)), collapse_whitespace(_text(next(tokens)))
        next(tokens), next(tokens)
        intervals = kind == "IntervalTier"
        if not intervals:
            found.notes.append(f"{found.name}: the tier {tier!r} holds points, not intervals, and is not read")
        for number in range(1, int(next(tokens)) + 1):
            start_s = parse_seconds(next(tokens))
            end_s = parse_seconds(next(tokens)) if intervals else start_s
            label = collapse_whitespace(_text(next(tokens)))
            if intervals:
                found.add(TimedLabel(start_s, end_s, label, tier), f"tier {tier!r} interval {number}")


def _text(token: str) -> str:
    """What stands in quotes, where a quote is written twice. Raises ValueError for a number or a flag."""
    if not token.startswith('"'):
        raise ValueError(token)
    return token[1:-1].replace('""', '"')
