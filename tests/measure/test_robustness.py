"""Robustness: metrics of the same examples without and under corruptions."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import tiny
from seehear import api
from seehear.answers.kind import Headline
from seehear.cli import run
from seehear.errors import UsageError
from seehear.measure.groups import Group
from seehear.measure.robustness import Robustness, Severities
from seehear.robustness import MAX_EXAMPLES, find_corruptions
from seehear.runtime.bundle import write_bundle
from seehear.runtime.predictor import Predictor
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.senses.corruption import Corruption


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
    assert run(["evaluate", "dark.seehear", "rows.csv", "--robustness", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["robustness"]
    corruptions = found["corruptions"]
    assert set(corruptions) == set(SENSES["image"].corruptions())
    assert found["clean"]["n"] == 8 and found["clean"]["metrics"]["accuracy"] == 1
    # A mean above a half is bright: adding 0.15 fools the model about the dark grey of 0.45, blurring does not.
    assert corruptions["brightness"]["strong"]["metrics"]["accuracy"] == 7 / 8
    assert corruptions["defocus blur"]["strong"]["metrics"]["accuracy"] == 1
    strong = [severities["strong"]["metrics"]["accuracy"] for severities in corruptions.values()]
    assert strong == sorted(strong)
    assert found["mean"]["strong"]["accuracy"] == pytest.approx(np.mean(strong))


def test_robustness_is_measured_only_with_the_flag(here, capsys):
    assert run(["evaluate", "dark.seehear", "rows.csv", "--json"]) == 0
    assert "robustness" not in json.loads(capsys.readouterr().out)


def test_corruptions_are_reproducible(here):
    model = api.load("dark.seehear")
    assert (
        model.evaluate("rows.csv", robustness=True).robustness == model.evaluate("rows.csv", robustness=True).robustness
    )


def test_one_of_two_senses_is_corrupted_at_a_time(here, capsys):
    Path("broken.wav").write_bytes(b"RIFF and nothing more")
    Path("rows.csv").write_text(Path("rows.csv").read_text() + "\n7.png,broken.wav,bright")
    assert run(["evaluate", "both.seehear", "rows.csv", "--robustness"]) == 0
    out = capsys.readouterr().out
    assert "9 examples under corruptions, mild → strong, the most harmful first" in out
    names = {f"{sense}: {name}" for sense in ("image", "audio") for name in SENSES[sense].corruptions()}
    assert all(f"\n  {name} " in out for name in names)
    assert f"\n  mean of {len(names)} " in out


def test_an_unused_sense_is_not_corrupted(here):
    names = find_corruptions(Predictor(tiny.bundle("image", "audio")), ["audio"])
    assert {sense for sense, _ in names.values()} == {"audio"}
    assert names.keys() == SENSES["audio"].corruptions().keys()


def test_corruptions_that_move_things_are_left_out_for_answers_with_places(monkeypatch):
    model = Predictor(tiny.bundle())
    every = find_corruptions(model, None)
    places = type("Places", (), {"spatial": object()})
    monkeypatch.setattr("seehear.robustness.ANSWERS", {"label": places})
    unmoved = find_corruptions(model, None)
    assert every.keys() - unmoved.keys() == {"elastic transform", "zoom blur"}


def test_senses_without_corruptions_are_refused_before_the_work(here, monkeypatch):
    model = api.load("dark.seehear")
    monkeypatch.setattr(type(SENSES["image"]), "corruptions", lambda _: {})
    monkeypatch.setattr(type(model.predictor), "predict", lambda *_, **__: pytest.fail("the model was run"))
    with pytest.raises(UsageError, match=r"no corruptions for image.*senses with corruptions: audio"):
        model.evaluate("rows.csv", robustness=True)


def test_the_report_shows_one_example_under_every_corruption(here, monkeypatch):
    assert run(["evaluate", "both.seehear", "rows.csv", "--robustness", "--report", "report"]) == 0
    page = Path("report/index.html").read_text("utf-8")
    assert "<h2>Robustness</h2>" in page and "audio: babble" in page
    assert Path("report/corruptions.jpg").exists()
    pictures: list[str] = []
    parser = HTMLParser()
    monkeypatch.setattr(parser, "handle_starttag", lambda tag, _: pictures.append(tag))
    parser.feed(page)
    assert pictures.count("img") == 4  # answers, two of confidence, corruptions; there are no mistakes


@pytest.mark.parametrize("n", [1, 2, MAX_EXAMPLES, 3 * MAX_EXAMPLES + 1])
def test_the_examples_are_spread_over_the_table(n):
    indices = take_evenly(np.arange(n), MAX_EXAMPLES).tolist()
    assert len(indices) == min(n, MAX_EXAMPLES) == len(set(indices))
    assert indices[0] == 0 and indices[-1] == n - 1


def test_means_ignore_what_is_undefined():
    def group(accuracy: float, wrong: float = 0.0) -> Group:
        metrics = {"accuracy": accuracy, "wrong": wrong, "coverage": 0.0, "accepted_error": float("nan")}
        return Group(9, metrics, {})

    severities = {"a": Severities(group(0.8), group(0.4)), "b": Severities(group(0.8), group(float("nan")))}
    robustness = Robustness.of(Headline("accuracy", True), group(0.8), severities)
    assert list(robustness.corruptions) == ["a", "b"]
    assert robustness.mean("accuracy") == pytest.approx((0.8, 0.4))
    assert robustness.retained("accuracy") == pytest.approx(0.75)
    assert robustness.select(["b"]).mean("accuracy") == pytest.approx((0.8, float("nan")), nan_ok=True)
    assert "unknown → unknown" in str(robustness)
    assert robustness.to_json()["mean"]["mild"]["accepted_error"] is None


def test_a_table_without_one_of_the_senses_is_evaluated_with_the_other(here, capsys):
    Path("rows.csv").write_text("image,label\n0.png,dark\n7.png,bright")
    assert run(["evaluate", "both.seehear", "rows.csv", "--robustness", "--json", "--report", "report"]) == 0
    found = json.loads(capsys.readouterr().out)["robustness"]["corruptions"]
    assert set(found) == {f"image: {name}" for name in SENSES["image"].corruptions()}


def test_a_corruption_without_any_answer_has_unknown_metrics(here, monkeypatch):
    """A black picture makes numbers that are not finite, so there is no answer."""
    black = Corruption(lambda signal, *_: np.zeros_like(signal))
    monkeypatch.setattr(type(SENSES["image"]), "corruptions", lambda _: {"blackout": black})
    robustness = api.load("dark.seehear").evaluate("rows.csv", robustness=True).robustness
    assert robustness is not None and robustness.corruptions["blackout"].mild.n == 0
    assert "blackout" in str(robustness) and "unknown" in str(robustness)
    assert robustness.to_json()["mean"]["strong"]["accuracy"] is None
