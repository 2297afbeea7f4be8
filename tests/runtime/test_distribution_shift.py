"""If most new inputs differ from the training data in the same way, one sentence says so; otherwise none does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from seehear.cli import run
from seehear.errors import InputError
from seehear.measure.evaluate import Evaluation
from seehear.recipe import Recipe
from seehear.runtime.bundle import write_bundle
from seehear.runtime.distribution_shift import MIN_INPUTS, ShiftDetector
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES
from seehear.senses.corruption import make_generator
from signals import USUAL

RANGES = {"image": {"brightness": (100.0, 150.0), "contrast": (0.0, 60.0), "sharpness": (0.0, 9.0)}}
MEASURED = [name for name, sense in SENSES.items() if sense.statistics]


def predicted(**measured: dict[str, float]) -> Prediction:
    return Prediction(ExampleSource("a"), None, 0.0, False, measured=measured)


def said(recipe: Recipe, predictions: list[Prediction]) -> list[str]:
    detector = ShiftDetector(recipe)
    for prediction in predictions:
        detector.count(prediction)
    return detector.describe()


def image(brightness: float = 120.0, contrast: float = 30.0, sharpness: float = 1.0) -> Prediction:
    return predicted(image={"brightness": brightness, "contrast": contrast, "sharpness": sharpness})


@pytest.mark.parametrize(
    ("predictions", "sentence"),
    [
        ([image()] * 9, ""),
        ([image(60.0)] * (MIN_INPUTS - 1), ""),
        ([image(95.0)] * 9, ""),  # beyond the range, but by too little to matter
        ([image(60.0)] * 4 + [image()] * 5, ""),
        ([image(60.0)] * 5 + [image()] * 4, "5 of 9 pictures are darker than 98 % of the training data"),
        ([image(200.0)] * 9, "9 of 9 pictures are brighter than 98 % of the training data"),
        (
            [image(60.0, 90.0)] * 9,
            "9 of 9 pictures are darker and 9 of 9 pictures are of more contrast than 98 % of the training data",
        ),
        ([Prediction.failed(ExampleSource("a"), InputError("not read"))] * 9, ""),
    ],
)
def test_most_must_lie_beyond_the_usual_by_more_than_a_little(predictions, sentence):
    found = said(tiny.recipe(input_statistics=RANGES), predictions)
    assert found == ([f"{sentence}: expect more errors than were measured"] if sentence else [])


def test_each_sense_is_reported_separately():
    ranges = RANGES | {"audio": {"level_db": (-40.0, -20.0)}}
    recipe = tiny.recipe("image", "audio", input_statistics=ranges)
    quiet = predicted(audio={"level_db": -60.0})
    assert [sentence[:26] for sentence in said(recipe, [image(60.0)] * 9 + [quiet] * 9)] == [
        "9 of 9 pictures are darker",
        "9 of 9 recordings are quie",
    ]


def test_a_recipe_that_does_not_know_what_is_usual_measures_nothing():
    assert Predictor(tiny.bundle()).predict_one(tiny.picture(0.9)).measured == {}


@pytest.mark.parametrize("sense", MEASURED)
def test_statistics_are_finite_for_whatever_an_encoder_may_get(sense):
    odd = {
        "image": [np.zeros((8, 8, 1), np.uint8), np.full((8, 9, 3), 255, np.uint8), USUAL["image"]],
        "audio": [np.zeros(4000, np.float32), np.ones(1, np.float32), USUAL["audio"]],
    }[sense]
    for preprocessed in odd:
        measured = SENSES[sense].compute_statistics(preprocessed)
        assert measured.keys() == SENSES[sense].statistics.keys()
        assert np.isfinite(list(measured.values())).all()


@pytest.mark.parametrize(
    ("sense", "corruption", "statistic", "higher"),
    [
        ("image", "darkness", "brightness", False),
        ("image", "brightness", "brightness", True),
        ("image", "contrast", "contrast", False),
        ("image", "defocus blur", "sharpness", False),
        ("image", "gaussian noise", "sharpness", True),
        ("audio", "low volume", "level_db", False),
        ("audio", "white noise", "noise_db", True),
        ("audio", "low-pass filter", "top_hz", False),
    ],
)
def test_a_corruption_moves_its_statistic(sense, corruption, statistic, higher):
    signal = USUAL[sense]
    worse = SENSES[sense].corruptions()[corruption](signal, 5, make_generator(0, 0, corruption))
    before, after = (SENSES[sense].compute_statistics(each)[statistic] for each in (signal, worse))
    least = SENSES[sense].statistics[statistic].least
    assert after > before + least if higher else after < before - least


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("dark.seehear"), tiny.bundle(input_statistics=RANGES, ood_threshold={}))
    Path("dim").mkdir()
    for i in range(6):
        Image.fromarray(tiny.picture(0.1)[..., 0]).save(f"dim/{i}.png")
    Path("rows.csv").write_text("\n".join(["image,label,patient", *(f"dim/{i}.png,dark,p{i % 2}" for i in range(6))]))
    return tmp_path


SENTENCE = "6 of 6 pictures are darker than 98 % of the training data: expect more errors than were measured"


def test_predict_says_it_at_the_end(here, capsys):
    assert run(["predict", "dark.seehear", "dim"]) == 0
    heard = capsys.readouterr()
    assert f"Unlike the training data: {SENTENCE}\n" in heard.err
    assert "Unlike" not in heard.out


def test_evaluate_reports_the_shift_and_the_groups_seen(here, capsys):
    assert run(["evaluate", "dark.seehear", "rows.csv", "--report", "report"]) == 0
    heard = capsys.readouterr().out
    assert heard.startswith("6 examples from 2 patients: 0 %")
    assert f"unlike the training data: {SENTENCE}\n" in heard
    assert SENTENCE in Path("report/index.html").read_text("utf-8")
    assert run(["evaluate", "dark.seehear", "rows.csv", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["groups_seen"], told["distribution_shift"]) == ("2 patients", [SENTENCE])


def test_an_evaluation_of_examples_like_those_learned_from_says_nothing():
    fields = Evaluation.__dataclass_fields__
    assert fields["distribution_shift"].default == () and fields["groups_seen"].default == ""
