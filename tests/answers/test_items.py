"""What answers are made of is accepted by itself: a sure box though another is not; and a refused answer has none."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image

import squares
from seehear import cli
from seehear.answers import ANSWERS, ItemCount
from seehear.answers.boxes import Box, Boxes, BoxesSpec
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.measure.intervals import wilson
from seehear.measure.scored_answers import ScoredAnswers, compute_metrics
from seehear.recipe import RiskCoverageCurve, SelectivePrediction
from seehear.runtime.bundle import write_bundle
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor

SURE, DOUBTFUL = 255, 222  # white, and grey that is 75 % sure


BOXES = ANSWERS["boxes"]
SPEC = BoxesSpec(**squares.SPEC)
ROW = Boxes(tuple(Box("square", (20.0 * i, 0, 20.0 * i + 9, 9), 0.9) for i in range(10)))


def missing(places: Iterable[int]) -> Boxes:
    """The truth of ROW, without the things at some places."""
    return Boxes(tuple(box for place, box in enumerate(ROW.boxes) if place not in set(places)))


def scene(*whites: int) -> Image.Image:
    """Squares as white as that, side by side."""
    drawn = np.zeros((squares.SIDE_PX, squares.SIDE_PX), np.uint8)
    for place, white in enumerate(whites):
        drawn[20 : 20 + squares.SQUARE_PX, 4 + 20 * place : 4 + 20 * place + squares.SQUARE_PX] = white
    return Image.fromarray(drawn)


@pytest.fixture(scope="module")
def finder() -> Predictor:
    return Predictor(squares.bundle())


def test_a_sure_box_is_accepted_though_another_is_not(finder: Predictor) -> None:
    got = finder.predict_one(scene(SURE, DOUBTFUL))
    assert [box.accepted for box in got.answer.boxes] == [True, False]
    assert (got.accepted, got.whole_accepted, got.reason) == (True, False, "")
    assert got.items == ItemCount("box", 1, 2)
    assert str(got).endswith("2 square (1 unsure) (1 of 2 boxes accepted)")
    told = got.to_json()
    assert told["items"] == {"what": "box", "accepted": 1, "of": 2}
    assert (told["accepted"], told["whole_accepted"]) == (True, False)
    assert [box["accepted"] for box in told["answer"]["boxes"]] == [True, False]


def test_where_no_box_is_sure_enough_nothing_is_accepted(finder: Predictor) -> None:
    got = finder.predict_one(scene(DOUBTFUL))
    assert (got.accepted, got.whole_accepted, got.items) == (False, False, ItemCount("box", 0, 1))
    assert got.reason == "for at most 5 % wrong, a box must be 80 % sure or all of it must be 95 % sure"
    stricter = finder.predict_one(scene(DOUBTFUL), PredictOptions(wrong_at_most=0.01))
    assert stricter.reason == "for at most 1 % wrong, a box must be 90 % sure"


def test_an_empty_answer_is_accepted_as_a_whole_or_not_at_all(finder: Predictor) -> None:
    """None of its boxes could be."""
    nothing = finder.predict_one(scene())
    assert (str(nothing.answer), nothing.items) == ("nothing", ItemCount("box", 0, 0))
    assert (nothing.accepted, nothing.whole_accepted) == (True, True)
    never = Predictor(
        squares.bundle(
            selective={"image": SelectivePrediction(risk=RiskCoverageCurve(confidence=(0.9,), wrong=(0.01,)))}
        )
    )
    refused = never.predict_one(scene())
    assert (refused.accepted, refused.whole_accepted) == (False, False)
    assert refused.reason == "for at most 5 % wrong, an answer without any box is never accepted"


@pytest.mark.parametrize("tiles", [False, True])
def test_of_what_is_unlike_all_that_was_taught_no_item_is_accepted(tiles: bool) -> None:
    wary = Predictor(squares.bundle(ood_threshold={"image": -1.0}))
    large = Image.new("L", (160, 160))
    large.paste(scene(SURE), (30, 30))
    got = wary.predict_one(large if tiles else scene(SURE), PredictOptions(tiles=tiles))
    assert (got.accepted, got.whole_accepted) == (False, False)
    assert got.items == ItemCount("box", 0, 1)
    assert "unlike the training data" in got.reason


def test_predict_tells_how_many_items_are_accepted(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(tmp_path / "squares.seehear", squares.bundle())
    scene(SURE, DOUBTFUL).save(tmp_path / "two.png")
    scene(SURE).save(tmp_path / "one.png")
    asked = [str(tmp_path / name) for name in ("squares.seehear", "one.png", "two.png")]
    assert cli.run(["predict", *asked, "--json", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["items"]["accepted"] for line in out.splitlines()] == [1, 1]
    assert "2 of 3 boxes accepted" in err
    with (tmp_path / "out" / "two.csv").open(newline="") as file:
        assert [row["accepted"] for row in csv.DictReader(file)] == ["yes", "no"]


def measured(*answers: tuple[float, bool, bool]) -> Evaluation:
    """Pictures with one box each: how sure it is, whether it is accepted, and whether it is at the thing there."""
    said = [Boxes((Box("square", (0, 0, 9, 9), sure, accepted),), 0.5) for sure, accepted, _ in answers]
    there = [(0, 0, 9, 9) if right else (50, 50, 59, 59) for *_, right in answers]
    truths = [Boxes((Box("square", place),)) for place in there]
    return evaluate(BOXES, SPEC, said, truths, accepted=[False] * len(said))


def test_of_boxes_coverage_and_error_are_those_of_boxes() -> None:
    got = measured(*[(0.9, True, True)] * 17, (0.9, True, False), *[(0.6, False, False)] * 2)
    assert (got.metrics["coverage"], got.metrics["accepted_error"]) == (0.9, pytest.approx(1 / 18))
    assert (got.metrics["whole_coverage"], got.metrics["wrong"]) == (0, 0.15)
    assert got.intervals["coverage"] == pytest.approx(wilson(18, 20))
    line = str(got).splitlines()[1]
    assert line.startswith("accepts 90 % (70 to 97) of the boxes; 5.6 % (1.0 to 26) of those are wrong; accepts 0 % ")
    assert got.to_json()["item"] == "box"


@pytest.mark.parametrize("answers", [[(0.6, False, True)] * 3, []])
def test_where_nothing_is_accepted_coverage_is_none_and_said(answers: list[tuple[float, bool, bool]]) -> None:
    nothing = [Boxes(())] * 3
    got = measured(*answers) if answers else evaluate(BOXES, SPEC, nothing, nothing, accepted=[True] * 3)
    assert got.metrics["coverage"] == 0
    assert str(got).splitlines()[1].startswith("accepts none of the boxes: ")


def test_intervals_of_boxes_know_that_those_of_a_picture_are_alike() -> None:
    """20 pictures with 10 boxes each, all of which are wrong in 2 of them, or one in each: the same share."""
    together, apart = (
        compute_metrics(ScoredAnswers.of(BOXES, SPEC, [ROW] * 20, list(map(missing, wrong))), BOXES, SPEC, resamples=0)
        for wrong in ([range(10)] * 2 + [[]] * 18, [[place % 10] for place in range(20)])
    )
    assert [each.values["accepted_error"] for each in (together, apart)] == pytest.approx([0.1, 0.1])
    wide, narrow = (np.ptp(each.intervals["accepted_error"]) for each in (together, apart))
    assert wide > 1.5 * narrow


def test_a_label_is_accepted_as_a_whole_alone() -> None:
    told = Prediction(ExampleSource("a.png"), None, 0.9, True, whole_accepted=True)
    assert told.items is None
    assert "items" not in told.to_json()
