"""Counts that are those of the text and survive packing; odds judged by the formula written out."""

from __future__ import annotations

import base64
import math
import random
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.answers.text import language, ngrams
from seehear.answers.text.language import Automaton
from seehear.answers.text.ngrams import NGrams
from seehear.errors import DataError

V = 3
TEXT = st.lists(st.lists(st.integers(0, V - 1), max_size=8), max_size=8)


def counted(sentences: list[list[int]], order: int, least: int = 1) -> dict[tuple[int, ...], int]:
    """The n-grams of sentences, looked up one by one."""
    counts: Counter[tuple[int, ...]] = Counter()
    for sentence in sentences:
        edged = (V, *sentence, V)
        for end in range(1, len(edged)):  # the token counted; the first edge is never said
            counts.update({edged[start : end + 1] for start in range(max(0, end + 1 - order), end + 1)})
    return {gram: n for gram, n in counts.items() if len(gram) <= 2 or n >= least}


def odds(token: int, context: tuple[int, ...], counts: dict[tuple[int, ...], int]) -> float:
    """Interpolated Witten-Bell smoothing, straight from its formula."""
    lower = odds(token, context[1:], counts) if context else 1 / (V + 1)
    follow = {gram[-1]: n for gram, n in counts.items() if gram[:-1] == context}
    if not follow:
        return lower
    said = sum(n for gram, n in counts.items() if len(gram) == 1) if not context else counts[context]
    left_out = said - sum(follow.values())
    kinds = len(follow) + left_out
    return (follow.get(token, 0) + (kinds + left_out) * lower) / (said + kinds)


@given(text=TEXT, order=st.integers(1, 5), least=st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_counts_are_those_of_the_text(text: list[list[int]], order: int, least: int) -> None:
    assert dict(NGrams.of(text, V, order, least).items()) == counted(text, order, least)


@given(text=TEXT, more=TEXT, order=st.integers(1, 4), other=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_counts_add_up(text: list[list[int]], more: list[list[int]], order: int, other: int) -> None:
    both = NGrams.of(text, V, order, least=1).plus(NGrams.of(more, V, other, least=1))
    assert dict(both.items()) == Counter(counted(text, order)) + Counter(counted(more, other))
    assert both.order == max(order, other)


@given(text=TEXT, order=st.integers(1, 5), least=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_packed_counts_come_back(text: list[list[int]], order: int, least: int) -> None:
    packed = NGrams.of(text, V, order, least).to_text()
    assert packed == NGrams.of(text, V, order, least).to_text() and packed.isascii()
    read = NGrams.from_text(packed)
    assert (read.vocabulary, read.order, dict(read.items())) == (V, order, counted(text, order, least))


@given(text=TEXT, order=st.integers(1, 5), least=st.sampled_from([1, 2]), said=st.lists(st.integers(0, V - 1)))
@settings(max_examples=80, deadline=None)
def test_the_machine_gives_the_odds_of_the_formula(
    text: list[list[int]], order: int, least: int, said: list[int]
) -> None:
    machine = Automaton.of(NGrams.of(text, V, order, least))
    counts = counted(text, order, least)
    state = machine.start
    for end in range(len(said) + 1):
        context = (V, *said[:end])[-max(order - 1, 1) :] if order > 1 else ()
        expected = [math.log(odds(token, context, counts)) for token in range(V + 1)]
        np.testing.assert_allclose(machine.logp[state], expected, atol=1e-5)
        if end < len(said):
            state = int(machine.follow[state, said[end]])
    np.testing.assert_allclose(np.exp(machine.logp.astype(np.float64)).sum(1), 1, atol=1e-6)
    assert machine.logp.dtype == np.float32 and machine.follow.dtype == np.int32


def test_without_a_text_all_is_equally_likely() -> None:
    machine = Automaton.of(NGrams.of([], V))
    assert machine.follow.tolist() == [[0] * V] and machine.start == 0
    np.testing.assert_allclose(np.exp(machine.logp), 1 / (V + 1), rtol=1e-6)


def test_what_was_said_once_is_forgotten() -> None:
    twice, once = [0, 1, 2, 0], [2, 2, 1, 0]
    kept = dict(NGrams.of([twice, twice, once], V).items())
    assert kept[V, 0, 1, 2, 0, V] == 2
    assert all(n > 1 for gram, n in kept.items() if len(gram) > 2)


def test_the_most_frequent_ngrams_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    text = [[draw.randrange(V) for _ in range(20)] for _ in range(20)]
    whole = counted(text, 6)
    monkeypatch.setattr(ngrams, "MOST_NGRAMS", 50)
    for capped in (NGrams.of(text, V, least=1), NGrams.of(text[:9], V, least=1).plus(NGrams.of(text[9:], V, least=1))):
        kept = dict(capped.items())
        assert len(kept) == 50 and all(gram[:-1] in kept or len(gram) == 1 for gram in kept)
        NGrams.from_text(capped.to_text())
    kept = dict(NGrams.of(text, V, least=1).items())
    assert sorted(kept.values()) == sorted(whole.values())[-50:]
    assert all(gram[1:] in kept or len(gram) == 1 for gram in kept)


def test_the_longest_contexts_are_left_out_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    text = [[draw.randrange(V) for _ in range(20)] for _ in range(20)]
    bigrams = Automaton.of(NGrams.of(text, V, order=2))
    monkeypatch.setattr(language, "MOST_CELLS", len(bigrams.logp) * (V + 1))
    shortened = Automaton.of(NGrams.of(text, V, order=5))
    np.testing.assert_array_equal(shortened.logp, bigrams.logp)
    np.testing.assert_array_equal(shortened.follow, bigrams.follow)


@pytest.mark.parametrize("sentence", [[0, V], [-1], [0, 99]])
def test_a_token_outside_the_vocabulary_is_refused(sentence: list[int]) -> None:
    with pytest.raises(DataError, match="tokens from 0 to 2"):
        NGrams.of([[0, 1], sentence], V)


def test_ngrams_of_other_tokens_are_not_added() -> None:
    with pytest.raises(DataError, match="of 4 tokens cannot be added to n-grams of 3"):
        NGrams.of([], 3).plus(NGrams.of([], 4))


def packed(*numbers: int) -> str:
    planes = np.array(numbers, "<i8").view(np.uint8).reshape(-1, 8).T.tobytes()
    return base64.b64encode(zlib.compress(planes)).decode()


# vocabulary, order, nodes; children of each node; tokens but the first node's; counts
SOUND = (2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 1))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "cut off"),
        ("never", "not a packed"),
        ("ü", "ASCII"),
        (packed(*SOUND)[:-8], "cut off"),
        (base64.b64encode(zlib.compress(bytes(1 << 28), 9)).decode(), "more than 1,5"),
        ("A" * (1 << 23), "letters"),
        (packed(2, 2), "16 bytes"),
        (packed(*SOUND[:-1]), "holds 13 numbers"),
        (packed(1 << 40, *SOUND[1:]), "out of 1,099,511,627,776 tokens"),
        (packed(2, 99, *SOUND[2:]), "up to 99"),
        (packed(2, 2, 1 << 60), "claims"),
        (packed(2, 2, -1), "claims"),
        (packed(2, 2, 4, *(3, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 1)), "hang together"),
        (packed(2, 2, 4, *(4, 0, -1, 0), *(0, 1, 1), *(3, 2, 1, 1)), "hang together"),
        (packed(2, 2, 4, *(0, 2, 1, 0), *(0, 1, 1), *(3, 2, 1, 1)), "before"),
        (packed(2, 1, *SOUND[3:]), "claims"),
        (packed(2, 1, *SOUND[2:]), "more than 1 tokens"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 3, 1), *(3, 2, 1, 1)), "outside"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(1, 1, 1), *(3, 2, 1, 1)), "order"),
        (packed(2, 3, 4, *(1, 1, 1, 0), *(0, 2, 1), *(3, 2, 1, 1)), "after its end"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 0)), "count is none"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(1 << 60, 2, 1, 1)), "count is none"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 3)), "oftener"),
    ],
)
def test_a_damaged_or_hostile_text_is_refused(text: str, complaint: str) -> None:
    assert dict(NGrams.from_text(packed(*SOUND)).items()) == {(0,): 2, (1,): 1, (0, 1): 1}
    with pytest.raises(DataError, match=complaint):
        NGrams.from_text(text)


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    for text in (noise.decode("latin1"), base64.b64encode(zlib.compress(noise)).decode()):
        with pytest.raises(DataError):
            NGrams.from_text(text)
