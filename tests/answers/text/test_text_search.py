"""The search against all alignments looked at one by one, in pieces and for long."""

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

from seehear.answers.text import prefixes, search
from seehear.answers.text.hotwords import Hotwords
from seehear.answers.text.language import Automaton
from seehear.answers.text.ngrams import NGrams
from seehear.answers.text.search import Hypothesis, Search, Spelt, Weights
from seehear.errors import InputError, UsageError

V = 2
SPACE = 0
ALONE = Weights()
GUIDED = Weights(language=0.7, insertion=0.4, hotword=0.3)
LANGUAGE = Automaton.of(NGrams.of([[0, 1, 1], [1, 0, 1, 1], [1, 1]], V, order=3, least=1))
HOTWORDS = Hotwords.of([[1, 1], [1, 0, 1]], V, SPACE)
SEEDS = st.integers(0, 2**32 - 1)


def heard(seed: int, frames: int, tokens: int = V, *, impossible: float = 0.2) -> np.ndarray:
    """(T, V + 1) log probabilities, some of them of what cannot be."""
    random = np.random.default_rng(seed)
    logits = random.uniform(-3, 3, (frames, tokens + 1))
    logits[(random.random(logits.shape) < impossible) & (logits < logits.max(axis=1, keepdims=True))] = -np.inf
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def speech(sentence: Sequence[int], tokens: int, *, every: int = 4, noise: float = 1.0) -> np.ndarray:
    """A token every few frames, blanks between: what a trained network hears."""
    random = np.random.default_rng(len(sentence))
    logits = random.normal(0, noise, (every * len(sentence), tokens + 1))
    logits[:, -1] += 10
    at = np.arange(len(sentence)) * every + random.integers(0, 2, len(sentence))
    logits[at, list(sentence)] += random.uniform(11, 18, len(sentence))
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def searched(logp: np.ndarray, weights: Weights = ALONE, **keywords: Any) -> Search:
    guides = (LANGUAGE, HOTWORDS) if weights is GUIDED else (None, None)
    found = Search(*guides, weights, **keywords)
    found.feed(logp)
    return found


def greedy(logp: np.ndarray) -> Hypothesis:
    """The tokens of the likeliest path through logp (Graves et al. 2006, section 3.2)."""
    path, loud = logp.argmax(axis=1), logp.max(axis=1)
    starts = np.flatnonzero(np.diff(path, prepend=-1)).tolist()
    spelt = []
    for start, stop in itertools.pairwise([*starts, len(path)]):
        frame = start + int(loud[start:stop].argmax())
        if path[frame] < logp.shape[1] - 1:
            spelt.append(Spelt(int(path[frame]), frame, float(np.exp(loud[frame]))))
    return Hypothesis(tuple(spelt), float(loud.sum()))


def all_alignments(logp: np.ndarray) -> dict[tuple[int, ...], float]:
    """log p of each sentence: the sum over every path that spells it."""
    blank = logp.shape[1] - 1
    p: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(blank + 1), repeat=len(logp)):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token != blank)
        p[tokens] += math.exp(sum(logp[t, token] for t, token in enumerate(path)))
    return {tokens: math.log(total) for tokens, total in p.items() if total > 0}


def guided(tokens: tuple[int, ...], log_p: float) -> float:
    """The score of a whole sentence, one token after the other."""
    language, hotwords = LANGUAGE.start, HOTWORDS.start
    for token in tokens:
        log_p += GUIDED.language * LANGUAGE.logp[language, token] + GUIDED.insertion
        log_p += GUIDED.hotword * HOTWORDS.bonus[hotwords, token]
        language, hotwords = LANGUAGE.follow[language, token], HOTWORDS.follow[hotwords, token]
    return float(log_p + GUIDED.language * LANGUAGE.logp[language, -1] + GUIDED.hotword * HOTWORDS.bonus[hotwords, -1])


@given(seed=SEEDS, frames=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_wide_search_sums_all_alignments_of_every_sentence(seed: int, frames: int) -> None:
    logp = heard(seed, frames)
    found = searched(logp, beams=500).best(500, finished=True)
    assert {each.tokens: each.score for each in found} == pytest.approx(all_alignments(logp), abs=1e-9)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@given(seed=SEEDS, frames=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_wide_search_finds_the_best_sentence_there_is(seed: int, frames: int) -> None:
    logp = heard(seed, frames)
    expected = {tokens: guided(tokens, log_p) for tokens, log_p in all_alignments(logp).items()}
    found = searched(logp, GUIDED, beams=500).best(500, finished=True)
    assert {each.tokens: each.score for each in found} == pytest.approx(expected, abs=1e-5)
    assert found[0].score == pytest.approx(max(expected.values()), abs=1e-5)


@given(seed=SEEDS, beams=st.integers(1, 20), weights=st.sampled_from([ALONE, GUIDED]))
@settings(max_examples=60, deadline=None)
def test_a_narrow_search_finds_sentences_that_are_no_better_than_they_are(
    seed: int, beams: int, weights: Weights
) -> None:
    logp = heard(seed, 5)
    found = searched(logp, weights, beams=beams).best(50, finished=True)
    assert 1 <= len(found) <= beams and len({each.tokens for each in found}) == len(found)
    exact = all_alignments(logp)
    for each in found:
        frames = [spelt.frame for spelt in each.spelt]
        assert frames == sorted(set(frames)) and all(0 < spelt.confidence <= 1 for spelt in each.spelt)
        most = exact[each.tokens] if weights is ALONE else guided(each.tokens, exact[each.tokens])
        assert each.score <= most + 1e-5


@given(
    seed=SEEDS,
    cuts=st.lists(st.integers(0, 40), max_size=6),
    beams=st.integers(1, 8),
    weights=st.sampled_from([ALONE, GUIDED]),
)
@settings(max_examples=60, deadline=None)
def test_sound_in_chunks_is_heard_as_a_whole(seed: int, cuts: list[int], beams: int, weights: Weights) -> None:
    logp = heard(seed, 40)
    live = searched(logp[:0], weights, beams=beams)
    for chunk in np.split(logp, sorted(cuts)):
        live.feed(chunk)
    assert live.best(3, finished=True) == searched(logp, weights, beams=beams).best(3, finished=True)


def test_before_anything_is_heard_nothing_is_said() -> None:
    fresh = Search(None, None, ALONE)
    assert fresh.best(3, finished=False) == [Hypothesis((), 0.0)]
    fresh.feed(np.zeros((0, 3)))
    assert fresh.best(3, finished=True) == [Hypothesis((), 0.0)]
    ended = Search(LANGUAGE, None, Weights(language=1)).best(finished=True)[0].score
    assert ended == pytest.approx(LANGUAGE.logp[LANGUAGE.start, -1])


@pytest.mark.parametrize("blank", [0.0, -1e-7, math.log(0.995)])
def test_of_blanks_alone_nothing_is_said(blank: float) -> None:
    other = math.log(max((1 - math.exp(blank)) / V, 1e-300))
    logp = np.array([[other] * V + [blank]] * 50)
    assert searched(logp).best(finished=True)[0].tokens == ()
    assert greedy(logp) == Hypothesis((), pytest.approx(50 * blank))


def test_a_token_twice_needs_a_blank_between() -> None:
    never = -np.inf
    a, blank = [0.0, never, never], [never, never, 0.0]
    for logp, tokens in (([a, a], (0,)), ([a, blank, a], (0, 0)), ([blank, a, blank], (0,))):
        assert searched(np.array(logp)).best(finished=True) == [greedy(np.array(logp))]
        assert greedy(np.array(logp)).tokens == tokens


def test_each_token_has_the_frame_in_which_it_is_heard_and_its_probability_there() -> None:
    p = [[0.1, 0.1, 0.8], [0.3, 0.1, 0.6], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.7, 0.1, 0.2], [0.2, 0.7, 0.1]]
    expected = (Spelt(0, 2, 0.9), Spelt(0, 4, 0.7), Spelt(1, 5, 0.7))
    for found in (greedy(np.log(p)), searched(np.log(p)).best(finished=True)[0]):
        assert found.tokens == (0, 0, 1) and [each.frame for each in found.spelt] == [2, 4, 5]
        np.testing.assert_allclose(found.spelt, expected)


def test_clear_speech_is_understood_with_one_beam_as_with_many() -> None:
    sentence = np.random.default_rng(0).integers(0, 9, 60).tolist()
    logp = speech(sentence, 9, noise=0.3)
    for beams in (1, 2, 16):
        assert list(searched(logp, beams=beams).best(finished=True)[0].tokens) == sentence
    assert list(greedy(logp).tokens) == sentence


@pytest.mark.parametrize("noise", [0.5, 1.5])
def test_passing_over_sure_blanks_changes_no_answer(monkeypatch: pytest.MonkeyPatch, noise: float) -> None:
    sentences = [np.random.default_rng(i).integers(0, V, 20 + i).tolist() for i in range(5)]
    sounds = [speech(sentence, V, noise=noise) for sentence in sentences]
    assert np.mean(np.concatenate(sounds)[:, -1] > search.CERTAIN_BLANK) > 0.4
    passed = [searched(sound, GUIDED).best(finished=True)[0] for sound in sounds]
    monkeypatch.setattr(search, "CERTAIN_BLANK", 0.0)
    heard_all = [searched(sound, GUIDED).best(finished=True)[0] for sound in sounds]
    assert [each.spelt for each in passed] == [each.spelt for each in heard_all]
    assert [each.score for each in passed] == pytest.approx([each.score for each in heard_all], abs=0.05)


def test_language_and_terms_decide_what_the_ear_cannot() -> None:
    logp = np.log([[0.05, 0.9, 0.05], [0.1, 0.1, 0.8], [0.46, 0.44, 0.1], [0.1, 0.1, 0.8], [0.05, 0.9, 0.05]])
    assert searched(logp).best(finished=True)[0].tokens == (1, 0, 1)
    language = Automaton.of(NGrams.of([[1, 1, 1]] * 9, V))
    hotwords = Hotwords.of([[1, 1, 1]], V, SPACE)
    for guide in ((language, None, Weights(language=0.5)), (None, hotwords, Weights(hotword=0.5))):
        found = Search(*guide)
        found.feed(logp)
        assert found.best(finished=True)[0].tokens == (1, 1, 1)


def test_forgetting_what_cannot_come_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = [heard(seed, 30) for seed in range(30)]
    remembered = [searched(sound, GUIDED, beams=5).best(5, finished=True) for sound in sounds]
    monkeypatch.setattr(prefixes, "FEW", 1)
    assert [searched(sound, GUIDED, beams=5).best(5, finished=True) for sound in sounds] == remembered


@pytest.mark.parametrize(
    ("logp", "complaint"),
    [
        (np.full((2, 3), np.nan), "frame 0 holds no log probabilities"),
        (np.array([[-1.0, -1, -1], [-1, np.nan, -1]]), "frame 1"),
        (np.array([[0.5, -1, -1]]), "at most 0"),
        (np.full((1, 3), -np.inf), "not all -inf"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((4, 1)), "2 or more"),
    ],
)
def test_what_are_no_log_probabilities_is_refused(logp: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Search(None, None, ALONE).feed(logp)


def test_a_search_is_told_of_one_set_of_symbols() -> None:
    guided_by_three = searched(heard(0, 3), GUIDED)
    alone = searched(heard(0, 3))
    for started in (guided_by_three, alone):
        with pytest.raises(InputError, match=r"\(frames, 3\)"):
            started.feed(heard(0, 3, tokens=3))
    with pytest.raises(UsageError, match="0 beams"):
        Search(None, None, ALONE, beams=0)
