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
from seehear.learn.calibrate.card import describe_promise
from seehear.recipe import CoverageCurve, Promise, Recipe
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"coverage": 1.0},
        {"coverage": 0.0},
        {"each_class": True},
        {"each_group": "site"},
        {"coverage": 0.9, "each_class": True, "each_group": "site"},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"coverage|each_class"):
        PredictOptions(**wrong)


def test_a_model_gives_the_sets_that_training_promised() -> None:
    promised = Predictor(tiny.bundle(**coverage(), promise=Promise(coverage=0.9)))
    assert str(promised.predict_one(UNSURE).prediction_set) == "dark, bright"
    assert str(promised.predict_one(UNSURE, PredictOptions(coverage=0.6)).prediction_set) == "dark"


def test_a_promise_that_a_model_cannot_keep_gives_no_sets_and_no_error() -> None:
    unable = Predictor(tiny.bundle(**coverage(), promise=Promise(coverage=0.99)))
    assert unable.predict_one(UNSURE).prediction_set is None


def test_the_card_says_what_was_promised_or_why_it_cannot_be() -> None:
    recipe = tiny.bundle(**coverage(), promise=Promise(coverage=0.9)).recipe
    assert "with a confidence of 98 %, these contain at least 90 % of the truths" in describe_promise(recipe)
    unable = recipe.model_copy(update={"promise": Promise(coverage=0.99)})
    assert describe_promise(unable).startswith("No answer has the prediction set that was asked for: 60 held-out")
    assert Recipe.from_json(unable.to_json()).promise == Promise(coverage=0.99)


def in_each_group(**curves: CoverageCurve) -> dict[str, Any]:
    return coverage() | {"group_coverage": {"image": curves}}


def test_a_coverage_in_each_group_has_the_threshold_of_the_worst() -> None:
    worse = CURVE.model_copy(update={"missed": (0.4, 0.2, 0.08), "threshold": (0.0, 0.3, 0.7)})
    predictor = Predictor(tiny.bundle(**in_each_group(site=worse)))
    found = predictor.predict_one(UNSURE, PredictOptions(coverage=0.9, each_group="site"))
    assert str(found.prediction_set) == "dark, bright"
    assert str(predictor.predict_one(UNSURE, PredictOptions(coverage=0.7, each_group="site")).prediction_set) == "dark"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            "site",
            "a coverage of 90 % in each group of 'site': the smallest has 6 held-out examples. Allowed: at most 60 %. "
            "Next: hold out 32 more, or ask for less.",
        ),
        ("sex", "a coverage in each group of 'sex'. Allowed: columns: site."),
    ],
)
def test_a_coverage_in_each_group_is_refused_where_one_is_too_small(column: str, message: str) -> None:
    predictor = Predictor(tiny.bundle(**in_each_group(site=FEW)))
    with pytest.raises(UsageError) as raised:
        predictor.predict([UNSURE], PredictOptions(coverage=0.9, each_group=column))
    assert str(raised.value) == message


def test_evaluation_names_the_group_with_the_smallest_coverage(tmp_path: Path) -> None:
    rows = []
    for number, (brightness, label, site) in enumerate(
        [(0.9, "bright", "north"), (0.49, "bright", "south"), (0.2, "dark", "north"), (0.3, "dark", "south")]
    ):
        Image.fromarray(tiny.picture(brightness)[..., 0]).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{label},{site}")
    (tmp_path / "table.csv").write_text("image,label,site\n" + "\n".join(rows) + "\n")
    model = Recogniser(tiny.bundle(**in_each_group(site=CURVE.model_copy(update={"threshold": (0.0, 0.1, 0.2)}))))
    evaluation = model.evaluate(tmp_path / "table.csv", coverage=0.9, each_group="site")
    measured = {name: (contained, things) for name, contained, _, things in evaluation.sets.groups}  # type: ignore[union-attr]
    assert measured == {"north": (1.0, 2), "south": (0.5, 2)}
    assert "of the groups of 'site', fewest in 'south': 50 % (" in str(evaluation)


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
