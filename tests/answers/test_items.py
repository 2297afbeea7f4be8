"""Items are accepted one by one: a confident box although another is not; a refused answer has no accepted item."""

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
    """The truth of ROW, without the boxes at some indices."""
    return Boxes(tuple(box for place, box in enumerate(ROW.boxes) if place not in set(places)))


def scene(*whites: int) -> Image.Image:
    """Squares of these grey levels, side by side."""
    drawn = np.zeros((squares.SIDE_PX, squares.SIDE_PX), np.uint8)
    for place, white in enumerate(whites):
        drawn[20 : 20 + squares.SQUARE_PX, 4 + 20 * place : 4 + 20 * place + squares.SQUARE_PX] = white
    return Image.fromarray(drawn)


@pytest.fixture(scope="module")
def finder() -> Predictor:
    return Predictor(squares.bundle())


def test_boxes_are_accepted_one_by_one(finder: Predictor) -> None:
    result = finder.predict_one(scene(SURE, DOUBTFUL))
    assert [box.accepted for box in squares.boxes_of(result)] == [True, False]
    assert (result.accepted, result.whole_accepted, result.reason) == (True, False, "")
    assert result.items == ItemCount("box", 1, 2)
    assert str(result).endswith("2 square (1 unsure) (1 of 2 boxes accepted)")
    prediction = result.to_json()
    assert prediction["items"] == {"what": "box", "accepted": 1, "of": 2}
    assert (prediction["accepted"], prediction["whole_accepted"]) == (True, False)
    assert [box["accepted"] for box in prediction["answer"]["boxes"]] == [True, False]


def test_nothing_is_accepted_if_no_box_is_confident_enough(finder: Predictor) -> None:
    result = finder.predict_one(scene(DOUBTFUL))
    assert (result.accepted, result.whole_accepted, result.items) == (False, False, ItemCount("box", 0, 1))
    assert result.reason == "for at most 5 % wrong, a box must be 80 % sure or all of it must be 95 % sure"
    stricter = finder.predict_one(scene(DOUBTFUL), PredictOptions(wrong_at_most=0.01))
    assert stricter.reason == "for at most 1 % wrong, a box must be 90 % sure"


def test_an_empty_answer_is_accepted_as_a_whole_or_not_at_all(finder: Predictor) -> None:
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
def test_no_item_of_an_out_of_distribution_input_is_accepted(tiles: bool) -> None:
    wary = Predictor(squares.bundle(ood_threshold={"image": -1.0}))
    large = Image.new("L", (160, 160))
    large.paste(scene(SURE), (30, 30))
    result = wary.predict_one(large if tiles else scene(SURE), PredictOptions(tiles=tiles))
    assert (result.accepted, result.whole_accepted) == (False, False)
    assert result.items == ItemCount("box", 0, 1)
    assert "unlike the training data" in result.reason


def test_predict_reports_how_many_items_are_accepted(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
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


def evaluate_boxes(*answers: tuple[float, bool, bool]) -> Evaluation:
    """Pictures with one box each: its confidence, whether it is accepted, and whether it is right."""
    said = [Boxes((Box("square", (0, 0, 9, 9), sure, accepted),), 0.5) for sure, accepted, _ in answers]
    there = [(0, 0, 9, 9) if right else (50, 50, 59, 59) for *_, right in answers]
    truths = [Boxes((Box("square", place),)) for place in there]
    return evaluate(BOXES, SPEC, said, truths, accepted=[False] * len(said))


def test_coverage_and_error_are_shares_of_boxes() -> None:
    result = evaluate_boxes(*[(0.9, True, True)] * 17, (0.9, True, False), *[(0.6, False, False)] * 2)
    assert result.metrics["coverage"] == 0.9
    assert result.metrics["accepted_error"] == pytest.approx(1 / 18)
    assert (result.metrics["whole_coverage"], result.metrics["wrong"]) == (0, 0.15)
    assert result.intervals["coverage"] == pytest.approx(wilson(18, 20))
    line = str(result).splitlines()[1]
    assert line.startswith("accepts 90 % (70 to 97) of the boxes; 5.6 % (1.0 to 26) of those are wrong; accepts 0 % ")
    assert result.to_json()["item"] == "box"


@pytest.mark.parametrize("answers", [[(0.6, False, True)] * 3, []])
def test_zero_coverage_is_reported(answers: list[tuple[float, bool, bool]]) -> None:
    nothing = [Boxes(())] * 3
    result = evaluate_boxes(*answers) if answers else evaluate(BOXES, SPEC, nothing, nothing, accepted=[True] * 3)
    assert result.metrics["coverage"] == 0
    assert str(result).splitlines()[1].startswith("accepts none of the boxes: ")


def test_intervals_of_boxes_allow_for_correlation_within_a_picture() -> None:
    """20 pictures of 10 boxes: all wrong in 2 pictures, or one wrong in each picture; the same share."""
    mistakes: list[list[Iterable[int]]] = [[range(10)] * 2 + [()] * 18, [[place % 10] for place in range(20)]]
    together, apart = (
        compute_metrics(ScoredAnswers.of(BOXES, SPEC, [ROW] * 20, list(map(missing, wrong))), BOXES, SPEC, resamples=0)
        for wrong in mistakes
    )
    assert [each.values["accepted_error"] for each in (together, apart)] == pytest.approx([0.1, 0.1])
    wide, narrow = (np.ptp(each.intervals["accepted_error"]) for each in (together, apart))
    assert wide > 1.5 * narrow


def test_a_label_has_no_items() -> None:
    prediction = Prediction(ExampleSource("a.png"), None, 0.9, True, whole_accepted=True)
    assert prediction.items is None
    assert "items" not in prediction.to_json()
