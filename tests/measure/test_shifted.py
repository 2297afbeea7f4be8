"""Robustness: figures on corrupted examples, beside those on the same examples as they are."""

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
from seehear.answers.headline import Headline
from seehear.cli import run
from seehear.errors import UsageError
from seehear.measure.groups import Group
from seehear.measure.robustness import Levels, Robustness
from seehear.robustness import MOST_ASKED, find_corruptions, spread
from seehear.runtime.bundle import write_bundle
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES
from seehear.senses.corruption import Corruption


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models of dark and bright, and a table of greys of which all are named rightly."""
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


def test_what_costs_most_is_told_first_beside_what_costs_nothing(here, capsys):
    assert run(["evaluate", "dark.seehear", "rows.csv", "--robustness", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["robustness"]
    found = told["corruptions"]
    assert set(found) == set(SENSES["image"].corruptions())
    assert told["clean"]["n"] == 8 and told["clean"]["metrics"]["accuracy"] == 1
    # A mean above a half is bright: what adds 0.15 to it deceives about the dark grey of 0.45, what blurs does not.
    assert found["brighter"]["strong"]["metrics"]["accuracy"] == 7 / 8
    assert found["defocus blur"]["strong"]["metrics"]["accuracy"] == 1
    strong = [levels["strong"]["metrics"]["accuracy"] for levels in found.values()]
    assert strong == sorted(strong)
    assert told["mean"]["strong"]["accuracy"] == pytest.approx(np.mean(strong))


def test_without_the_flag_nothing_is_made_worse(here, capsys):
    assert run(["evaluate", "dark.seehear", "rows.csv", "--json"]) == 0
    assert "robustness" not in json.loads(capsys.readouterr().out)


def test_it_is_the_same_every_time(here):
    model = api.load("dark.seehear")
    assert (
        model.evaluate("rows.csv", robustness=True).robustness == model.evaluate("rows.csv", robustness=True).robustness
    )


def test_of_two_senses_one_is_made_worse_at_a_time(here, capsys):
    Path("broken.wav").write_bytes(b"RIFF and nothing more")
    Path("rows.csv").write_text(Path("rows.csv").read_text() + "\n7.png,broken.wav,bright")
    assert run(["evaluate", "both.seehear", "rows.csv", "--robustness"]) == 0
    said = capsys.readouterr().out
    assert "corruptions of 9 examples, mild → strong, the worst first" in said
    names = {f"{sense}: {name}" for sense in ("image", "audio") for name in SENSES[sense].corruptions()}
    assert all(f"\n  {name} " in said for name in names)
    assert f"\n  mean of {len(names)} " in said


def test_a_sense_that_is_withheld_is_not_made_worse(here):
    names = find_corruptions(Predictor(tiny.bundle("image", "audio")), ["audio"])
    assert {sense for sense, _ in names.values()} == {"audio"}
    assert names.keys() == SENSES["audio"].corruptions().keys()


def test_what_moves_things_says_nothing_of_an_answer_that_says_where(monkeypatch):
    model = Predictor(tiny.bundle())
    every = find_corruptions(model, None)
    places = type("Places", (), {"output_stride_px": 4})
    monkeypatch.setattr("seehear.robustness.ANSWERS", {"label": places})
    left = find_corruptions(model, None)
    assert every.keys() - left.keys() == {"elastic", "zoom blur"}


def test_senses_of_which_no_corruption_is_known_are_refused_before_the_work(here, monkeypatch):
    model = api.load("dark.seehear")
    monkeypatch.setattr(type(SENSES["image"]), "corruptions", lambda _: {})
    monkeypatch.setattr(type(model._predictor), "predict", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(UsageError, match=r"no corruptions for image.*senses with corruptions: audio"):
        model.evaluate("rows.csv", robustness=True)


def test_the_report_shows_one_example_under_every_corruption(here):
    assert run(["evaluate", "both.seehear", "rows.csv", "--robustness", "--report", "report"]) == 0
    page = Path("report/index.html").read_text("utf-8")
    assert "What it withstands" in page and "audio: babble" in page
    assert Path("report/corruptions.jpg").exists()
    pictures = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: pictures.append(tag)  # type: ignore[method-assign]
    parser.feed(page)
    assert pictures.count("img") == 4  # answers, two of confidence, made worse; none is wrong


@pytest.mark.parametrize("n", [1, 2, MOST_ASKED, 3 * MOST_ASKED + 1])
def test_those_that_are_asked_come_from_all_over_the_table(n):
    places = spread(n, MOST_ASKED)
    assert len(places) == min(n, MOST_ASKED) == len(set(places))
    assert places[0] == 0 and places[-1] == n - 1


def test_means_leave_out_what_is_not_defined_and_kept_is_a_share():
    def group(accuracy: float, wrong: float = 0.0) -> Group:
        metrics = {"accuracy": accuracy, "wrong": wrong, "coverage": 0.0, "accepted_error": float("nan")}
        return Group(9, metrics, {})

    levels = {"a": Levels(group(0.8), group(0.4)), "b": Levels(group(0.8), group(float("nan")))}
    robustness = Robustness.of(Headline("accuracy", True), group(0.8), levels)
    assert list(robustness.corruptions) == ["a", "b"]
    assert robustness.mean("accuracy") == (pytest.approx(0.8), 0.4)
    assert robustness.retained("accuracy") == pytest.approx(0.75)
    assert robustness.select(["b"]).mean("accuracy") == (0.8, pytest.approx(float("nan"), nan_ok=True))
    assert "unknown → unknown" in str(robustness)
    assert robustness.to_json()["mean"]["mild"]["accepted_error"] is None


def test_a_table_without_one_of_the_senses_is_measured_by_the_other(here, capsys):
    Path("rows.csv").write_text("image,label\n0.png,dark\n7.png,bright")
    assert run(["evaluate", "both.seehear", "rows.csv", "--robustness", "--json", "--report", "report"]) == 0
    found = json.loads(capsys.readouterr().out)["robustness"]["corruptions"]
    assert set(found) == {f"image: {name}" for name in SENSES["image"].corruptions()}


def test_where_nothing_is_answered_under_a_corruption_nothing_is_claimed(here, monkeypatch):
    """A black picture gives numbers that are not finite, which is no answer."""
    black = Corruption(lambda signal, *_: np.zeros_like(signal))
    monkeypatch.setattr(type(SENSES["image"]), "corruptions", lambda _: {"blackout": black})
    robustness = api.load("dark.seehear").evaluate("rows.csv", robustness=True).robustness
    assert robustness is not None and robustness.corruptions["blackout"].mild.n == 0
    assert "blackout" in str(robustness) and "unknown" in str(robustness)
    assert robustness.to_json()["mean"]["strong"]["accuracy"] is None
