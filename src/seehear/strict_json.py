"""Parses untrusted JSON: numbers that fit a float, and strings that are valid Unicode."""

from __future__ import annotations

import json
import re
from typing import Any

_MOST_DIGITS = 300  # of an integer: float() refuses those with 309
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def from_json(source: str | bytes) -> Any:
    """Parse JSON. An integer that is too large for a float becomes inf.

    Raises ValueError for invalid JSON, for nesting that is too deep, and for unpaired surrogates.
    """
    text = source.decode(json.detect_encoding(source)) if isinstance(source, bytes) else source
    try:
        value = json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _SURROGATE.search(text):
        _check_text(value)
    return value


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _check_text(value: Any) -> None:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            try:
                each.encode()
            except UnicodeEncodeError:
                raise ValueError(f"{each[:60]!r} is not valid Unicode: half of a surrogate pair") from None
