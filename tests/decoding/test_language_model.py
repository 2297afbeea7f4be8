"""N-gram counts and their packing, compared with brute force; smoothing, compared with its formula."""

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

from seehear.decoding import language_model, ngrams
from seehear.decoding.language_model import LanguageModel
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import DataError

V = 3
TEXT = st.lists(st.lists(st.integers(0, V - 1), max_size=8), max_size=8)


def count_ngrams(sentences: list[list[int]], order: int, min_count: int = 1) -> dict[tuple[int, ...], int]:
    """The n-grams of sentences, one by one."""
    counts: Counter[tuple[int, ...]] = Counter()
    for sentence in sentences:
        edged = (V, *sentence, V)
        for end in range(1, len(edged)):  # of the predicted token; the first edge is never predicted
            counts.update({edged[start : end + 1] for start in range(max(0, end + 1 - order), end + 1)})
    return {gram: n for gram, n in counts.items() if len(gram) <= 2 or n >= min_count}


def smooth(token: int, context: tuple[int, ...], counts: dict[tuple[int, ...], int]) -> float:
    """Interpolated Witten-Bell smoothing, straight from its formula."""
    lower = smooth(token, context[1:], counts) if context else 1 / (V + 1)
    follow = {gram[-1]: n for gram, n in counts.items() if gram[:-1] == context}
    if not follow:
        return lower
    total = sum(n for gram, n in counts.items() if len(gram) == 1) if not context else counts[context]
    missing = total - sum(follow.values())
    followers = len(follow) + missing
    return (follow.get(token, 0) + (followers + missing) * lower) / (total + followers)


@given(text=TEXT, order=st.integers(1, 5), min_count=st.integers(1, 3))
@settings(max_examples=80)
def test_counts_match_brute_force(text: list[list[int]], order: int, min_count: int) -> None:
    assert dict(NGramCounts.count_sentences(text, V, order, min_count).items()) == count_ngrams(text, order, min_count)


@given(text=TEXT, more=TEXT, order=st.integers(1, 4), other=st.integers(1, 4))
@settings(max_examples=60)
def test_counts_can_be_added(text: list[list[int]], more: list[list[int]], order: int, other: int) -> None:
    both = NGramCounts.count_sentences(text, V, order, 1) + NGramCounts.count_sentences(more, V, other, 1)
    assert dict(both.items()) == Counter(count_ngrams(text, order)) + Counter(count_ngrams(more, other))
    assert both.order == max(order, other)


@given(text=TEXT, order=st.integers(1, 5), min_count=st.integers(1, 3))
@settings(max_examples=60)
def test_packing_can_be_undone(text: list[list[int]], order: int, min_count: int) -> None:
    packed = NGramCounts.count_sentences(text, V, order, min_count).pack()
    assert packed == NGramCounts.count_sentences(text, V, order, min_count).pack() and packed.isascii()
    unpacked = NGramCounts.unpack(packed)
    assert (unpacked.vocabulary, unpacked.order, dict(unpacked.items())) == (
        V,
        order,
        count_ngrams(text, order, min_count),
    )


@given(text=TEXT, order=st.integers(1, 5), min_count=st.sampled_from([1, 2]), tokens=st.lists(st.integers(0, V - 1)))
@settings(max_examples=80)
def test_the_model_matches_the_smoothing_formula(
    text: list[list[int]], order: int, min_count: int, tokens: list[int]
) -> None:
    model = LanguageModel.from_counts(NGramCounts.count_sentences(text, V, order, min_count))
    counts = count_ngrams(text, order, min_count)
    state = model.start
    for end in range(len(tokens) + 1):
        context = (V, *tokens[:end])[-max(order - 1, 1) :] if order > 1 else ()
        expected = [math.log(smooth(token, context, counts)) for token in range(V + 1)]
        np.testing.assert_allclose(model.logp[state], expected, atol=1e-5)
        if end < len(tokens):
            state = int(model.next_state[state, tokens[end]])
    np.testing.assert_allclose(np.exp(model.logp.astype(np.float64)).sum(1), 1, atol=1e-6)
    assert model.logp.dtype == np.float32 and model.next_state.dtype == np.int32


def test_without_text_all_tokens_are_equally_likely() -> None:
    model = LanguageModel.from_counts(NGramCounts.count_sentences([], V))
    assert model.next_state.tolist() == [[0] * V] and model.start == 0
    np.testing.assert_allclose(np.exp(model.logp), 1 / (V + 1), rtol=1e-6)


def test_ngrams_seen_once_are_dropped() -> None:
    twice, once = [0, 1, 2, 0], [2, 2, 1, 0]
    kept = dict(NGramCounts.count_sentences([twice, twice, once], V).items())
    assert kept[V, 0, 1, 2, 0, V] == 2
    assert all(n > 1 for gram, n in kept.items() if len(gram) > 2)


def test_the_most_frequent_ngrams_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    text = [[draw.randrange(V) for _ in range(20)] for _ in range(20)]
    all_counts = count_ngrams(text, 6)
    monkeypatch.setattr(ngrams, "MAX_NGRAMS", 50)
    for capped in (
        NGramCounts.count_sentences(text, V, min_count=1),
        NGramCounts.count_sentences(text[:9], V, min_count=1) + NGramCounts.count_sentences(text[9:], V, min_count=1),
    ):
        kept = dict(capped.items())
        assert len(kept) == 50 and all(gram[:-1] in kept or len(gram) == 1 for gram in kept)
        NGramCounts.unpack(capped.pack())
    kept = dict(NGramCounts.count_sentences(text, V, min_count=1).items())
    assert sorted(kept.values()) == sorted(all_counts.values())[-50:]
    assert all(gram[1:] in kept or len(gram) == 1 for gram in kept)


def test_the_longest_contexts_are_dropped_if_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    text = [[draw.randrange(V) for _ in range(20)] for _ in range(20)]
    bigrams = LanguageModel.from_counts(NGramCounts.count_sentences(text, V, order=2))
    monkeypatch.setattr(language_model, "MAX_TABLE_SIZE", len(bigrams.logp) * (V + 1))
    shortened = LanguageModel.from_counts(NGramCounts.count_sentences(text, V, order=5))
    np.testing.assert_array_equal(shortened.logp, bigrams.logp)
    np.testing.assert_array_equal(shortened.next_state, bigrams.next_state)


@pytest.mark.parametrize("sentence", [[0, V], [-1], [0, 99]])
def test_a_token_outside_the_vocabulary_is_refused(sentence: list[int]) -> None:
    with pytest.raises(DataError, match="tokens from 0 to 2"):
        NGramCounts.count_sentences([[0, 1], sentence], V)


def test_counts_with_different_vocabularies_cannot_be_added() -> None:
    with pytest.raises(DataError, match="of 4 tokens cannot be added to n-grams of 3"):
        _ = NGramCounts.count_sentences([], 3) + NGramCounts.count_sentences([], 4)


def packed(*numbers: int) -> str:
    planes = np.array(numbers, "<i8").view(np.uint8).reshape(-1, 8).T.tobytes()
    return base64.b64encode(zlib.compress(planes)).decode()


# vocabulary, order, nodes; children of each node; tokens but the first node's; counts
VALID = (2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cut off"),
        ("never", "not a packed"),
        ("ü", "ASCII"),
        (packed(*VALID)[:-8], "cut off"),
        (base64.b64encode(zlib.compress(bytes(1 << 28), 9)).decode(), "more than 1,5"),
        ("A" * (1 << 23), "characters"),
        (packed(2, 2), "16 bytes"),
        (packed(*VALID[:-1]), "holds 13 numbers"),
        (packed(1 << 40, *VALID[1:]), "out of 1,099,511,627,776 tokens"),
        (packed(2, 99, *VALID[2:]), "up to 99"),
        (packed(2, 2, 1 << 60), "claims"),
        (packed(2, 2, -1), "claims"),
        (packed(2, 2, 4, *(3, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 1)), "not connected"),
        (packed(2, 2, 4, *(4, 0, -1, 0), *(0, 1, 1), *(3, 2, 1, 1)), "not connected"),
        (packed(2, 2, 4, *(0, 2, 1, 0), *(0, 1, 1), *(3, 2, 1, 1)), "before its own prefix"),
        (packed(2, 1, *VALID[3:]), "claims"),
        (packed(2, 1, *VALID[2:]), "more than 1 tokens"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 3, 1), *(3, 2, 1, 1)), "outside"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(1, 1, 1), *(3, 2, 1, 1)), "order"),
        (packed(2, 3, 4, *(1, 1, 1, 0), *(0, 2, 1), *(3, 2, 1, 1)), "after its end"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 0)), "count is out of range"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(1 << 60, 2, 1, 1)), "count is out of range"),
        (packed(2, 2, 4, *(2, 1, 0, 0), *(0, 1, 1), *(3, 2, 1, 3)), "more frequent"),
    ],
)
def test_a_damaged_or_hostile_string_is_refused(text: str, message: str) -> None:
    assert dict(NGramCounts.unpack(packed(*VALID)).items()) == {(0,): 2, (1,): 1, (0, 1): 1}
    with pytest.raises(DataError, match=message):
        NGramCounts.unpack(text)


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_random_bytes_are_refused(noise: bytes) -> None:
    for text in (noise.decode("latin1"), base64.b64encode(zlib.compress(noise)).decode()):
        with pytest.raises(DataError):
            NGramCounts.unpack(text)
