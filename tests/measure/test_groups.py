"""Groups: their rows, their metrics, and few false alarms about differences."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import ANSWER_CELLS
from seehear.answers import ANSWERS
from seehear.answers.label import Label, LabelSpec
from seehear.answers.score import Score, ScoreSpec
from seehear.measure.binning import MAX_NUMBERS, group_rows
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.measure.groups import Group, Grouping
from seehear.measure.intervals import wilson
from seehear.measure.odds import measure_odds
from seehear.measure.scored_answers import SHARES, ScoredAnswers

LABEL = ANSWERS["label"]
SPEC = LabelSpec(classes=("no", "yes"), several=False, counts=(50, 50))


def evaluate_by(right: list[bool], **metadata: list[str]) -> Evaluation:
    """An evaluation in which every second answer is accepted."""
    answers = [Label(("yes",), confidence=0.9, probabilities=(0.1, 0.9))] * len(right)
    truths = [Label(("yes" if r else "no",)) for r in right]
    accepted = [row % 2 == 0 for row in range(len(right))]
    return evaluate(LABEL, SPEC, answers, truths, accepted=accepted, metadata=metadata)


def sizes(column: str, cells: list[str]) -> dict[str, int]:
    return {value: len(rows) for value, rows in group_rows(column, cells).items()}


# Rows of a group


def test_each_value_of_a_column_is_a_group_and_empty_cells_are_in_none():
    assert sizes("sex", ["f", "m", " f", "", "f ", "  "]) == {"f": 3, "m": 1}


def test_many_numbers_are_binned_at_round_edges():
    ages = list(map(str, range(18, 91)))
    assert sizes("age", ages) == {"under 40": 22, "40 to under 50": 10, "50 to under 70": 20, "70 and over": 21}
    assert list(sizes("birth", ["n/a", *ages, ""])) == ["under 40", "40 to under 50", "50 to under 70", "70 and over"]


def test_few_numbers_and_numbers_of_people_are_not_binned():
    assert len(sizes("stars", list("123456"))) == 6
    assert len(sizes("stars", list("1234567"))) <= 4
    assert len(sizes("patient_id", list(map(str, range(100))))) == 100


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=MAX_NUMBERS + 1, unique=True))
def test_there_are_few_bins_and_every_number_is_in_one(numbers):
    found = group_rows("x", list(map(repr, numbers)))
    assert 1 <= len(found) <= 4
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(numbers)))


def test_a_column_with_one_frequent_number_is_binned():
    assert sizes("dose", ["0"] * 60 + [str(n) for n in range(1, 31)]) == {"0 to under 8": 67, "8 and over": 23}


# Metrics


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_kind_of_answer_is_measured_by_group(kind):
    cells = ANSWER_CELLS[kind]
    spec = ANSWERS[kind].plan(cells, kind)
    truths = [ANSWERS[kind].read(cell, spec) for cell in cells]
    raw = {
        name: np.zeros([8 if isinstance(n, str) else n for n in shape], np.float32)
        for name, shape in ANSWERS[kind].raw_shapes(spec).items()
    }
    answers = [ANSWERS[kind].to_answer(raw, spec, {}, None)] * len(cells)
    sides = ["left"] * 6 + ["right"] * 10
    got = evaluate(ANSWERS[kind], spec, answers, truths, accepted=[True] * len(cells), metadata={"side": sides})
    left = got.to_json()["groups"]["side"]["left"]
    assert left["n"] == 6
    assert list(left["metrics"]) == [ANSWERS[kind].headline(spec).metric, *SHARES]
    alone = evaluate(ANSWERS[kind], spec, answers[:6], truths[:6], accepted=[True] * 6)
    assert left["metrics"] == {name: alone.to_json()["metrics"][name] for name in left["metrics"]}
    assert left["intervals"]["wrong"] == alone.to_json()["intervals"]["wrong"]


def test_the_worst_group_by_the_headline_comes_first():
    right = [True] * 20 + [False, True] * 10 + [False] * 20
    group = ["good"] * 20 + ["middling"] * 20 + ["bad"] * 20
    assert list(evaluate_by(right, group=group).groups["group"].groups) == ["bad", "middling", "good"]


def test_small_groups_are_only_counted():
    got = evaluate_by([True] * 20 + [False] * 3, sex=["m"] * 20 + ["f"] * 3)
    assert list(got.groups["sex"].groups) == ["m", "f"]
    found = json.loads(json.dumps(got.to_json(), allow_nan=False))["groups"]["sex"]["f"]
    assert found["n"] == 3
    assert set(found["metrics"].values()) == {None}
    assert "too few examples: f (3)" in str(got)


@pytest.mark.parametrize(
    "cells", [["a"] * 40, [str(i) + "x" for i in range(40)], ["a"] * 6 + [f"b{i}" for i in range(34)], [""] * 40]
)
def test_a_column_of_small_groups_is_left_out(cells):
    assert evaluate_by([True] * 40, column=cells).groups == {}


def test_of_many_speakers_only_the_worst_and_the_best_are_listed():
    speakers = [f"s{i:02}" for i in range(30) for _ in range(6)]
    right = [j % 6 >= (i // 6) for i in range(30) for j in range(6)]
    got = evaluate_by(right, speaker=speakers).groups["speaker"]
    assert got.measured == 30
    assert [int(value[1:]) // 6 for value in got.groups] == [4, 4, 4, 0, 0, 0]
    assert got.heading() == "by speaker: the 3 worst and the 3 best of 30 groups of 5 or more examples"


def test_a_headline_has_an_interval_if_resamples_vary():
    spec = ScoreSpec(mean=0, spread=1, low=-2, high=2, tolerance=0.5)
    off = [0.0, 1.0] * 5 + [0.0, 1.0] * 15 + [0.0] * 30
    sites = {"site": ["few"] * 10 + ["mixed"] * 30 + ["equal"] * 30}
    answers, truths = ([Score(value, "", value, value) for value in values] for values in (off, [0.0] * 70))
    got = evaluate(ANSWERS["score"], spec, answers, truths, accepted=[True] * 70, metadata=sites).groups["site"].groups
    assert {value: math.isnan(group.intervals["mae"][0]) for value, group in got.items()} == {
        "few": True,
        "mixed": False,
        "equal": True,
    }
    assert got["equal"].intervals["wrong"] == wilson(0, 30)


def test_accuracy_has_wilsons_interval_in_every_group():
    got = evaluate_by([True] * 10, site=["a"] * 5 + ["b"] * 5).groups["site"].groups
    assert all(group.intervals["accuracy"] == wilson(5, 5) for group in got.values())


def test_a_row_without_an_answer_is_in_no_group():
    answers = [None, *[Label(("yes",), confidence=0.9, probabilities=(0.1, 0.9))] * 10]
    metadata = {"sex": ["f"] * 6 + ["m"] * 5}
    got = evaluate(LABEL, SPEC, answers, [Label(("yes",))] * 11, accepted=[True] * 11, metadata=metadata)
    assert {value: group.n for value, group in got.groups["sex"].groups.items()} == {"f": 5, "m": 5}


def test_a_difference_is_printed_as_a_sentence():
    got = evaluate_by([False] * 20 + [True] * 80, sex=["f"] * 40 + ["m"] * 60)
    lines = str(got).splitlines()
    at = lines.index("by sex, the worst first")
    assert " ".join(lines[at + 1].split()) == "n accuracy wrong accepted wrong if accepted"
    assert lines[at + 2].split()[:2] == ["f", "40"]
    assert lines[at + 4] == ("  worst group: f, accuracy 0.5 (0.352 to 0.648)")
    assert "  significant difference: more answers are wrong for f, 50 %, than for the others, 0 %: p = 0.0005" in lines
    assert list(evaluate_by([True] * 100, sex=["f"] * 40 + ["m"] * 60).groups["sex"].differences()) == []


def grouping_of(name: str, hits: dict[str, tuple[int, int]]) -> Grouping:
    """Groups with a single known share."""
    unknown = dict.fromkeys((*SHARES, "wer"), math.nan)
    return Grouping(
        column="site",
        headline="wer",
        measured=len(hits),
        groups={
            value: Group(
                n, unknown | {name: k / n}, dict.fromkeys(unknown, (math.nan, math.nan)) | {name: wilson(k, n)}
            )
            for value, (k, n) in hits.items()
        },
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "accepted_error",
            "more accepted answers are wrong for a, 60 % (50 to 69), than for b, 5.0 % (2.2 to 11)",
        ),
        ("coverage", "fewer answers are accepted for b, 5.0 % (2.2 to 11), than for a, 60 % (50 to 69)"),
        ("wer", "wer is higher for a, 0.6 (0.502 to 0.691), than for b, 0.05 (0.0215 to 0.112)"),
    ],
)
def test_each_metric_has_its_sentence(name, sentence):
    assert list(grouping_of(name, {"a": (60, 100), "b": (5, 100)}).differences()) == [sentence]


@pytest.mark.parametrize("groups", [2, 5, 20])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_equal_groups_seldom_raise_a_false_alarm(groups, share):
    random = np.random.default_rng(0)
    drawn = random.binomial(200, share, (200, groups))
    alarms = 0
    for row in drawn:
        grouping = grouping_of("coverage", {str(i): (int(hits), 200) for i, hits in enumerate(row)})
        alarms += any(True for _ in grouping.differences())
    assert alarms < 0.08 * len(drawn)  # the level is 0.05; so few draws cannot show it more exactly


def test_a_resampled_metric_is_compared_only_among_few_groups():
    sites = {"worse": (60, 100), **{str(i): (5, 100) for i in range(5)}}
    assert list(grouping_of("wer", sites).differences()) == []
    del sites["0"]
    assert len(list(grouping_of("wer", sites).differences())) == 1


def test_a_real_difference_is_found_among_many():
    hits: dict[str, Any] = {str(i): (10, 100) for i in range(19)} | {"worse": (40, 100)}
    (sentence,) = grouping_of("accepted_error", hits).differences()
    assert sentence.startswith("more accepted answers are wrong for worse, 40 %")


# True and false positive rates


def test_rates_by_class_and_group_are_those_of_the_counts() -> None:
    truth = ["no"] * 30 + ["yes"] * 30
    given = ["no"] * 24 + ["yes"] * 6 + ["yes"] * 21 + ["no"] * 9
    sites = (["a"] * 10 + ["b"] * 20) * 2
    answers = [Label((name,), confidence=0.9, probabilities=(0.5, 0.5)) for name in given]
    got = evaluate(
        LABEL, SPEC, answers, [Label((name,)) for name in truth], accepted=[True] * 60, metadata={"site": sites}
    )
    rates = got.to_json()["groups"]["site"]["b"]["rates"]
    assert rates["yes"]["true_positive"]["value"] == pytest.approx(11 / 20)
    assert rates["yes"]["false_positive"]["value"] == pytest.approx(6 / 20)
    assert rates["yes"]["true_positive"]["interval"] == list(wilson(11, 20))
    assert rates["no"]["true_positive"]["value"] == pytest.approx(14 / 20)
    worst = got.to_json()["worst_groups"]["site"]
    assert (worst["group"], worst["metric"], worst["value"]) == ("b", "accuracy", pytest.approx(25 / 40))
    assert worst["gaps"]["recognised"] == {"class": "yes", "gap": pytest.approx(0.45), "high": "a", "low": "b"}
    assert "largest gap, class 'yes' is recognised in 100 % (72 to 100) of a and 55 % (34 to 74) of b" in str(got)


@pytest.mark.parametrize("kind", ANSWERS)
def test_kinds_with_classes_have_rates_and_others_say_nothing(kind: str) -> None:
    cells = ANSWER_CELLS[kind]
    spec = ANSWERS[kind].plan(cells, kind)
    truths = [ANSWERS[kind].read(cell, spec) for cell in cells]
    if kind == "label":  # a truth has no probabilities
        truths = [Label(each.names, probabilities=(0.5, 0.5)) for each in truths]
    scored = ScoredAnswers.of(ANSWERS[kind], spec, truths, truths)
    odds = measure_odds(ANSWERS[kind], spec, {"all": scored})
    assert (ANSWERS[kind].rates is None) is (not odds.recognised)
    for rates in odds.recognised.values():
        assert {rate.value for rate in rates.values() if rate.trials} == {1.0}
        assert {rate.value for rate in odds.falsely_found["all"].values() if rate.trials} <= {0.0}
