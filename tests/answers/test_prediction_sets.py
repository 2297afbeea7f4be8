"""Prediction sets contain as many truths as was asked: the bound, by simulation, and the sets of each answer."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import betainc  # type: ignore[import-untyped]

from learning import ANSWER_CELLS
from seehear.answers import ANSWERS
from seehear.answers.boxes import Boxes, BoxesSpec
from seehear.answers.boxes.box import Box
from seehear.answers.label import Label, LabelSpec
from seehear.answers.mask import Mask, MaskSpec
from seehear.answers.mask.answer import compress
from seehear.answers.mask.levels import LEVELS
from seehear.answers.prediction_sets import (
    COVERAGE_LEVEL,
    EVERY_CLASS,
    MOST_POINTS,
    MissedBounds,
    Needed,
    bound_missed,
    bound_worst,
    require_prediction_sets,
)
from seehear.answers.score import Score, ScoreSpec
from seehear.answers.text import Text, TextSpec, Word
from seehear.answers.text.spec import AttentionSpec
from seehear.errors import UsageError
from seehear.measure.thresholds import fit_coverage, fit_group_coverage

Array = NDArray[Any]
CLASSES = ("cat", "dog", "hen")


def bounds_of(scores: Array, clusters: Array | None = None) -> MissedBounds:
    """scores (n,) or (n, K): the thresholds that true things need."""
    threshold = scores.reshape(len(scores), -1)
    ones = np.ones(threshold.shape, np.int64)
    needed = Needed(threshold, ones, 0 * ones)
    return bound_missed(needed.hardest_first(np.arange(len(scores)) if clusters is None else clusters))


def least_threshold(bounds: MissedBounds, coverage: float) -> float:
    return float(bounds.threshold[bounds.missed <= 1 - coverage].min(initial=np.inf))


@given(st.integers(1, 200), st.floats(0.8, 0.99), st.integers(0, 1000))  # of more, a curve leaves some out
@settings(max_examples=30)
def test_independent_truths_have_the_exact_bound_of_split_conformal_prediction(
    n: int, coverage: float, seed: int
) -> None:
    """Vovk 2012: the coverage of the k-th smallest of n scores has the distribution Beta(k, n + 1 - k)."""
    scores = np.random.default_rng(seed).random(n)  # no two alike, for which the distribution is exact
    assert least_threshold(bounds_of(scores), coverage) == exact_threshold(scores, coverage)


@pytest.mark.parametrize("n", [40, 200])
def test_the_coverage_is_kept_in_nearly_all_runs(n: int) -> None:
    """Scores are uniform, so a threshold is its own coverage. 98 % of runs keep it; 400 runs err by a point."""
    random = np.random.default_rng(0)
    coverage = np.array([least_threshold(bounds_of(random.random(n)), 0.9) for _ in range(400)])
    assert (coverage < 0.9).mean() <= 0.04
    assert coverage.mean() < 0.98, "sets are not larger than they need to be"


def test_truths_of_one_speaker_are_no_independent_evidence() -> None:
    """Each of 20 speakers is harder or easier to understand than the others."""
    random = np.random.default_rng(0)

    def draw(speakers: int) -> Array:
        return 2 * random.normal(size=(speakers, 1)) + random.normal(size=(speakers, 15))

    everybody = np.sort(draw(5_000).ravel())

    def broken(clusters: Array | None, shape: tuple[int, ...]) -> float:
        thresholds = [least_threshold(bounds_of(draw(20).reshape(shape), clusters), 0.8) for _ in range(100)]
        return float((np.searchsorted(everybody, thresholds) / len(everybody) < 0.8).mean())

    assert broken(None, (300,)) > 0.2 > 0.1 > broken(np.repeat(np.arange(20), 15), (300,))
    assert broken(None, (20, 15)) < 0.1, "nor are those of one example"


def test_what_is_in_no_set_limits_the_coverage() -> None:
    scores = np.where(np.arange(200) < 30, np.inf, np.linspace(0, 1, 200))
    bounds = bounds_of(scores)
    assert np.isfinite(bounds.threshold).all()
    assert 0.15 < bounds.missed.min() < 0.25
    assert least_threshold(bounds, 0.9) == np.inf
    assert not len(bounds_of(np.full(10, np.inf)).threshold)
    assert not len(bounds_of(np.zeros((10, 0))).threshold)


# Each kind: a thing is in the set exactly if the threshold is at least what it needs.

probabilities = st.lists(st.floats(0.01, 1), min_size=3, max_size=3)
thresholds = st.floats(0, 1)


@given(probabilities, st.integers(0, 2), thresholds)
def test_the_set_of_a_label(weights: list[float], true: int, limit: float) -> None:
    spec = LabelSpec(classes=CLASSES, several=False, counts=(1, 1, 1))
    shares = tuple(weight / sum(weights) for weight in weights)
    best = CLASSES[shares.index(max(shares))]
    answer, truth = Label((best,), probabilities=shares), Label((CLASSES[true],))
    sets = require_prediction_sets(ANSWERS["label"], spec)
    found = sets.build(answer, spec, {EVERY_CLASS: limit})
    assert best == found.to_json()["labels"][0], "the answer is always in it"
    assert found.size == len(found.to_json()["labels"])
    needed = sets.needed([answer], [truth], spec)
    assert needed.contained(np.full((1, 3), limit)).item() == (CLASSES[true] in found.to_json()["labels"])
    alone = sets.build(answer, spec, {name: limit if name == best else 2.0 for name in CLASSES})
    assert set(alone.to_json()["labels"]) == set(CLASSES), "each class may have a threshold of its own"


@given(st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3), st.sets(st.sampled_from(CLASSES)), thresholds)
def test_the_set_of_several_labels(shares: list[float], true: set[str], limit: float) -> None:
    spec = LabelSpec(classes=CLASSES, several=True, counts=(1, 1, 1))
    has = tuple(name for name, share in zip(CLASSES, shares, strict=True) if share > 0.5)
    answer = Label(has, several=True, probabilities=tuple(shares))
    sets = require_prediction_sets(ANSWERS["label"], spec)
    found = set(sets.build(answer, spec, {EVERY_CLASS: limit}).to_json()["labels"])
    assert found >= set(has)
    needed = sets.needed([answer], [Label(tuple(true), several=True)], spec)
    assert needed.contained(np.full((1, 3), limit)).item() == len(found & true)


@given(st.floats(-100, 100), st.floats(0.1, 20), st.floats(-200, 200), st.floats(0, 5))
def test_the_set_of_a_score(value: float, half_width: float, true: float, limit: float) -> None:
    spec = ScoreSpec(mean=0, spread=10, low=-100, high=100, tolerance=5)
    answer, truth = Score(value, "cm", value - half_width, value + half_width), Score(true, "cm", true, true)
    sets = require_prediction_sets(ANSWERS["score"], spec)
    found = sets.build(answer, spec, {EVERY_CLASS: limit})
    low, high = found.to_json()["low"], found.to_json()["high"]
    inside = sets.needed([answer], [truth], spec).contained(np.full((1, 1), limit)).item()
    slack = 1e-4 * (1 + abs(low) + abs(high))  # the JSON has six digits
    assert low - slack <= true <= high + slack if inside else not low + slack < true < high - slack
    assert found.size == pytest.approx(high - low, abs=slack)


corners = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(10, 40), st.integers(10, 40))


@given(corners, corners, st.sampled_from((0.0, 0.05, 0.2, 0.6)))
@settings(max_examples=50)
def test_the_set_of_a_box(found: tuple[int, ...], true: tuple[int, ...], limit: float) -> None:
    spec = BoxesSpec(classes=CLASSES, counts=(1, 1, 1), pictures=3, max_boxes=1, sides_px=(5, 10, 20))
    mine, theirs = (Box("dog", (x, y, x + w, y + h)) for x, y, w, h in (found, true))
    sets = require_prediction_sets(ANSWERS["boxes"], spec)
    answer = Boxes((mine,), classes=CLASSES)
    built = sets.build(answer, spec, {EVERY_CLASS: limit})
    x1, y1, x2, y2 = built.to_json()["boxes"][0]["outer_xyxy"]
    needed = sets.needed([answer], [Boxes((theirs,))], spec)
    covers = x1 <= theirs.xyxy[0] and y1 <= theirs.xyxy[1] and x2 >= theirs.xyxy[2] and y2 >= theirs.xyxy[3]
    if needed.number.any():  # it was found
        assert needed.contained(np.full((1, 3), limit)).item() == covers
        assert needed.stratum[0, 0] == CLASSES.index("dog")
    assert built.size == pytest.approx((1 + 2 * limit) ** 2)
    assert sets.build(Boxes(()), spec, {EVERY_CLASS: limit}).size == 1


@given(st.integers(0, 1_000), st.sampled_from((0, 5, 60, LEVELS)))
@settings(max_examples=25)
def test_the_set_of_a_mask(seed: int, limit: int) -> None:
    random = np.random.default_rng(seed)
    kind = ANSWERS["mask"]
    spec: MaskSpec = kind.plan(ANSWER_CELLS["mask"], "mask")
    pixels, true, levels = (random.integers(0, most, (6, 7)).astype(np.uint8) for most in (2, 2, LEVELS))
    answer = Mask.from_pixels(pixels, spec, compressed_levels=compress(levels))
    truth = Mask.from_pixels(true, spec)
    sets = require_prediction_sets(kind, spec)
    built: Any = sets.build(answer, spec, {EVERY_CLASS: limit})
    possible = {name: built.possible(name) for name in spec.classes}
    contained = sum(int(possible[name][true == index].sum()) for index, name in enumerate(spec.classes))
    needed = sets.needed([answer], [truth], spec)
    assert needed.number.sum() == true.size
    assert needed.contained(np.full((1, len(spec.classes)), limit)).item() == contained
    assert built.size == pytest.approx(sum(each.sum() for each in possible.values()) / true.size)
    areas = {area["class"]: area["possible_px"] for area in built.to_json()["mask"]}
    assert areas == {name: int(each.sum()) for name, each in possible.items() if each.any()}


TEXT = TextSpec(tokens=tuple("abcdefghijklmnopqrstuvwxyz "), texts=10, words=50)
HEARD = Text(
    (Word("take", confidence=0.99), Word("two", confidence=0.6), Word("daily", confidence=0.7)),
    confidence=0.5,
    alternatives=(("take too daily", 0.3), ("take two day lee", 0.1), ("take daily", 0.1)),
)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (0.0, "take two daily"),
        (0.65, "take two daily"),
        (0.75, "take [two|too] [daily|lee]"),
        (1.0, "take [two|too|-] [-|day] [daily|lee]"),
    ],
)
def test_the_set_of_a_text(limit: float, expected: str) -> None:
    sets = require_prediction_sets(ANSWERS["text"], TEXT)
    built = sets.build(HEARD, TEXT, {EVERY_CLASS: limit})
    assert str(built) == expected
    for said, missed in (("take too daily", 1), ("take three daily", 1), ("take two day lee", 2), ("take", 0)):
        needed = sets.needed([HEARD], [Text.from_string(said)], TEXT)
        contained = needed.contained(np.full((1, 1), limit)).item()
        assert needed.number.sum() == len(said.split())
        possible = [set(words) for words in built.to_json()["places"]]
        assert contained == sum(any(word in words for words in possible) for word in said.split())
        assert contained >= len(said.split()) - missed


def test_a_translation_has_no_set() -> None:
    with pytest.raises(UsageError, match="a translation may use other words"):
        require_prediction_sets(ANSWERS["text"], TEXT.replace(translated=True, decoder=AttentionSpec()))


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_sets_of_truths_need_nothing(kind: str) -> None:
    """The contract: every kind has sets; they are JSON, one line of text, and contain what is certain."""
    spec = ANSWERS[kind].plan(ANSWER_CELLS[kind], kind)
    truths = [ANSWERS[kind].read(cell, spec) for cell in ANSWER_CELLS[kind]]
    sets = require_prediction_sets(ANSWERS[kind], spec)
    classes = sets.classes(spec)
    if kind == "label":  # a truth has no probabilities
        truths = [Label(truth.names, probabilities=tuple(float(c in truth.names) for c in classes)) for truth in truths]
    needed = sets.needed(truths, truths, spec)
    assert not needed.threshold[needed.number > 0].any()
    assert needed.stratum.max(initial=0) < max(len(classes), 1)
    for truth in truths:
        built = sets.build(truth, spec, {EVERY_CLASS: 0.0})
        assert json.loads(json.dumps(built.to_json()))
        assert "\n" not in str(built)
        assert built.size >= 0


def exact_threshold(scores: Array, coverage: float) -> float:
    """The textbook one (Vovk 2012), from the distribution Beta(k, n + 1 - k) of the coverage of the k-th smallest."""
    ranks = np.arange(1, len(scores) + 1)
    enough = ranks[1 - betainc(ranks, len(scores) + 1 - ranks, coverage) >= COVERAGE_LEVEL]
    return float(np.sort(scores)[enough.min() - 1]) if len(enough) else np.inf


@given(st.lists(st.integers(1, 150), min_size=1, max_size=4), st.floats(0.8, 0.97), st.integers(0, 1000))
@settings(max_examples=30)
def test_a_coverage_in_each_group_takes_the_largest_of_their_thresholds(
    sizes: list[int], coverage: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    groups = [random.random(n) ** random.uniform(0.3, 3) for n in sizes]
    worst = bound_worst([bounds_of(scores) for scores in groups])
    assert least_threshold(worst, coverage) == max(exact_threshold(scores, coverage) for scores in groups)
    assert worst.held_out == min(sizes)


def test_a_curve_of_many_groups_stays_short_and_is_never_too_low() -> None:
    random = np.random.default_rng(0)
    groups = [random.random(900) for _ in range(5)]
    worst = bound_worst([bounds_of(scores) for scores in groups])
    assert len(worst.threshold) <= MOST_POINTS and (np.diff(worst.missed) < 0).all()
    for coverage in (0.6, 0.8, 0.9, 0.95, 0.99):
        assert least_threshold(worst, coverage) >= max(exact_threshold(scores, coverage) for scores in groups)


def answer_from(device: str, random: np.random.Generator) -> tuple[Label, Label]:
    """An answer and its truth. Pictures of the old device are harder."""
    sure = random.beta(2, 2) if device == "old" else random.beta(8, 2)
    truth = int(random.integers(3))
    probabilities = np.insert((1 - sure) * random.dirichlet([0.5, 0.5]), truth, sure)
    answered = CLASSES[int(probabilities.argmax())]
    return Label((answered,), probabilities=tuple(probabilities.tolist())), Label((CLASSES[truth],))


def test_each_group_keeps_its_coverage_where_one_promise_for_all_does_not() -> None:
    """A tenth of the examples are from an old device."""
    random = np.random.default_rng(0)
    kind, spec, rows = ANSWERS["label"], LabelSpec(classes=CLASSES, counts=(1, 1, 1), several=False), np.arange(1000)
    kept = {"each": 0, "all": 0}
    for _ in range(40):
        devices = ["old" if hard else "new" for hard in random.random(1000) < 0.1]
        answers, truths = zip(*(answer_from(device, random) for device in devices), strict=True)
        by_group = fit_group_coverage(kind, spec, answers, truths, rows, {"device": devices})
        curves = {"each": by_group["device"], "all": fit_coverage(kind, spec, answers, truths, rows, 0)[EVERY_CLASS]}
        new, true = zip(*(answer_from("old", random) for _ in range(300)), strict=True)
        needed = require_prediction_sets(kind, spec).needed(new, true, spec)
        for name, curve in curves.items():
            limit = curve.least_threshold(0.85)
            kept[name] += limit is not None and needed.contained(np.full((300, 3), limit)).mean() >= 0.83
    assert kept["each"] >= 37 and kept["all"] <= 5, kept


def test_columns_of_one_group_or_very_many_have_no_coverage_of_their_own() -> None:
    spec = LabelSpec(classes=CLASSES, counts=(1, 1, 1), several=False)
    sure = [Label(("cat",), probabilities=(0.9, 0.05, 0.05))] * 120
    columns = {"one": ["a"] * 120, "many": [f"n{n}" for n in range(120)], "two": ["a", "b"] * 60}
    fitted = fit_group_coverage(ANSWERS["label"], spec, sure, sure, np.arange(120), columns)
    assert set(fitted) == {"two"} and fitted["two"].held_out == 60
