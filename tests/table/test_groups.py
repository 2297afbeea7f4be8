"""Groups: who is in them, what is told of them, and that like groups are seldom said to differ."""

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
from seehear.measure.binning import MOST_NUMBERS, group_rows
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.measure.groups import Group, Grouping
from seehear.measure.intervals import wilson
from seehear.measure.scored_answers import SHARES

LABEL = ANSWERS["label"]
SPEC = LabelSpec(classes=("no", "yes"), several=False, counts=(50, 50))


def judged(right: list[bool], **metadata: list[str]) -> Evaluation:
    """Answers of which some are right, the surest accepted."""
    answers = [Label(("yes",), confidence=0.9, probabilities=(0.1, 0.9))] * len(right)
    truths = [Label(("yes" if r else "no",)) for r in right]
    accepted = [place % 2 == 0 for place in range(len(right))]
    return evaluate(LABEL, SPEC, answers, truths, accepted=accepted, metadata=metadata)


def sizes(column: str, cells: list[str]) -> dict[str, int]:
    return {value: len(places) for value, places in group_rows(column, cells).items()}


# Who is in a group


def test_groups_are_the_values_of_a_column_and_empty_cells_are_in_none():
    assert sizes("sex", ["f", "m", " f", "", "f ", "  "]) == {"f": 3, "m": 1}


def test_many_numbers_are_cut_at_round_ones():
    ages = list(map(str, range(18, 91)))
    assert sizes("age", ages) == {"under 40": 22, "40 to under 50": 10, "50 to under 70": 20, "70 and over": 21}
    assert list(sizes("birth", ["n/a", *ages, ""])) == ["under 40", "40 to under 50", "50 to under 70", "70 and over"]


def test_few_numbers_are_values_and_numbers_that_name_people_are_names():
    assert len(sizes("stars", list("123456"))) == 6
    assert len(sizes("stars", list("1234567"))) <= 4
    assert len(sizes("patient_id", list(map(str, range(100))))) == 100


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=MOST_NUMBERS + 1, unique=True))
def test_bands_are_few_and_hold_every_number_once(numbers):
    found = group_rows("x", list(map(repr, numbers)))
    assert 1 <= len(found) <= 4
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(numbers)))


def test_a_column_of_half_the_same_number_has_bands():
    assert sizes("dose", ["0"] * 60 + [str(n) for n in range(1, 31)]) == {"0 to under 8": 67, "8 and over": 23}


# What is told


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


def test_the_worst_group_comes_first_by_the_headline_whichever_way_it_points():
    right = [True] * 20 + [False, True] * 10 + [False] * 20
    group = ["good"] * 20 + ["middling"] * 20 + ["bad"] * 20
    assert list(judged(right, group=group).groups["group"].groups) == ["bad", "middling", "good"]


def test_of_a_group_too_small_only_its_size_is_told():
    got = judged([True] * 20 + [False] * 3, sex=["m"] * 20 + ["f"] * 3)
    assert list(got.groups["sex"].groups) == ["m", "f"]
    told = json.loads(json.dumps(got.to_json(), allow_nan=False))["groups"]["sex"]["f"]
    assert told["n"] == 3
    assert set(told["metrics"].values()) == {None}
    assert "too few to tell: f (3)" in str(got)


@pytest.mark.parametrize(
    "cells", [["a"] * 40, [str(i) + "x" for i in range(40)], ["a"] * 6 + [f"b{i}" for i in range(34)], [""] * 40]
)
def test_a_column_that_tells_of_few_examples_is_left_out(cells):
    assert judged([True] * 40, column=cells).groups == {}


def test_of_many_speakers_the_worst_and_the_best_are_told():
    speakers = [f"s{i:02}" for i in range(30) for _ in range(6)]
    right = [place % 6 >= (i // 6) for i in range(30) for place in range(6)]
    got = judged(right, speaker=speakers).groups["speaker"]
    assert got.measured == 30
    assert [int(value[1:]) // 6 for value in got.groups] == [4, 4, 4, 0, 0, 0]
    assert got.heading() == "by speaker: of 30 with 5 examples or more the 3 worst and the 3 best"


def test_a_headline_has_an_interval_where_resampling_shows_one():
    spec = ScoreSpec(mean=0, spread=1, low=-2, high=2, tolerance=0.5)
    off = [0.0, 1.0] * 5 + [0.0, 1.0] * 15 + [0.0] * 30
    sites = {"site": ["few"] * 10 + ["mixed"] * 30 + ["alike"] * 30}
    answers, truths = ([Score(value, "", value, value) for value in values] for values in (off, [0.0] * 70))
    got = evaluate(ANSWERS["score"], spec, answers, truths, accepted=[True] * 70, metadata=sites).groups["site"].groups
    assert {value: math.isnan(group.intervals["mae"][0]) for value, group in got.items()} == {
        "few": True,
        "mixed": False,
        "alike": True,
    }
    assert got["alike"].intervals["wrong"] == wilson(0, 30)


def test_accuracy_has_the_interval_of_a_share_in_every_group():
    got = judged([True] * 10, site=["a"] * 5 + ["b"] * 5).groups["site"].groups
    assert all(group.intervals["accuracy"] == wilson(5, 5) for group in got.values())


def test_a_row_that_was_not_answered_is_in_no_group():
    answers = [None, *[Label(("yes",), confidence=0.9, probabilities=(0.1, 0.9))] * 10]
    metadata = {"sex": ["f"] * 6 + ["m"] * 5}
    got = evaluate(LABEL, SPEC, answers, [Label(("yes",))] * 11, accepted=[True] * 11, metadata=metadata)
    assert {value: group.n for value, group in got.groups["sex"].groups.items()} == {"f": 5, "m": 5}


def test_a_difference_is_told_in_words():
    got = judged([False] * 20 + [True] * 80, sex=["f"] * 40 + ["m"] * 60)
    lines = str(got).splitlines()
    at = lines.index("by sex, the worst first")
    assert " ".join(lines[at + 1].split()) == "n accuracy wrong of 100 accepted of those wrong"
    assert lines[at + 2].split()[:2] == ["f", "40"]
    assert lines[at + 4] == (
        "  more than chance explains: f is answered wrongly more often, 50 (35 to 65) of 100, than m, 0 (0 to 6.0)"
    )
    assert list(judged([True] * 100, sex=["f"] * 40 + ["m"] * 60).groups["sex"].differences()) == []


def of(name: str, hits: dict[str, tuple[int, int]]) -> Grouping:
    """Groups of which one share alone is known."""
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
            "of what it accepts, a is wrong more often, 60 (50 to 69) of 100, than b, 5.0 (2.2 to 11)",
        ),
        ("coverage", "for b it accepts fewer, 5.0 (2.2 to 11) of 100, than for a, 60 (50 to 69)"),
        ("wer", "wer is higher for a, 0.6 (0.502 to 0.691), than for b, 0.05 (0.0215 to 0.112)"),
    ],
)
def test_each_figure_has_its_sentence(name, sentence):
    assert list(of(name, {"a": (60, 100), "b": (5, 100)}).differences()) == [sentence]


@pytest.mark.parametrize("groups", [2, 5, 20])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_like_groups_are_seldom_said_to_differ(groups, share):
    random = np.random.default_rng(0)
    drawn = random.binomial(200, share, (200, groups))
    alarms = sum(
        bool(list(of("wrong", {str(i): (int(k), 200) for i, k in enumerate(row)}).differences())) for row in drawn
    )
    assert alarms < 0.08 * len(drawn)  # 0.05 are allowed, and so few draws tell it no better


def test_a_resampled_figure_is_compared_among_few_groups_alone():
    sites = {"worse": (60, 100), **{str(i): (5, 100) for i in range(5)}}
    assert list(of("wer", sites).differences()) == []
    del sites["0"]
    assert len(list(of("wer", sites).differences())) == 1


def test_a_real_difference_is_found_among_many():
    hits: dict[str, Any] = {str(i): (10, 100) for i in range(19)} | {"worse": (40, 100)}
    (sentence,) = of("wrong", hits).differences()
    assert sentence.startswith("worse is answered wrongly more often")
