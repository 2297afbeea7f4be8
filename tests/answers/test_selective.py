"""The target risk of accepted answers is the lowest that held-out ones support, and new answers keep it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.promise import Scenario, simulate
from seehear.answers.items import Items
from seehear.answers.selective import (
    DEFAULT_RISK,
    GROWTHS,
    LEAST_COVERAGE,
    MAX_DEFAULT_RISK,
    SINGLE_LEVEL,
    RiskBounds,
    bound_risk,
    choose_target_risk,
    forecast_risks,
    growth_needed,
    held_out_needed,
)
from seehear.recipe import RiskCoverageCurve


def bounds_of(right: list[bool], clusters: list[int] | None = None) -> RiskBounds:
    """The most confident first."""
    items = Items.from_answers(np.linspace(0.99, 0.51, len(right)), np.array(right, bool))
    return bound_risk(items, np.arange(len(right)) if clusters is None else np.array(clusters))


@pytest.mark.parametrize(
    ("held_out", "mistakes", "target"),
    [
        (35, 0, 0.09),
        (59, 0, 0.05),
        (4000, 0, 0.05),
        (20, 0, 0.14),
        (100, 2, 0.07),
        (100, 10, 0.15),
        (100, 60, MAX_DEFAULT_RISK),
    ],
)
def test_the_target_is_the_lowest_achievable_risk(held_out: int, mistakes: int, target: float) -> None:
    """Every n-th is wrong, so that confidence is uninformative."""
    wrong = set(np.linspace(0, held_out - 1, mistakes + 2).astype(int)[1:-1].tolist())
    bounds = bounds_of([row not in wrong for row in range(held_out)])
    assert choose_target_risk(bounds) == target
    assert (bounds.accepted[bounds.wrong <= target].max(initial=0.0) >= 0.7) == (target < MAX_DEFAULT_RISK)


def test_only_unsure_answers_are_rejected_if_the_others_are_right() -> None:
    bounds = bounds_of([True] * 80 + [False] * 20)
    assert choose_target_risk(bounds) == DEFAULT_RISK
    assert bounds.accepted[bounds.wrong <= DEFAULT_RISK].max() == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("right", "clusters"), [([], None), ([False] * 30, None), ([True], None), ([True] * 40, [0] * 40)]
)
def test_nothing_is_accepted_if_no_risk_is_achievable(right: list[bool], clusters: list[int] | None) -> None:
    bounds = bounds_of(right, clusters)
    assert choose_target_risk(bounds) == MAX_DEFAULT_RISK
    curve = RiskCoverageCurve(confidence=bounds.confidence.tolist(), wrong=bounds.wrong.tolist())
    assert curve.threshold(MAX_DEFAULT_RISK) > 1


@pytest.mark.parametrize("held_out", [10, 35, 44, 45, 100])
def test_how_many_more_held_out_examples_would_allow_the_default_risk(held_out: int) -> None:
    more = math.ceil((growth_needed(bounds_of([True] * held_out), DEFAULT_RISK) - 1) * held_out)
    counted = math.ceil(math.log(1 - SINGLE_LEVEL) / math.log(1 - DEFAULT_RISK))  # 59
    assert more == max(0, counted - held_out)
    assert math.isinf(growth_needed(bounds_of([True, False] * held_out), DEFAULT_RISK))


def test_more_examples_would_allow_a_few_mistakes() -> None:
    assert choose_target_risk(bounds_of([False] + [True] * 60)) > DEFAULT_RISK
    assert 1 < growth_needed(bounds_of([False] + [True] * 60), DEFAULT_RISK) < 3
    assert choose_target_risk(bounds_of([False] * 2 + [True] * 180)) == DEFAULT_RISK


def test_confidences_that_prove_right_count_as_evidence() -> None:
    """45 answers without a mistake cannot show 5 % by counting alone, which takes 59."""
    sure = Items.from_answers(np.linspace(0.999, 0.99, 45), np.ones(45, bool))
    assert len(sure.confidence) == held_out_needed(DEFAULT_RISK)
    assert choose_target_risk(bound_risk(sure, np.arange(45))) == DEFAULT_RISK
    assert choose_target_risk(bounds_of([True] * 45)) > DEFAULT_RISK, "these confidences were too low"


def test_a_forecast_says_what_more_held_out_examples_would_show() -> None:
    right = ([True] * 9 + [False]) * 4
    few, more = bounds_of(right), bounds_of(np.repeat(right, 8).tolist())
    forecast = dict(zip(GROWTHS, forecast_risks(few), strict=True))
    assert list(forecast.values()) == sorted(forecast.values(), reverse=True)
    assert forecast[8.0] == pytest.approx(more.wrong[more.accepted >= LEAST_COVERAGE].min(), abs=0.03)


def test_correlated_errors_lower_the_effective_sample_size() -> None:
    right = np.ones((40, 10), bool)
    right[:4] = False
    apart = right.ravel()[np.random.default_rng(0).permutation(400)].reshape(40, 10)
    ones = np.ones((40, 10), np.int64)
    bounds = [
        bound_risk(Items(np.full((40, 10), 0.9), ones, (~each).astype(int), ~ones.astype(bool)), np.arange(40))
        for each in (apart, right)
    ]
    independent, correlated = (float(each.answers[-1]) for each in bounds)
    assert 40 <= correlated < 60 < 300 < independent <= 400
    assert bounds[0].wrong[-1] < bounds[1].wrong[-1]


def test_a_slot_of_many_items_counts_as_many_slots_of_one() -> None:
    """Pixels of equal confidence share a slot."""
    random = np.random.default_rng(1)
    sure, wrong = random.random((30, 6)).round(1), random.random((30, 6)) < 0.1
    one_each = Items(sure, np.ones((30, 6), np.int64), wrong.astype(int), wrong)
    levels = np.arange(11) / 10
    same = np.isclose(sure[:, :, None], levels)
    together = Items(
        np.broadcast_to(levels, (30, 11)), same.sum(1), (same & wrong[:, :, None]).sum(1), np.zeros((30, 11), bool)
    )
    one, other = (bound_risk(items, np.arange(30)) for items in (one_each, together))
    for name in ("confidence", "accepted", "mistakes", "answers", "wrong"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("calibrated", 35),
        Scenario("overconfident", 200),
        Scenario("noisy", 2000),
        Scenario("calibrated", 50, size=4, alike=1.0),
        Scenario("noisy", 50, size=12, alike=1.0),
        Scenario("overconfident", 50, size=12, alike=2.0),
        Scenario("calibrated", 20, size=30, weight=1000, alike=1.0),
    ],
    ids=str,
)
def test_the_target_risk_is_kept(scenario: Scenario) -> None:
    """Exceeded in at most about one run of ten; 60 runs would show one of five."""
    simulation = simulate(scenario, runs=60)
    for asked in (None, 0.1):
        result = simulation.judge(asked)
        assert result.broken <= 0.15, asked
        assert result.excess < 0.03, asked


def test_ignoring_correlation_would_break_the_target_risk() -> None:
    scenario = Scenario("noisy", 50, size=12, alike=2.0)
    ignoring, heeding = (simulate(scenario, runs=100, clustered=clustered).judge() for clustered in (False, True))
    assert ignoring.broken > 0.2 > heeding.broken


def test_the_few_above_many_of_equal_confidence_can_be_accepted_alone() -> None:
    """A network that saturates gives most answers the same confidence."""
    sure, unsure = np.linspace(0.99, 0.9, 90), np.full(910, 0.6)
    right = np.r_[np.ones(90, bool), np.arange(910) % 3 > 0]
    bounds = bound_risk(Items.from_answers(np.r_[sure, unsure], right), np.arange(1000))
    curve = RiskCoverageCurve(confidence=tuple(bounds.confidence), wrong=tuple(bounds.wrong))
    assert curve.threshold(DEFAULT_RISK) == pytest.approx(0.9)
    assert bounds.accepted[bounds.wrong <= DEFAULT_RISK].max() == pytest.approx(0.09)
    assert bounds.accepted[-1] == 1
