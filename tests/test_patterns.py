"""No regular expression in the source backtracks on hostile text."""

from __future__ import annotations

import json
import re
import signal

import pytest

import patterns as corpus
from subprocesses import run_script

MOST_S = 0.1  # CPU time for 100,000 characters; a linear pattern takes a fiftieth of it
LINEAR = 8 * 2.5  # how much longer it may take for 8 times the characters; the square would be 64
TICK_S = 0.004  # resolution of CPU time on some machines
HUNG_S = 300


def is_slow(slowest: corpus.Slowest) -> bool:
    """Two conditions, because other programs disturb timings: too slow, and slower than linear or given up."""
    grown = slowest.long_s / max(slowest.short_s, TICK_S)
    return slowest.long_s > MOST_S and (grown > LINEAR or slowest.long_s >= corpus.LIMIT_S)


def test_no_pattern_of_the_source_backtracks_on_hostile_texts() -> None:
    done = run_script(corpus.__file__, timeout_s=HUNG_S)
    notes = [json.loads(line) for line in done.stdout.splitlines()]
    tried = list(zip(notes[::2], (corpus.Slowest(**each["slowest"]) for each in notes[1::2]), strict=True))
    assert len(tried) == sum(isinstance(each, corpus.Pattern) for each in corpus.patterns()) > 30
    slow = [f"{pattern['place']} {pattern['pattern']!r}: {slowest}" for pattern, slowest in tried if is_slow(slowest)]
    assert not slow, "\n".join(slow)


def test_every_pattern_that_may_backtrack_can_be_tried() -> None:
    made = [each.place for each in corpus.patterns() if isinstance(each, corpus.Unresolved) and each.engine == "re"]
    assert not made, f"write the pattern as a constant, so that it can be tried: {', '.join(made)}"


@pytest.mark.parametrize(
    ("pattern", "use"),
    [
        (rb"^\s*(<!--.*?-->\s*)*<annotation\b", "match"),  # exponential
        (r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>", "findall"),
        (r"[_\W]*(id|no)$", "sub"),
        (r"[\[(](.*?)[\])]", "search"),
        (r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", "fullmatch"),
        (r"(a|b|ab)*c", "match"),
        (r"^(?:[a-z]+ ?)+$", "match"),
    ],
)
def test_patterns_that_backtrack_are_found(pattern: str | bytes, use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "LIMIT_S", 1.1 * MOST_S)
    signal.signal(signal.SIGVTALRM, corpus._give_up)
    slowest = corpus.slowest(corpus.Pattern("here:1", pattern, re.DOTALL, (use,)))
    assert is_slow(slowest)


@pytest.mark.parametrize("pattern", [r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", r"<v\s[^<>]*>", r"[;|]", r"\r\n|\r|\n"])
def test_linear_patterns_pass(pattern: str) -> None:
    assert not is_slow(corpus.slowest(corpus.Pattern("here:1", pattern, 0, ("fullmatch", "findall", "sub"))))
