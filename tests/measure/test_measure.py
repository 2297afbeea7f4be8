"""Intervals that cover, thresholds that keep their promise, evaluations that print themselves."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from risk_curves import fit_risk_curve
from seehear.answers import ANSWERS
from seehear.answers.label import Label, LabelSpec
from seehear.answers.selective import SINGLE_LEVEL, achievable_risk, held_out_needed
from seehear.errors import DataError
from seehear.measure.evaluate import evaluate
from seehear.measure.intervals import bootstrap, effective_sample_size, wilson
from seehear.measure.scored_answers import ScoredAnswers, Share
from seehear.measure.speed import Speed
from seehear.measure.thresholds import fit_ood_threshold
from seehear.table import RowProblem

LABEL = ANSWERS["label"]
SPEC = LabelSpec(classes=("no", "yes"), several=False, counts=(50, 50))


def label(name: str, confidence: float) -> Label:
    yes = confidence if name == "yes" else 1 - confidence
    return Label((name,), confidence=confidence, probabilities=(1 - yes, yes))


def test_wilson_agrees_with_scipy():
    expected = stats.binomtest(7, 50).proportion_ci(method="wilson")
    assert wilson(7, 50) == pytest.approx((expected.low, expected.high))
    assert all(wilson(0, n)[0] == 0 and wilson(n, n)[1] == 1 for n in range(1, 200))
    assert all(map(math.isnan, wilson(0, 0)))


def test_the_bootstrap_covers_a_mean_and_repeats():
    values = {"x": np.random.default_rng(0).normal(5, 2, 400)}
    mean = {"mean": lambda rows: float(rows["x"].mean())}
    interval = partial(bootstrap, values, lambda rows: {k: f(rows) for k, f in mean.items()}, resamples=500)
    (low, high) = interval()["mean"]
    assert (low, high) == pytest.approx((values["x"].mean() - 0.196, values["x"].mean() + 0.196), abs=0.03)
    assert interval() == interval()
    assert interval(seed=1) != interval()


def test_the_bootstrap_leaves_out_resamples_where_a_metric_is_not_defined():
    values = {"x": np.array([1.0, 3.0, math.nan])}
    got = bootstrap(values, lambda rows: {"most": float(rows["x"].max()), "never": math.nan}, resamples=50)
    assert got["most"] == (1.0, 3.0)
    assert all(map(math.isnan, got["never"]))


def test_a_metric_that_no_resample_moves_has_no_interval():
    got = bootstrap({"x": np.ones(8)}, lambda rows: {"mean": float(rows["x"].mean())}, resamples=50)
    assert all(map(math.isnan, got["mean"]))


# The share of wrong answers at each confidence: calibrated, hard, overconfident, and with noise in the truths.
ERRORS = {
    "calibrated": (lambda random, n: random.beta(8, 1, n), lambda c: 1 - c),
    "hard": (lambda random, n: random.beta(3, 1.5, n), lambda c: 1 - c),
    "overconfident": (lambda random, n: random.beta(8, 1, n), lambda c: np.minimum(1, 2 * (1 - c))),
    "noisy": (lambda random, n: random.beta(8, 1, n), lambda c: 0.02 + 0.98 * (1 - c)),
    "easy": (lambda random, n: random.beta(60, 1, n), lambda c: 1 - c),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("n", [60, 300, 2000])
def test_accepted_answers_are_wrong_no_more_often_than_promised(name, n):
    draw, error = ERRORS[name]
    random = np.random.default_rng(0)
    new = np.sort(draw(random, 100_000))[::-1]
    wrong_above = np.cumsum(error(new)) / np.arange(1, len(new) + 1)  # the true error above each confidence
    runs, broken = 100, 0
    for _ in range(runs):
        confidence = draw(random, n)
        curve = fit_risk_curve(confidence, random.random(n) >= error(confidence))
        accepted = np.searchsorted(-new, -curve.threshold(0.05), side="right")
        broken += bool(accepted > 0 and wrong_above[accepted - 1] > 0.05)
    assert broken <= runs / 10


def test_the_risk_curve_is_useful_with_few_examples():
    confidence = np.linspace(0.5, 1, 80)
    curve = fit_risk_curve(confidence, confidence > 0.55)
    assert (confidence >= curve.threshold(0.05)).mean() > 0.8
    assert curve.threshold(0.001) > 1


def test_the_risk_curve_is_monotone_and_short():
    random = np.random.default_rng(0)
    curve = fit_risk_curve(random.random(5000), random.random(5000) < 0.8)
    assert len(curve.confidence) <= 200
    assert list(curve.confidence) == sorted(curve.confidence, reverse=True)
    assert list(curve.wrong) == sorted(curve.wrong)


@pytest.mark.parametrize(("confidence", "right"), [([], []), ([0.7], [True]), ([0.9] * 40, [True] * 20 + [False] * 20)])
def test_a_risk_curve_of_little_or_of_equals_accepts_nothing(confidence, right):
    curve = fit_risk_curve(np.array(confidence), np.array(right, bool))
    assert curve.threshold(0.05) > 1


@pytest.mark.parametrize("wish", [0.001, 0.01, 0.05, 0.1, 0.3, 0.9])
def test_as_many_as_are_needed_accept_and_one_less_does_not(wish):
    n = held_out_needed(wish)
    assert achievable_risk(n) <= wish
    enough = math.ceil(math.log(1 - SINGLE_LEVEL) / math.log1p(-wish))  # whatever the confidences are
    assert fit_risk_curve(np.linspace(0.9, 1, enough), np.ones(enough, bool)).threshold(wish) < 1
    assert n == 1 or achievable_risk(n - 1) > wish
    assert fit_risk_curve(np.linspace(0.9, 1, n - 1), np.ones(n - 1, bool)).threshold(wish) > 1


@pytest.mark.parametrize("n", [30, 60, 1000])
@pytest.mark.parametrize("draw", [stats.norm(5, 1), stats.lognorm(0.5), stats.gamma(3)])
def test_about_one_in_distribution_input_in_fifty_is_rejected(n, draw):
    rejected = [draw.sf(fit_ood_threshold(draw.rvs(n, random_state=seed))) for seed in range(100)]
    assert 0.005 < np.mean(rejected) < 0.04


def test_an_ood_threshold_needs_a_few_examples():
    assert fit_ood_threshold(np.arange(29.0)) == math.inf
    assert fit_ood_threshold(np.full(30, 2.0)) == 2.0


@pytest.mark.parametrize("n", [16, 30, 40])
def test_hardly_ever_more_than_a_tenth_of_in_distribution_inputs_are_rejected(n):
    rejected = [stats.norm.sf(fit_ood_threshold(stats.norm.rvs(size=n, random_state=seed))) for seed in range(300)]
    assert np.mean(np.array(rejected) > 0.1) < 0.05


@pytest.fixture(scope="module")
def evaluation():
    answers = [label("yes", 0.9)] * 80 + [label("no", 0.6)] * 12 + [label("yes", 0.97)] * 2 + [label("yes", 0.7)] * 6
    truths = [Label(("yes",))] * 80 + [Label(("no",))] * 20
    accepted = [True] * 80 + [False] * 12 + [True] * 2 + [False] * 6
    unread = RowProblem("row 12", "the picture is cut off", "replace the file")
    rest = [None, *answers], [Label(("no",)), *truths], [False, *accepted]
    return evaluate(LABEL, SPEC, rest[0], rest[1], accepted=rest[2], skipped=[unread])


def test_an_evaluation_measures_every_answered_example(evaluation):
    got = evaluation
    assert (got.answer, got.n, got.resamples) == ("label", 100, 1000)
    assert got.metrics["accuracy"] == pytest.approx(0.92)
    assert got.metrics["wrong"] == pytest.approx(0.08)
    assert got.metrics["coverage"] == pytest.approx(0.82)
    assert got.metrics["accepted_error"] == pytest.approx(2 / 82)
    assert got.intervals["wrong"] == wilson(8, 100)
    assert all(low <= got.metrics[name] <= high for name, (low, high) in got.intervals.items())


def test_the_worst_mistakes_are_the_most_confident_ones(evaluation):
    assert evaluation.worst(3) == [93, 94, 95]
    assert len(evaluation.worst()) == 8


def test_an_evaluation_prints_shares_in_percent_first(evaluation):
    lines = str(evaluation).splitlines()
    assert lines[0] == "100 examples: 8.0 % (4.1 to 15) of the answers are wrong"
    assert lines[1] == "accepts 82 % (73 to 88) of the answers; 2.4 % (0.7 to 8.5) of those are wrong"
    assert lines[2].split()[:2] == ["accuracy", "0.92"]
    assert lines[-1] == "left out: 1"


def test_a_few_right_answers_do_not_give_certainty():
    got = evaluate(
        LABEL,
        SPEC,
        [label("yes", 0.9)] * 4 + [label("no", 0.8)] * 4,
        [Label(("yes",))] * 4 + [Label(("no",))] * 4,
        accepted=[True] * 8,
    )
    assert got.intervals["accuracy"] == wilson(8, 8)
    assert ["auroc", "1", "(–)"] in [line.split() for line in str(got).splitlines()]
    assert json.loads(json.dumps(got.to_json(), allow_nan=False))["intervals"]["auroc"] == [None, None]


def test_the_json_of_an_evaluation_has_null_for_what_is_undefined(evaluation):
    got = evaluate(LABEL, SPEC, [label("yes", 0.9)] * 3, [Label(("yes",))] * 3, accepted=[False] * 3)
    found = json.loads(json.dumps(got.to_json(), allow_nan=False))
    keys = [
        "answer",
        "n",
        "metrics",
        "intervals",
        "resampled",
        "groups",
        "worst_groups",
        "groups_seen",
        "distribution_shift",
        "skipped",
    ]
    assert list(found) == keys
    assert (found["metrics"]["coverage"], found["metrics"]["accepted_error"]) == (0, None)
    assert (found["metrics"]["auroc"], found["intervals"]["auroc"]) == (None, [None, None])
    assert "accepts none of the answers: confidence is too low for all" in str(got)
    assert evaluation.to_json()["skipped"][0]["where"] == "row 12"


def test_no_answer_at_all_is_an_error():
    with pytest.raises(DataError, match="none of 2 examples could be answered"):
        evaluate(LABEL, SPEC, [None, None], [Label(("yes",))] * 2, accepted=[False] * 2)


def test_speed_as_text_and_numbers():
    sound = Speed(30, wall_s=2.0, duration_s=80.0)
    assert str(sound) == "speed on this machine: 15 examples per second; a minute of recording takes 1.5 seconds"
    assert sound.to_json() == {"examples_per_s": 15.0, "real_time_factor": 0.025}
    pictures = Speed(30, wall_s=2.0, duration_s=0.0)
    assert str(pictures) == "speed on this machine: 15 examples per second"
    assert pictures.to_json()["real_time_factor"] is None


# Clusters: examples of one speaker, patient or site are correlated


def clustered(groups, each, *, seed=0):
    """Answers, truths and accepted: one person's answers are all right, or mostly wrong; every second is accepted."""
    random = np.random.default_rng(seed)
    bad = random.random(groups) < 0.4
    right = ~(bad[:, None] & (random.random((groups, each)) < 0.9)).ravel()
    answers = [label("yes" if yes else "no", 0.6 + 0.3 * random.random()) for yes in right]
    return answers, [Label(("yes",))] * len(answers), [i % 2 == 0 for i in range(len(answers))]


def width(interval):
    return interval[1] - interval[0]


@pytest.mark.parametrize(
    ("metadata", "description"),
    [
        ({"speaker": [f"s{i // 20}" for i in range(240)]}, "12 speakers"),
        ({"patient_id": [f"p{i // 20}" for i in range(240)], "sex": ["m", "f"] * 120}, "12 patients"),
        (
            {"patient": [f"p{i // 20}" for i in range(240)], "site": [f"s{i // 40}" for i in range(240)]},
            "6 groups that",
        ),
        (
            {"patient": [f"p{i // 20}" for i in range(240)], "site": ["north", "south"] * 120},
            "12 patients; sites are too few to resample",
        ),
    ],
)
def test_clusters_are_resampled_as_wholes(metadata, description):
    answers, truths, accepted = clustered(12, 20)
    alone = evaluate(LABEL, SPEC, answers, truths, accepted=accepted)
    got = evaluate(LABEL, SPEC, answers, truths, accepted=accepted, metadata=metadata)
    assert got.resampled.startswith(description)
    assert alone.resampled == "240 examples"
    assert got.metrics == pytest.approx(alone.metrics, nan_ok=True)
    for name in ("wrong", "accuracy", "accepted_error"):
        assert width(got.intervals[name]) > 2 * width(alone.intervals[name]), name
    assert f"resamples of {got.resampled}; Wilson's for shares" in str(got)
    assert got.to_json()["resampled"] == got.resampled


@pytest.mark.parametrize(
    ("speakers", "description"),
    [
        ([f"s{i}" for i in range(240)], "240 examples"),
        ([""] * 240, "240 examples"),
        (["ann"] * 240, "240 examples; speakers are too few to resample"),
        ([f"s{i % 4}" for i in range(240)], "240 examples; speakers are too few to resample"),
    ],
)
def test_examples_are_resampled_if_there_are_too_few_clusters(speakers, description):
    answers, truths, accepted = clustered(12, 20)
    alone = evaluate(LABEL, SPEC, answers, truths, accepted=accepted)
    got = evaluate(LABEL, SPEC, answers, truths, accepted=accepted, metadata={"speaker": speakers})
    assert got.resampled == description
    assert got.intervals["wrong"] == alone.intervals["wrong"]
    assert got.intervals["ece"] == alone.intervals["ece"]


def test_intervals_of_clusters_cover_the_truth():
    """About 19 in 20 do; intervals that treat examples as independent cover it far less often."""
    truth, covered, covered_independent = 1 - 0.4 * 0.9, 0, 0
    for seed in range(60):
        answers, truths, accepted = clustered(20, 15, seed=seed)
        scored = ScoredAnswers.of(LABEL, SPEC, answers, truths).accept(accepted)
        for cluster in (np.arange(300) // 15, np.arange(300)):
            low, high = Share(scored.right, np.ones(300, int), cluster).interval
            inside = low <= truth <= high
            covered += inside * (cluster[1] == 0)
            covered_independent += inside * (cluster[1] == 1)
    assert covered >= 54 > 36 >= covered_independent


def test_the_bootstrap_of_clusters_agrees_with_theory():
    """The mean of 40 clusters of ten equal numbers varies like the mean of 40 numbers."""
    numbers = np.random.default_rng(0).normal(5, 2, 40)
    values = {"x": np.repeat(numbers, 10)}
    cluster = np.random.default_rng(1).permutation(400) // 10
    values["x"] = numbers[cluster]
    low, high = bootstrap(values, lambda rows: {"mean": float(rows["x"].mean())}, resamples=800, cluster=cluster)[
        "mean"
    ]
    assert (high - low) / 2 == pytest.approx(1.96 * numbers.std() / math.sqrt(40), rel=0.15)


def test_the_effective_sample_size_of_clusters_is_smaller():
    cluster = np.repeat(np.arange(10), 10)
    assert effective_sample_size(np.repeat([True, False], 50), cluster) < 10
    assert effective_sample_size(np.tile([True, False], 50), cluster) == 100
    assert (
        effective_sample_size(np.ones(100, bool), cluster)
        == effective_sample_size(np.arange(100) < 7, np.arange(100))
        == 100
    )
