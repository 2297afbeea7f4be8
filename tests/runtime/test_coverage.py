"""Prediction sets beside answers: with predict and evaluate, and refused where too few examples were held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tiny
from seehear.answers.prediction_sets import EVERY_CLASS
from seehear.api import Recogniser
from seehear.errors import UsageError
from seehear.recipe import CoverageCurve
from seehear.runtime.options import PredictOptions
from seehear.runtime.predictor import Predictor

CURVE = CoverageCurve(threshold=(0.0, 0.7, 0.99), missed=(0.3, 0.1, 0.05), held_out=60)
FEW = CoverageCurve(threshold=(0.99,), missed=(0.4,), held_out=6)
UNSURE = tiny.picture(0.49)  # "dark", 60 % sure


def coverage(**curves: CoverageCurve) -> dict[str, Any]:
    return {"coverage": {"image": {EVERY_CLASS: CURVE, **curves}}, "results": {"image": {"n": 60}}}


@pytest.mark.parametrize(("share", "names"), [(0.6, ["dark"]), (0.9, ["dark", "bright"]), (0.94, ["dark", "bright"])])
def test_a_larger_coverage_gives_a_larger_set(share: float, names: list[str]) -> None:
    prediction = Predictor(tiny.bundle(**coverage())).predict_one(UNSURE, PredictOptions(coverage=share))
    assert prediction.to_json()["prediction_set"] == {"labels": names}
    assert str(prediction).endswith(f"; set: {', '.join(names)}")


def test_no_set_is_given_unless_one_is_asked_for() -> None:
    prediction = Predictor(tiny.bundle(**coverage())).predict_one(UNSURE)
    assert prediction.prediction_set is None
    assert "prediction_set" not in prediction.to_json()


def test_each_class_may_have_a_coverage_of_its_own() -> None:
    sure_of_bright = CURVE.model_copy(update={"missed": (0.05, 0.04, 0.03)})
    both = Predictor(tiny.bundle(**coverage(dark=CURVE, bright=sure_of_bright)))
    found = both.predict_one(UNSURE, PredictOptions(coverage=0.9, each_class=True))
    assert str(found.prediction_set) == "dark"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            PredictOptions(coverage=0.99),
            "60 held-out examples cannot promise a coverage of 99 %. Allowed: at most 95 %. "
            "Next: hold out 330 more, or ask for less.",
        ),
        (
            PredictOptions(coverage=0.9, each_class=True),
            "60 held-out examples cannot promise a coverage of 90 % for 'bright'. Allowed: at most 60 % for 'bright'. "
            "Next: hold out 32 more, or ask for less.",
        ),
    ],
)
def test_a_coverage_is_refused_that_too_few_examples_support(options: PredictOptions, message: str) -> None:
    predictor = Predictor(tiny.bundle(**coverage(dark=CURVE, bright=FEW)))
    with pytest.raises(UsageError) as raised:
        predictor.predict([UNSURE], options)
    assert str(raised.value) == message


def test_a_recogniser_from_before_says_so() -> None:
    with pytest.raises(UsageError, match="calibrated before there were prediction sets"):
        Predictor(tiny.bundle(**coverage() | {"coverage": {}})).predict_one(UNSURE, PredictOptions(coverage=0.5))


@pytest.mark.parametrize("wrong", [{"coverage": 1.0}, {"coverage": 0.0}, {"each_class": True}])
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="coverage"):
        PredictOptions(**wrong)


def test_an_example_without_one_of_the_senses_has_a_set_only_if_that_was_measured() -> None:
    both = tiny.bundle("image", "audio", coverage={"image+audio": {EVERY_CLASS: CURVE}})
    assert Predictor(both).predict_one({"image": UNSURE}, PredictOptions(coverage=0.9)).prediction_set is None
    known = tiny.bundle("image", "audio", coverage={key: {EVERY_CLASS: CURVE} for key in ("image+audio", "image")})
    found = Predictor(known).predict_one({"image": UNSURE}, PredictOptions(coverage=0.9)).prediction_set
    assert str(found) == "dark, bright"


def test_evaluation_measures_the_coverage_and_the_size(tmp_path: Path) -> None:
    rows = []
    for number, (brightness, label) in enumerate([(0.9, "bright"), (0.49, "bright"), (0.2, "dark"), (0.8, "dark")]):
        Image.fromarray(tiny.picture(brightness)[..., 0]).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{label}")
    (tmp_path / "table.csv").write_text("image,label\n" + "\n".join(rows) + "\n")
    model = Recogniser(tiny.bundle(**coverage()))
    evaluation = model.evaluate(tmp_path / "table.csv", coverage=0.9)
    measured = json.loads(json.dumps(evaluation.to_json()))["prediction_sets"]
    assert measured["asked"] == 0.9
    assert (measured["contained"], measured["mean_size"], measured["unit"]) == (0.75, 1.25, "classes")
    assert "prediction sets contain 75 % (" in str(evaluation)
    assert "of 4 classes (asked: 90 %); mean size 1.25 classes" in str(evaluation)
    assert "prediction_sets" not in model.evaluate(tmp_path / "table.csv").to_json()
