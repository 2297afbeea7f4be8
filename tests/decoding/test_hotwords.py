"""The bonuses of any sentence add up to what its hotwords count: unfinished ones are paid back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seehear.decoding import hotwords
from seehear.decoding.hotwords import Hotwords
from seehear.decoding.language_model import LanguageModel
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import DataError, UsageError

V = 3
SPACE = 0
LETTERS = "_abcdefghijklmnopqrstuvwxyz"
WORD = st.lists(st.integers(1, V - 1), min_size=1, max_size=3)
HOTWORDS = st.lists(st.lists(WORD, min_size=1, max_size=3), max_size=5)
SENTENCE = st.lists(st.integers(0, V - 1), max_size=14)


def spell(text: str) -> list[int]:
    return [LETTERS.index(letter) for letter in text.replace(" ", "_")]


def sum_bonus(compiled: Hotwords, sentence: Sequence[int], *, finished: bool = True) -> float:
    state, total = compiled.start, 0.0
    for token in sentence:
        total, state = total + float(compiled.bonus[state, token]), int(compiled.next_state[state, token])
    return total + (float(compiled.bonus[state, -1]) if finished else 0)


def count(
    listed: list[list[int]], sentence: list[int], space: int | None, value: Callable[[list[int]], float] = len
) -> float:
    """The rule in the docstring of Hotwords, applied by brute force."""
    return sum(count_at(end, listed, sentence, space, value) for end in range(1, len(sentence) + 1))


def count_at(
    end: int, listed: list[list[int]], sentence: list[int], space: int | None, value: Callable[[list[int]], float]
) -> float:
    if space is not None and end < len(sentence) and sentence[end] != space:
        return 0
    starts = [at for at in range(end) if space is None or at == 0 or sentence[at - 1] == space]
    longest = next((sentence[at:end] for at in starts if sentence[at:end] in listed), [])
    return value(longest) - sum(count_at(at, listed, longest, space, value) for at in range(1, len(longest)))


@given(phrases=HOTWORDS, sentence=SENTENCE)
def test_the_bonuses_of_a_sentence_count_the_tokens_of_its_hotwords(
    phrases: list[list[list[int]]], sentence: list[int]
):
    listed = [[token for word in words for token in (SPACE, *word)][1:] for words in phrases]
    assert sum_bonus(Hotwords.compile(listed, V, SPACE), sentence) == count(listed, sentence, SPACE)


@given(listed=st.lists(SENTENCE.filter(bool), max_size=5), sentence=SENTENCE)
def test_bonuses_where_every_token_is_a_word(listed: list[list[int]], sentence: list[int]):
    assert sum_bonus(Hotwords.compile(listed, V, None), sentence) == count(listed, sentence, None)


@given(phrases=HOTWORDS, sentence=SENTENCE, corpus=st.lists(SENTENCE, max_size=5))
def test_a_token_earns_more_the_more_it_surprises_the_language_model(
    phrases: list[list[list[int]]], sentence: list[int], corpus: list[list[int]]
) -> None:
    language = LanguageModel.from_counts(NGramCounts.count_sentences(corpus, V, min_count=1))
    listed = [[token for word in words for token in (SPACE, *word)][1:] for words in phrases]

    def earn(hotword: list[int]) -> float:
        context, earned = int(language.next_state[0, SPACE]), 0.0
        for token in hotword:
            earned += min(1.0, -float(language.logp[context, token]) / hotwords.FULL_BONUS_SURPRISE)
            context = int(language.next_state[context, token])
        return earned

    expected = count(listed, sentence, SPACE, earn)
    assert sum_bonus(Hotwords.compile(listed, V, SPACE, language), sentence) == pytest.approx(expected, abs=1e-4)


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
def test_only_whole_words_count(sentence: str, expected: float) -> None:
    compiled = Hotwords.compile(
        [spell("ann"), spell("ann lee"), spell("mary ann lee"), spell("lee smith")], len(LETTERS), SPACE
    )
    assert sum_bonus(compiled, spell(sentence)) == expected


def test_a_hotword_gets_its_bonus_while_it_is_being_spelt() -> None:
    compiled = Hotwords.compile([spell("ann lee")], len(LETTERS), SPACE)
    bonuses = [sum_bonus(compiled, spell("so ann led"[:end]), finished=False) for end in range(11)]
    assert bonuses == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0]


def test_a_frequent_word_earns_almost_nothing() -> None:
    language = LanguageModel.from_counts(NGramCounts.count_sentences([spell("so ann said")] * 50, len(LETTERS)))
    compiled = Hotwords.compile([spell("ann"), spell("lee")], len(LETTERS), SPACE, language)
    assert sum_bonus(compiled, spell("ann")) < 0.1 * 3
    assert sum_bonus(compiled, spell("lee")) > 0.9 * 3


def test_no_hotwords_give_no_bonus() -> None:
    for space in (SPACE, None):
        compiled = Hotwords.compile([], V, space)
        assert not compiled.bonus.any() and compiled.bonus.shape == (len(compiled.next_state), V + 1)


@pytest.mark.parametrize("hotword", [[], [SPACE, 1], [1, SPACE], [SPACE], [V], [-1]])
def test_a_hotword_that_no_sentence_can_contain_is_refused(hotword: list[int]) -> None:
    with pytest.raises(DataError, match="tokens from 0 to 2"):
        Hotwords.compile([hotword], V, SPACE)


def test_too_many_hotwords_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotwords, "MAX_TABLE_SIZE", 5 * V)
    assert len(Hotwords.compile([[1, 2, 1]], V, SPACE).next_state) == 5
    with pytest.raises(UsageError, match=r"6 different beginnings.* 5 with 3 tokens"):
        Hotwords.compile([[1, 2, 1, 2]], V, SPACE)


def test_tables_have_compact_types() -> None:
    compiled = Hotwords.compile([[1]], V, SPACE)
    assert compiled.bonus.dtype == np.float32 and compiled.next_state.dtype == np.int32
