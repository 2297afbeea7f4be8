"""Two models on the same examples: what is better, worse, or may be chance."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from seehear.answers import ANSWERS
from seehear.answers.label import Label, LabelSpec
from seehear.answers.score import Score, ScoreSpec
from seehear.measure import comparison
from seehear.measure.clusters import find_clusters
from seehear.measure.comparison import (
    BETTER,
    BOOTSTRAP,
    MCNEMAR,
    NOT_DISTINGUISHABLE,
    WORSE,
    PairedComparison,
    apply_mcnemar,
    compare_answers,
    find_flips,
)
from seehear.measure.scored_answers import ScoredAnswers

LABEL, SCORE = ANSWERS["label"], ANSWERS["score"]
NO_YES = LabelSpec(classes=("no", "yes"), several=False, counts=(50, 50))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "choose_resamples", lambda _scored: 100)


def labels(right: list[bool]) -> ScoredAnswers:
    answers = [Label(("yes" if each else "no",), confidence=0.9, probabilities=(0.5, 0.5)) for each in right]
    truths = [Label(("yes",), confidence=1.0, probabilities=(0.0, 1.0))] * len(right)
    return ScoredAnswers.of(LABEL, NO_YES, answers, truths)


def compare_labels(both: int, gained: int, lost: int, neither: int, people: int = 0) -> PairedComparison:
    first = labels([True] * both + [False] * gained + [True] * lost + [False] * neither)
    second = labels([True] * both + [True] * gained + [False] * lost + [False] * neither)
    n = len(first)
    clusters = find_clusters(n, {"patient": [str(row % people) for row in range(n)]} if people else {})
    metrics, difference, verdict = compare_answers(LABEL, (NO_YES, NO_YES), (first, second), clusters)
    return PairedComparison(
        answer="label",
        headline=LABEL.headline(NO_YES),
        n=n,
        names=("a", "b"),
        metrics=metrics,
        difference=difference,
        verdict=verdict,
        resampled=clusters.description,
        flips=find_flips((first, second), [f"{row}.png" for row in range(n)], ["yes"] * n, (["?"] * n, ["!"] * n)),
    )


@pytest.mark.parametrize(
    ("gained", "lost", "p_value", "verdict"),
    [
        (9, 1, 0.0215, BETTER),
        (1, 9, 0.0215, WORSE),
        (7, 1, 0.0703, NOT_DISTINGUISHABLE),
        (0, 0, 1, NOT_DISTINGUISHABLE),
    ],
)
def test_labels_are_compared_by_mcnemars_exact_test(gained: int, lost: int, p_value: float, verdict: str) -> None:
    found = compare_labels(38, gained, lost, 2)
    assert found.difference.test == MCNEMAR
    assert found.difference.p_value == pytest.approx(p_value, abs=1e-4)
    assert found.difference.value == pytest.approx((gained - lost) / found.n)
    assert found.verdict == verdict


@pytest.mark.parametrize("changed", [5, 8, 20, 61])
def test_the_interval_contains_0_exactly_where_the_p_value_is_above_5_percent(changed: int) -> None:
    for gained in range(changed + 1):
        second = np.arange(changed) < gained
        p_value, (low, high) = apply_mcnemar(~second, second)
        assert (low <= 0 <= high) is (p_value > 0.05)
        assert low <= (2 * gained - changed) / changed <= high


def test_answers_of_the_same_patients_are_resampled_together() -> None:
    alone, together = compare_labels(40, 18, 4, 0), compare_labels(40, 18, 4, 0, people=8)
    assert (alone.verdict, alone.difference.test) == (BETTER, MCNEMAR)
    assert together.difference.test == BOOTSTRAP and together.resampled == "8 patients"
    assert together.difference.p_value is None


def test_flips_name_the_examples_those_that_became_wrong_first() -> None:
    found = compare_labels(2, 2, 1, 0)
    assert [(flip.key, flip.became_right) for flip in found.flips] == [
        ("4.png", False),
        ("2.png", True),
        ("3.png", True),
    ]
    assert "  4.png: ? → !, which is wrong: yes\n  2.png: ? → !, which is right" in str(found)


def test_a_comparison_is_a_sentence_and_json() -> None:
    found = compare_labels(38, 9, 1, 2)
    text = str(found)
    assert text.startswith("b is better than a\n50 examples that both answered:")
    assert "difference in accuracy (higher is better): +0.16, 95 % interval 0.022 to 0.199" in text
    assert "McNemar's exact test: p = 0.021" in text and "9 answers became right, 1 became wrong" in text
    printed = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert printed["verdict"] == "better" and printed["became_right"] == 9 and len(printed["flips"]) == 10
    assert str(compare_labels(3, 0, 0, 1)).startswith("b is not distinguishable from a")
    assert compare_labels(3, 0, 0, 1).to_json()["interval"] == [None, None]


def compare_scores(truth: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> tuple[str, tuple[float, float]]:
    spec = ScoreSpec(mean=0.0, spread=1.0, low=-9, high=9, tolerance=0.5)
    truths, *given = ([Score(value, "", value, value) for value in each] for each in (truth, first, second))
    scored = [ScoredAnswers.of(SCORE, spec, answers, truths) for answers in given]
    clusters = find_clusters(len(truth), {})
    _, difference, verdict = compare_answers(SCORE, (spec, spec), (scored[0], scored[1]), clusters)
    assert difference.test == BOOTSTRAP
    return verdict, difference.interval


def test_where_lower_is_better_a_negative_difference_is_better() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=60)
    far, near = (truth + scale * random.normal(size=60) for scale in (1.0, 0.3))
    assert compare_scores(truth, far, near)[0] == BETTER
    assert compare_scores(truth, near, far)[0] == WORSE
    verdict, interval = compare_scores(truth, far, far)
    assert verdict == NOT_DISTINGUISHABLE and all(map(math.isnan, interval))


def test_few_examples_distinguish_nothing() -> None:
    truth = np.zeros(5)
    assert compare_scores(truth, truth + 2, truth + np.linspace(0, 1, 5))[0] == NOT_DISTINGUISHABLE


def test_the_interval_of_few_examples_is_as_wide_as_students() -> None:
    change = np.random.default_rng(1).normal(0.4, 1, 12)
    low, high = compare_scores(np.zeros(12), np.zeros(12), change)[1]
    errors = np.abs(change)
    student = stats.t.interval(0.95, 11, errors.mean(), stats.sem(errors))
    assert high - low == pytest.approx(student[1] - student[0], rel=0.15)
