"""Tolerated losses: bounds that hold as often as they say, for every kind of answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import ANSWER_CELLS
from seehear.answers import ANSWERS
from seehear.measure import comparison
from seehear.measure.clusters import find_clusters
from seehear.measure.comparison import measure_loss
from seehear.measure.noninferiority import TOLERABLE, TOO_WORSE, UNDECIDED, Loss, bound_paired_shares
from seehear.measure.scored_answers import ScoredAnswers


@pytest.mark.parametrize(
    ("n", "lost", "gained"), [(50, 0.1, 0.1), (200, 0.03, 0.01), (400, 0.2, 0.1), (100, 0.0, 0.04)]
)
def test_each_bound_is_wrong_at_most_1_time_in_20(n: int, lost: float, gained: float) -> None:
    drawn = np.random.default_rng(0).multinomial(n, [gained, lost, 1 - gained - lost], 1000)
    bounds = {(g, k): bound_paired_shares(g, k, n) for g, k in {(int(g), int(k)) for g, k, _ in drawn}}
    low, high = np.array([bounds[int(g), int(k)] for g, k, _ in drawn]).T
    true = gained - lost
    assert max((low > true).mean(), (high < true).mean()) < 0.075  # the level is 0.05, plus what 1,000 draws vary
    assert (high - low > 0).all()


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
def test_bounds_hold_the_observed_gain_and_swap_with_the_models(drawn: tuple[int, int, int]) -> None:
    gained, lost, n = drawn[0], min(drawn[1], drawn[2] - drawn[0]), drawn[2]
    low, high = bound_paired_shares(gained, lost, n)
    assert -1 <= low <= (gained - lost) / n <= high <= 1
    swapped = bound_paired_shares(lost, gained, n)
    assert swapped == pytest.approx((-high, -low), abs=1e-9)


def test_at_no_difference_it_is_mcnemars_test() -> None:
    low, _ = bound_paired_shares(30, 15, 500)
    at_0 = (30 - 15) / math.sqrt(30 + 15)  # McNemar's statistic, 2.24 standard deviations
    assert low > 0 and at_0 > 1.645
    low, _ = bound_paired_shares(20, 12, 500)  # 1.41
    assert low < 0


@pytest.mark.parametrize(
    ("bounds", "verdict", "words"),
    [
        ((0.02, 0.05), TOO_WORSE, "worse than tolerated: 0.01 of accuracy may be lost, and the loss is at least 0.02"),
        ((-0.05, 0.005), TOLERABLE, "tolerable: 0.01 of accuracy may be lost, and the loss is at most 0.005"),
        (
            (-0.02, 0.02),
            UNDECIDED,
            "loss is between -0.02 and 0.02; about 400 examples would show it to be",
        ),
        ((math.nan, math.nan), UNDECIDED, "these examples do not show how much the loss varies"),
    ],
)
def test_a_loss_has_a_verdict(bounds: tuple[float, float], verdict: str, words: str) -> None:
    found = Loss("accuracy", 0.01, 0.0, bounds, 100)
    assert found.verdict == found.to_json()["verdict"] == verdict
    assert words in str(found)


def test_no_number_of_examples_shows_that_too_large_a_loss_is_tolerable() -> None:
    assert Loss("accuracy", 0.01, 0.02, (-0.01, 0.05), 100).needed is None


@pytest.mark.parametrize("name", ANSWERS)
def test_every_kind_of_answer_has_a_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Truths as answers against mostly zeros: the headline metric of every kind can tell which is worse."""
    monkeypatch.setattr(comparison, "choose_resamples", lambda _scored: 50)
    kind, cells = ANSWERS[name], ANSWER_CELLS[name]
    spec = kind.plan(cells, name)
    truths = [kind.read(cell, spec) for cell in cells]
    zeros = {
        key: np.zeros([8 if isinstance(size, str) else size for size in shape], np.float32)
        for key, shape in kind.raw_shapes(spec).items()
    }
    right = truths
    if name == "label":  # a truth has no probabilities
        right = [
            kind.to_answer({"logits": 9 * kind.target(each, spec, None)["classes"]}, spec, {}, None) for each in truths
        ]
    wrong = [kind.to_answer(zeros, spec, {}, None)] * (len(cells) - 3)
    good, bad = (ScoredAnswers.of(kind, spec, answers, truths) for answers in (right, [*right[:3], *wrong]))
    clusters = find_clusters(len(cells), {})
    lost = measure_loss(kind, (spec, spec), (good, bad), clusters, 0.01)
    won = measure_loss(kind, (spec, spec), (bad, good), clusters, 0.01)
    assert lost.metric == kind.headline(spec).metric
    assert lost.value > lost.allowed and lost.verdict == TOO_WORSE
    assert won.value < 0 and won.verdict == TOLERABLE
    assert measure_loss(kind, (spec, spec), (good, good), clusters, 0.01).verdict != TOO_WORSE
