"""CTC beam search, compared with summing all alignments one by one; fed in chunks, and for long."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.decoding import ctc_beam_search as ctc
from seehear.decoding import prefixes
from seehear.decoding.ctc_beam_search import CTCBeamSearch, SearchWeights
from seehear.decoding.hotwords import Hotwords
from seehear.decoding.hypothesis import Hypothesis, Token
from seehear.decoding.language_model import LanguageModel
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import InputError, UsageError

V = 2
SPACE = 0
UNWEIGHTED = SearchWeights()
WEIGHTED = SearchWeights(language_model=0.7, insertion=0.4, hotword=0.3)
LANGUAGE_MODEL = LanguageModel.from_counts(
    NGramCounts.count_sentences([[0, 1, 1], [1, 0, 1, 1], [1, 1]], V, order=3, min_count=1)
)
HOTWORDS = Hotwords.compile([[1, 1], [1, 0, 1]], V, SPACE)
SEEDS = st.integers(0, 2**32 - 1)


def make_noise(seed: int, frames: int, tokens: int = V, *, impossible: float = 0.2) -> np.ndarray:
    """(T, V + 1) random log probabilities, some of them -inf."""
    random = np.random.default_rng(seed)
    logits = random.uniform(-3, 3, (frames, tokens + 1))
    logits[(random.random(logits.shape) < impossible) & (logits < logits.max(axis=1, keepdims=True))] = -np.inf
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def make_speech(sentence: Sequence[int], tokens: int, *, every: int = 4, noise: float = 1.0) -> np.ndarray:
    """A token every few frames and blanks between, as a trained network gives them."""
    random = np.random.default_rng(len(sentence))
    logits = random.normal(0, noise, (every * len(sentence), tokens + 1))
    logits[:, -1] += 10
    at = np.arange(len(sentence)) * every + random.integers(0, 2, len(sentence))
    logits[at, list(sentence)] += random.uniform(11, 18, len(sentence))
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def search(logp: np.ndarray, weights: SearchWeights = UNWEIGHTED, **keywords: Any) -> CTCBeamSearch:
    language_model, hotwords = (LANGUAGE_MODEL, HOTWORDS) if weights is WEIGHTED else (None, None)
    started = CTCBeamSearch(language_model, hotwords, weights, **keywords)
    started.feed(logp)
    return started


def decode_greedily(logp: np.ndarray) -> Hypothesis:
    """The tokens of the likeliest path (Graves et al. 2006, section 3.2)."""
    path, peak = logp.argmax(axis=1), logp.max(axis=1)
    starts = np.flatnonzero(np.diff(path, prepend=-1)).tolist()
    tokens = []
    for start, stop in itertools.pairwise([*starts, len(path)]):
        frame = start + int(peak[start:stop].argmax())
        if path[frame] < logp.shape[1] - 1:
            tokens.append(Token(int(path[frame]), frame, float(np.exp(peak[frame]))))
    return Hypothesis(tuple(tokens), float(peak.sum()))


def sum_alignments(logp: np.ndarray) -> dict[tuple[int, ...], float]:
    """log p of each sequence: the sum over every path that spells it."""
    blank = logp.shape[1] - 1
    p: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(blank + 1), repeat=len(logp)):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token != blank)
        p[tokens] += math.exp(sum(logp[t, token] for t, token in enumerate(path)))
    return {tokens: math.log(total) for tokens, total in p.items() if total > 0}


def score_weighted(tokens: tuple[int, ...], logp: float) -> float:
    """The score of a complete sequence with language model and hotwords, one token after the other."""
    context, state = LANGUAGE_MODEL.start, HOTWORDS.start
    for token in tokens:
        logp += WEIGHTED.language_model * LANGUAGE_MODEL.logp[context, token] + WEIGHTED.insertion
        logp += WEIGHTED.hotword * HOTWORDS.bonus[state, token]
        context, state = LANGUAGE_MODEL.next_state[context, token], HOTWORDS.next_state[state, token]
    end = WEIGHTED.language_model * LANGUAGE_MODEL.logp[context, -1] + WEIGHTED.hotword * HOTWORDS.bonus[state, -1]
    return float(logp + end)


@given(seed=SEEDS, frames=st.integers(0, 5))
@settings(max_examples=60)
def test_wide_search_sums_all_alignments_of_every_sequence(seed: int, frames: int) -> None:
    logp = make_noise(seed, frames)
    found = search(logp, beams=500).n_best(500, finished=True)
    assert {each.token_ids: each.score for each in found} == pytest.approx(sum_alignments(logp), abs=1e-9)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@given(seed=SEEDS, frames=st.integers(1, 5))
@settings(max_examples=60)
def test_wide_search_finds_the_best_weighted_sequence(seed: int, frames: int) -> None:
    logp = make_noise(seed, frames)
    expected = {tokens: score_weighted(tokens, own) for tokens, own in sum_alignments(logp).items()}
    found = search(logp, WEIGHTED, beams=500).n_best(500, finished=True)
    assert {each.token_ids: each.score for each in found} == pytest.approx(expected, abs=1e-5)
    assert found[0].score == pytest.approx(max(expected.values()), abs=1e-5)


@given(seed=SEEDS, beams=st.integers(1, 20), weights=st.sampled_from([UNWEIGHTED, WEIGHTED]))
@settings(max_examples=60)
def test_narrow_search_never_overestimates_a_score(seed: int, beams: int, weights: SearchWeights) -> None:
    logp = make_noise(seed, 5)
    found = search(logp, weights, beams=beams).n_best(50, finished=True)
    assert 1 <= len(found) <= beams and len({each.token_ids for each in found}) == len(found)
    exact = sum_alignments(logp)
    for each in found:
        frames = [token.frame for token in each.tokens]
        assert frames == sorted(set(frames)) and all(0 < token.probability <= 1 for token in each.tokens)
        own = exact[each.token_ids]
        assert each.score <= (own if weights is UNWEIGHTED else score_weighted(each.token_ids, own)) + 1e-5


@given(
    seed=SEEDS,
    cuts=st.lists(st.integers(0, 40), max_size=6),
    beams=st.integers(1, 8),
    weights=st.sampled_from([UNWEIGHTED, WEIGHTED]),
)
@settings(max_examples=60)
def test_chunks_give_the_same_result_as_the_whole(
    seed: int, cuts: list[int], beams: int, weights: SearchWeights
) -> None:
    logp = make_noise(seed, 40)
    streaming = search(logp[:0], weights, beams=beams)
    for chunk in np.split(logp, sorted(cuts)):
        streaming.feed(chunk)
    assert streaming.n_best(3, finished=True) == search(logp, weights, beams=beams).n_best(3, finished=True)


def test_without_frames_the_result_is_empty() -> None:
    fresh = CTCBeamSearch(None, None, UNWEIGHTED)
    assert fresh.n_best(3, finished=False) == [Hypothesis((), 0.0)]
    fresh.feed(np.zeros((0, 3)))
    assert fresh.n_best(3, finished=True) == [Hypothesis((), 0.0)]
    with_language = CTCBeamSearch(LANGUAGE_MODEL, None, SearchWeights(language_model=1))
    expected = LANGUAGE_MODEL.logp[LANGUAGE_MODEL.start, -1]
    assert with_language.n_best(finished=True)[0].score == pytest.approx(expected)


@pytest.mark.parametrize("blank", [0.0, -1e-7, math.log(0.995)])
def test_blanks_alone_give_no_token(blank: float) -> None:
    other = math.log(max((1 - math.exp(blank)) / V, 1e-300))
    logp = np.array([[other] * V + [blank]] * 50)
    assert search(logp).n_best(finished=True)[0].token_ids == ()
    greedy = decode_greedily(logp)
    assert greedy.tokens == ()
    assert greedy.score == pytest.approx(50 * blank)


def test_a_repeated_token_needs_a_blank_between() -> None:
    never = -np.inf
    a, blank = [0.0, never, never], [never, never, 0.0]
    for logp, tokens in (([a, a], (0,)), ([a, blank, a], (0, 0)), ([blank, a, blank], (0,))):
        assert search(np.array(logp)).n_best(finished=True) == [decode_greedily(np.array(logp))]
        assert decode_greedily(np.array(logp)).token_ids == tokens


def test_each_token_has_its_clearest_frame_and_its_probability_there() -> None:
    p = [[0.1, 0.1, 0.8], [0.3, 0.1, 0.6], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.7, 0.1, 0.2], [0.2, 0.7, 0.1]]
    expected = (Token(0, 2, 0.9), Token(0, 4, 0.7), Token(1, 5, 0.7))
    for found in (decode_greedily(np.log(p)), search(np.log(p)).n_best(finished=True)[0]):
        assert found.token_ids == (0, 0, 1) and [token.frame for token in found.tokens] == [2, 4, 5]
        np.testing.assert_allclose(found.tokens, expected)


def test_clear_speech_needs_only_one_beam() -> None:
    sentence = np.random.default_rng(0).integers(0, 9, 60).tolist()
    logp = make_speech(sentence, 9, noise=0.3)
    for beams in (1, 2, 16):
        assert list(search(logp, beams=beams).n_best(finished=True)[0].token_ids) == sentence
    assert list(decode_greedily(logp).token_ids) == sentence


@pytest.mark.parametrize("noise", [0.5, 1.5])
def test_skipping_certain_blanks_changes_no_result(monkeypatch: pytest.MonkeyPatch, noise: float) -> None:
    sentences = [np.random.default_rng(i).integers(0, V, 20 + i).tolist() for i in range(5)]
    recordings = [make_speech(sentence, V, noise=noise) for sentence in sentences]
    assert np.mean(np.concatenate(recordings)[:, -1] > ctc.SKIPPED_BLANK_LOGP) > 0.4
    skipping = [search(logp, WEIGHTED).n_best(finished=True)[0] for logp in recordings]
    monkeypatch.setattr(ctc, "SKIPPED_BLANK_LOGP", 0.0)
    complete = [search(logp, WEIGHTED).n_best(finished=True)[0] for logp in recordings]
    assert [each.tokens for each in skipping] == [each.tokens for each in complete]
    assert [each.score for each in skipping] == pytest.approx([each.score for each in complete], abs=0.05)


def test_language_model_and_hotwords_decide_unclear_frames() -> None:
    logp = np.log([[0.05, 0.9, 0.05], [0.1, 0.1, 0.8], [0.46, 0.44, 0.1], [0.1, 0.1, 0.8], [0.05, 0.9, 0.05]])
    assert search(logp).n_best(finished=True)[0].token_ids == (1, 0, 1)
    language_model = LanguageModel.from_counts(NGramCounts.count_sentences([[1, 1, 1]] * 9, V))
    hotwords = Hotwords.compile([[1, 1, 1]], V, SPACE)
    for models in (
        (language_model, None, SearchWeights(language_model=0.5)),
        (None, hotwords, SearchWeights(hotword=0.5)),
    ):
        started = CTCBeamSearch(*models)
        started.feed(logp)
        assert started.n_best(finished=True)[0].token_ids == (1, 1, 1)


def test_pruning_prefixes_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = [make_noise(seed, 30) for seed in range(30)]
    unpruned = [search(logp, WEIGHTED, beams=5).n_best(5, finished=True) for logp in recordings]
    monkeypatch.setattr(prefixes, "MIN_PRUNED", 1)
    assert [search(logp, WEIGHTED, beams=5).n_best(5, finished=True) for logp in recordings] == unpruned


@pytest.mark.parametrize(
    ("logp", "message"),
    [
        (np.full((2, 3), np.nan), "frame 0 holds no log probabilities"),
        (np.array([[-1.0, -1, -1], [-1, np.nan, -1]]), "frame 1"),
        (np.array([[0.5, -1, -1]]), "at most 0"),
        (np.full((1, 3), -np.inf), "not all -inf"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((4, 1)), "2 or more"),
    ],
)
def test_anything_but_log_probabilities_is_refused(logp: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CTCBeamSearch(None, None, UNWEIGHTED).feed(logp)


def test_the_number_of_symbols_may_not_change() -> None:
    for started in (search(make_noise(0, 3), WEIGHTED), search(make_noise(0, 3))):
        with pytest.raises(InputError, match=r"\(frames, 3\)"):
            started.feed(make_noise(0, 3, tokens=3))


def test_a_search_without_beams_is_refused() -> None:
    with pytest.raises(UsageError, match="0 beams"):
        CTCBeamSearch(None, None, UNWEIGHTED, beams=0)
