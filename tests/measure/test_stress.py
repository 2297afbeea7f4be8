"""Stress: metrics of the same examples as they are, under corruptions, and without a sense."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tiny
from seehear import api
from seehear.answers import ANSWERS
from seehear.answers.boxes.answer import Boxes
from seehear.answers.boxes.box import Box
from seehear.answers.kind import Headline
from seehear.cli import run
from seehear.errors import UsageError
from seehear.events import ignore_events
from seehear.measure.groups import Group
from seehear.measure.stress import FALSE_ACCEPTANCE, Curve, Level, Stress
from seehear.runtime.bundle import write_bundle
from seehear.runtime.options import DEFAULT
from seehear.runtime.predictor import Predictor
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.senses.corruption import Corruption, make_generator
from seehear.stress import MAX_EXAMPLES, find_corruptions, measure_stress

FEW = {"image": ("brightness", "defocus blur", "rotation", "smaller"), "audio": ("babble", "faster")}


@pytest.fixture(autouse=True)
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some corruptions of each kind, and not all of them: each is tested on its own elsewhere."""
    for sense, names in FEW.items():
        every = SENSES[sense].corruptions()
        few = {name: every[name] for name in names}
        monkeypatch.setattr(type(SENSES[sense]), "corruptions", lambda _, few=few: few)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models of dark and bright, and a table of greys that both get right."""
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("dark.seehear"), tiny.bundle(ood_threshold={}))
    write_bundle(Path("both.seehear"), tiny.bundle("image", "audio", ood_threshold={}))
    rows = ["image,audio,label"]
    for i, brightness in enumerate((0.1, 0.2, 0.3, 0.45, 0.55, 0.7, 0.8, 0.9)):
        Image.fromarray(tiny.picture(brightness)[..., 0]).save(f"{i}.png")
        soundfile.write(f"{i}.wav", np.full(8000, 0.9 * brightness), 16_000)
        rows.append(f"{i}.png,{i}.wav,{'bright' if brightness > 0.5 else 'dark'}")
    Path("rows.csv").write_text("\n".join(rows))
    return tmp_path


def test_the_most_harmful_corruption_comes_first(here, capsys):
    assert run(["evaluate", "dark.seehear", "rows.csv", "--stress", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["stress"]
    corruptions = found["corruptions"]
    assert set(corruptions) == set(SENSES["image"].corruptions())
    assert found["clean"]["n"] == 8 and found["clean"]["metrics"]["accuracy"] == 1
    # A mean above a half is bright: adding 0.15 fools the model about the dark grey of 0.45, blurring does not.
    assert corruptions["brightness"]["levels"][2]["metrics"]["accuracy"] == 7 / 8
    assert corruptions["defocus blur"]["levels"][2]["metrics"]["accuracy"] == 1
    strong = [curve["levels"][2]["metrics"]["accuracy"] for curve in corruptions.values()]
    assert strong == sorted(strong)
    assert found["mean"]["strong"]["accuracy"] == pytest.approx(np.mean(strong))


def test_stress_is_measured_only_with_the_flag(here, capsys):
    assert run(["evaluate", "dark.seehear", "rows.csv", "--json"]) == 0
    assert "stress" not in json.loads(capsys.readouterr().out)


def test_corruptions_are_reproducible(here):
    model = api.load("dark.seehear")
    assert model.evaluate("rows.csv", stress=True).stress == model.evaluate("rows.csv", stress=True).stress


def test_one_of_two_senses_is_corrupted_at_a_time(here, capsys):
    Path("broken.wav").write_bytes(b"RIFF and nothing more")
    Path("rows.csv").write_text(Path("rows.csv").read_text() + "\n7.png,broken.wav,bright")
    assert run(["evaluate", "both.seehear", "rows.csv", "--stress"]) == 0
    out = capsys.readouterr().out
    assert "9 examples under corruptions, mild → strong → strongest, the most harmful first" in out
    names = {f"{sense}: {name}" for sense in ("image", "audio") for name in SENSES[sense].corruptions()}
    assert all(f"\n  {name} " in out for name in names)
    assert f"\n  mean of {len(names)} " in out


def test_an_unused_sense_is_not_corrupted(here):
    names = find_corruptions(Predictor(tiny.bundle("image", "audio")), ["audio"])
    assert {sense for sense, _ in names.values()} == {"audio"}
    assert names.keys() == SENSES["audio"].corruptions().keys()


def test_corruptions_that_positions_cannot_follow_are_left_out_and_named(monkeypatch):
    model, kind = Predictor(tiny.bundle()), ANSWERS["label"]
    truth = kind.read("dark", model.recipe.answer)
    examples: Any = [({"image": tiny.picture(0.1)}, truth)]
    monkeypatch.setattr(type(kind), "spatial", WITH_POSITIONS)
    stress = measure_stress(model, examples, DEFAULT, (), ignore_events)
    assert set(stress.unfollowed) == {"rotation"}
    assert stress.curves.keys() == SENSES["image"].corruptions().keys() - set(stress.unfollowed)
    assert "the true positions would not be known: " in str(stress)


@given(st.integers(30, 90), st.integers(30, 90), st.sampled_from(SENSES["image"].corruptions()["smaller"].severities))
def test_a_true_box_follows_what_becomes_smaller(height, width, severity):
    picture = np.zeros((height, width, 1), np.uint8)
    x1, y1, x2, y2 = width // 4, height // 3, width // 4 + width // 2, height // 3 + height // 2
    picture[y1:y2, x1:x2] = 255
    smaller = SENSES["image"].corruptions()["smaller"]
    truth = Boxes((Box("cell", (x1, y1, x2, y2)),))
    moved = truth.transform(smaller.find_warp(SENSES["image"].grid(picture), severity)).boxes[0].xyxy
    ground = picture.mean()
    found = np.argwhere(smaller(picture, severity, make_generator(0, 0, ""))[..., 0] > (255 + ground) / 2)
    assert np.abs(np.array([*found.min(0)[::-1], *(found.max(0)[::-1] + 1)]) - moved).max() <= 1


def test_senses_without_corruptions_are_refused_before_the_work(here, monkeypatch):
    model = api.load("dark.seehear")
    monkeypatch.setattr(type(SENSES["image"]), "corruptions", lambda _: {})
    monkeypatch.setattr(type(model.predictor), "predict", lambda *_, **__: pytest.fail("the model was run"))
    with pytest.raises(UsageError, match=r"no corruptions for image.*senses with corruptions: audio"):
        model.evaluate("rows.csv", stress=True)


def test_the_report_shows_one_example_under_every_corruption(here, monkeypatch):
    assert run(["evaluate", "both.seehear", "rows.csv", "--stress", "--report", "report"]) == 0
    page = Path("report/index.html").read_text("utf-8")
    assert "<h2>Stress</h2>" in page and "audio: babble" in page
    assert Path("report/corruptions.jpg").exists()
    pictures: list[str] = []
    parser = HTMLParser()
    monkeypatch.setattr(parser, "handle_starttag", lambda tag, _: pictures.append(tag))
    parser.feed(page)
    # Answers, two of confidence, the curves, and one example under each corruption; there are no mistakes.
    assert pictures.count("img") == 5


@pytest.mark.parametrize("n", [1, 2, MAX_EXAMPLES, 3 * MAX_EXAMPLES + 1])
def test_the_examples_are_spread_over_the_table(n):
    indices = take_evenly(np.arange(n), MAX_EXAMPLES).tolist()
    assert len(indices) == min(n, MAX_EXAMPLES) == len(set(indices))
    assert indices[0] == 0 and indices[-1] == n - 1


WITH_POSITIONS = SimpleNamespace(largest_object_px=lambda _: 8.0)  # a label stays a label


def group(value: float, metric: str = "accuracy") -> Group:
    nan = float("nan")
    shares = {"wrong": 0.0, "coverage": 0.0, "accepted_error": nan, FALSE_ACCEPTANCE: nan}
    return Group(9, {metric: value} | shares, {})


def curve(*values: float, metric: str = "accuracy") -> Curve:
    """A curve with amounts of 1, 2, 3 … dB."""
    return Curve(tuple(Level(f"{i + 1} dB", group(value, metric)) for i, value in enumerate(values)))


def test_means_ignore_what_is_undefined():
    curves = {"a": curve(0.8, 0.6, 0.4, 0.3), "b": curve(0.8, 0.6, float("nan"))}
    stress = Stress.of(Headline("accuracy", True), group(0.8), curves)
    assert list(stress.curves) == ["a", "b"]
    assert stress.mean("accuracy") == pytest.approx((0.8, 0.4))
    assert stress.retained("accuracy") == pytest.approx(0.75)
    assert stress.select(["b"]).mean("accuracy") == pytest.approx((0.8, float("nan")), nan_ok=True)
    assert "0.8 → unknown → unknown" in str(stress)
    assert stress.to_json()["mean"]["mild"]["accepted_error"] is None


def test_a_table_without_one_of_the_senses_is_evaluated_with_the_other(here, capsys):
    Path("rows.csv").write_text("image,label\n0.png,dark\n7.png,bright")
    assert run(["evaluate", "both.seehear", "rows.csv", "--stress", "--json", "--report", "report"]) == 0
    found = json.loads(capsys.readouterr().out)["stress"]["corruptions"]
    assert set(found) == {f"image: {name}" for name in SENSES["image"].corruptions()}


def test_a_corruption_without_any_answer_has_unknown_metrics(here, monkeypatch):
    """A black picture makes numbers that are not finite, so there is no answer."""
    black = Corruption(lambda signal, *_: np.zeros_like(signal), (1, 2, 3), "")
    monkeypatch.setattr(type(SENSES["image"]), "corruptions", lambda _: {"blackout": black})
    stress = api.load("dark.seehear").evaluate("rows.csv", stress=True).stress
    assert stress is not None and stress.curves["blackout"].mild.n == 0
    assert "blackout" in str(stress) and "unknown" in str(stress)
    assert stress.to_json()["mean"]["strong"]["accuracy"] is None


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ((0.8, 0.72, 0.71, 0.8), "2 dB"),  # what is kept after a level that was not does not count
        ((0.8, 0.8, 0.8), "3 dB"),
        ((0.7, 0.8, 0.8), ""),
        ((0.8, float("nan"), 0.8), "1 dB"),
    ],
)
def test_a_model_holds_to_the_last_level_at_which_it_keeps_nine_tenths(values, held):
    stress = Stress.of(Headline("accuracy", True), group(0.8), {"noise": curve(*values)})
    assert stress.holds_to(stress.curves["noise"]) == held


def test_an_error_must_not_grow_by_more_than_a_ninth():
    errors = curve(0.20, 0.22, 0.23, metric="wer")
    stress = Stress.of(Headline("wer", False), group(0.2, "wer"), {"noise": errors})
    assert stress.holds_to(errors) == "2 dB"
    assert "noise: holds to 2 dB; at 3 dB it accepts 0 %" in stress.summary()


def test_a_missing_sense_is_measured(here):
    stress = api.load("both.seehear").evaluate("rows.csv", stress=True).stress
    assert stress is not None and stress.without.keys() == {"image", "audio"}
    assert "\n  without audio " in str(stress)
    assert stress.to_json()["without"]["audio"]["n"] == 8


def test_unfamiliar_inputs_are_counted_where_they_are_accepted(here, capsys):
    Path("strange").mkdir()
    for i in range(4):
        Image.fromarray(tiny.picture(0.99 - 0.3 * (i == 0))[..., 0]).save(f"strange/{i}.png")
    assert run(["evaluate", "dark.seehear", "rows.csv", "--stress", "--unfamiliar", "strange", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["stress"]["unfamiliar"]
    assert (found["name"], found["inputs"]) == ("strange", 4)
    model = api.load("dark.seehear")
    predictions = list(model.predict("strange"))
    assert found["accepted"] == np.mean([p.accepted for p in predictions])
    known = [next(iter(model.predict([f"{i}.png"]))).unfamiliarity["image"] for i in range(8)]
    pairs = [
        (p.unfamiliarity["image"] > own) + (p.unfamiliarity["image"] == own) / 2 for p in predictions for own in known
    ]
    assert found["auroc"]["image"] == pytest.approx(np.mean(pairs))


def test_a_folder_without_any_input_is_refused(here):
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=r"empty: no input that can be read"):
        api.load("dark.seehear").evaluate("rows.csv", stress=True, unfamiliar=["empty"])
