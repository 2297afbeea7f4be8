"""Untrusted JSON: numbers too large for a float and invalid text are found on reading, not on use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seehear
from seehear.strict_json import from_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN, st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_ordinary_json_is_read_as_by_the_json_module(value: Any, ascii_only: bool, encoding: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert from_json(text) == value
    assert from_json(text.encode(encoding)) == value


@pytest.mark.parametrize("digits", [300, 400, 5000])
def test_every_integer_fits_a_float(digits: int) -> None:
    for sign in ("", "-"):
        assert abs(float(from_json(f"[{sign}{'9' * digits}]")[0])) == (math.inf if digits > 300 else 1e300)
    assert from_json("9007199254740993") == 9007199254740993, "and names that are numbers stay exact"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r'"\ud800"', "half of a surrogate pair"),
        (r'{"a": [{"b\udcff": 1}]}', "half of a surrogate pair"),
        (r'["\ud83d\ude00", "\ude00\ud83d"]', "half of a surrogate pair"),
        (b'"\xed\xa0\x80"', "decode"),
        ("[" * 100_000, "is nested too deeply"),
        ("{", "Expecting"),
    ],
)
def test_strings_that_are_not_unicode_are_refused(source: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_json(source)


def test_a_surrogate_pair_is_a_character() -> None:
    assert from_json(r'"\ud83d\ude00 \\ud800"') == "\U0001f600 \\ud800"


def test_all_untrusted_json_is_read_with_it() -> None:
    source = Path(seehear.__file__).parent
    rooms = ("table", "answers", "inputs.py")
    files = [
        path for room in rooms for path in ([source / room] if room.endswith(".py") else (source / room).rglob("*.py"))
    ]
    wrong = [path.name for path in files if "json.loads(" in path.read_text(encoding="utf-8")]
    assert not wrong, "use from_json"
