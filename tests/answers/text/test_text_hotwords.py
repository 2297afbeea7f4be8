"""Hotwords are favoured, unfinished ones paid back: the bonuses of any sentence add up to what its hotwords count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.answers.text import hotwords
from seehear.answers.text.hotwords import Hotwords
from seehear.answers.text.language import Automaton
from seehear.answers.text.ngrams import NGrams
from seehear.errors import DataError, UsageError

V = 3
SPACE = 0
LETTERS = "_abcdefghijklmnopqrstuvwxyz"
WORD = st.lists(st.integers(1, V - 1), min_size=1, max_size=3)
PHRASES = st.lists(st.lists(WORD, min_size=1, max_size=3), max_size=5)
SENTENCE = st.lists(st.integers(0, V - 1), max_size=14)


def spelt(text: str) -> list[int]:
    return [LETTERS.index(letter) for letter in text.replace(" ", "_")]


def bonus(machine: Hotwords, sentence: Sequence[int], *, finished: bool = True) -> float:
    state, total = machine.start, 0.0
    for token in sentence:
        total, state = total + float(machine.bonus[state, token]), int(machine.follow[state, token])
    return total + (float(machine.bonus[state, -1]) if finished else 0)


def counted(
    listed: list[list[int]], sentence: list[int], space: int | None, worth: Callable[[list[int]], float] = len
) -> float:
    """What the docstring of Hotwords says, by looking everywhere."""
    return sum(counted_at(end, listed, sentence, space, worth) for end in range(1, len(sentence) + 1))


def counted_at(
    end: int, listed: list[list[int]], sentence: list[int], space: int | None, worth: Callable[[list[int]], float]
) -> float:
    if space is not None and end < len(sentence) and sentence[end] != space:
        return 0
    starts = [at for at in range(end) if space is None or at == 0 or sentence[at - 1] == space]
    longest = next((sentence[at:end] for at in starts if sentence[at:end] in listed), [])
    return worth(longest) - sum(counted_at(at, listed, longest, space, worth) for at in range(1, len(longest)))


@given(phrases=PHRASES, sentence=SENTENCE)
@settings(max_examples=200, deadline=None)
def test_the_bonuses_of_a_sentence_are_the_tokens_in_its_terms(phrases: list[list[list[int]]], sentence: list[int]):
    listed = [[token for word in words for token in (SPACE, *word)][1:] for words in phrases]
    assert bonus(Hotwords.of(listed, V, SPACE), sentence) == counted(listed, sentence, SPACE)


@given(listed=st.lists(SENTENCE.filter(bool), max_size=5), sentence=SENTENCE)
@settings(max_examples=200, deadline=None)
def test_so_they_are_where_every_token_is_a_word(listed: list[list[int]], sentence: list[int]):
    assert bonus(Hotwords.of(listed, V, None), sentence) == counted(listed, sentence, None)


@given(phrases=PHRASES, sentence=SENTENCE, said=st.lists(SENTENCE, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_token_counts_as_much_as_the_language_is_surprised_by_it(
    phrases: list[list[list[int]]], sentence: list[int], said: list[list[int]]
) -> None:
    language = Automaton.of(NGrams.of(said, V, least=1))
    listed = [[token for word in words for token in (SPACE, *word)][1:] for words in phrases]

    def lack(hotword: list[int]) -> float:
        context, lacking = int(language.follow[0, SPACE]), 0.0
        for token in hotword:
            lacking += min(1.0, -float(language.logp[context, token]) / hotwords.UNEXPECTED)
            context = int(language.follow[context, token])
        return lacking

    expected = counted(listed, sentence, SPACE, lack)
    assert bonus(Hotwords.of(listed, V, SPACE, language), sentence) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("", 0),
        ("ann", 3),
        ("an", 0),
        ("anne", 0),
        ("joann", 0),
        ("so ann said", 3),
        ("ann ann", 6),
        ("ann lee", 7),
        ("ann leeds", 3),
        ("lee ann lee", 7),
        ("mary ann lee", 12),
        ("ann lee smith", 7 + 9),
        ("mary ann lee smith", 12 + 9),
    ],
)
def test_whole_words_count(sentence: str, expected: float) -> None:
    machine = Hotwords.of(
        [spelt("ann"), spelt("ann lee"), spelt("mary ann lee"), spelt("lee smith")], len(LETTERS), SPACE
    )
    assert bonus(machine, spelt(sentence)) == expected


def test_a_term_is_favoured_while_it_is_being_spelt() -> None:
    machine = Hotwords.of([spelt("ann lee")], len(LETTERS), SPACE)
    said = [bonus(machine, spelt("so ann led"[:end]), finished=False) for end in range(11)]
    assert said == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0]


def test_a_word_that_was_often_said_is_hardly_favoured() -> None:
    language = Automaton.of(NGrams.of([spelt("so ann said")] * 50, len(LETTERS)))
    machine = Hotwords.of([spelt("ann"), spelt("lee")], len(LETTERS), SPACE, language)
    assert bonus(machine, spelt("ann")) < 0.1 * 3
    assert bonus(machine, spelt("lee")) > 0.9 * 3


def test_no_terms_change_nothing() -> None:
    for space in (SPACE, None):
        machine = Hotwords.of([], V, space)
        assert not machine.bonus.any() and machine.bonus.shape == (len(machine.follow), V + 1)


@pytest.mark.parametrize("hotword", [[], [SPACE, 1], [1, SPACE], [SPACE], [V], [-1]])
def test_what_no_sentence_can_hold_is_refused(hotword: list[int]) -> None:
    with pytest.raises(DataError, match="tokens from 0 to 2"):
        Hotwords.of([hotword], V, SPACE)


def test_too_many_terms_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotwords, "MOST_CELLS", 5 * V)
    assert len(Hotwords.of([[1, 2, 1]], V, SPACE).follow) == 5
    with pytest.raises(UsageError, match=r"6 different beginnings.* 5 with 3 tokens"):
        Hotwords.of([[1, 2, 1, 2]], V, SPACE)


def test_machines_have_the_types_that_a_search_gathers() -> None:
    machine = Hotwords.of([[1]], V, SPACE)
    assert machine.bonus.dtype == np.float32 and machine.follow.dtype == np.int32
