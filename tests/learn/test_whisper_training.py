"""Training that starts from Whisper's encoder and decoder; here both are tiny and random."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seehear import api
from seehear.events import Event, Notice
from seehear.learn import known_language
from seehear.planning import starts as planning_starts
from seehear.senses.hearing.plan import RATE_HZ, WHISPER_LAYERS, WHISPER_SIZES, Whisper
from whisper_start import LAYERS, WIDTH, make_tensors, make_tokenizer

NAME = "whisper-base"
WORDS_HZ = {"low": 300, "high": 900}


@pytest.fixture(autouse=True)
def _start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The start of that name, as if its package were installed."""
    monkeypatch.setitem(WHISPER_SIZES, "base", (WIDTH, LAYERS))
    monkeypatch.setitem(WHISPER_LAYERS, "base", (1, LAYERS))
    monkeypatch.setattr("seehear.learn.zero_shot.ALIGNMENT_HEADS", {"base": ((1, 0),)})
    for place in ("learn.model.pretrained", "learn.known_language", "learn.calibrate.untrained"):
        monkeypatch.setattr(f"seehear.{place}.load_tensors", lambda start: make_tensors())
    monkeypatch.setattr("seehear.learn.known_language.load_file", lambda start, name: make_tokenizer())
    monkeypatch.setattr(planning_starts, "is_available", lambda start: start.name == NAME)
    yield


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Twenty recordings of two words, each a tone."""
    (tmp_path / "data").mkdir()
    rows = ["audio,text"]
    for i in range(20):
        words = ["low", "high"] if i % 2 else ["high", "low", "low"]
        sound = np.concatenate([_say(WORDS_HZ[word]) for word in words])
        with wave.open(str(tmp_path / "data" / f"{i}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((sound * 20_000 + 10 * i).astype("<i2").tobytes())
        rows.append(f"{i}.wav,{' '.join(words)}")
    (tmp_path / "data" / "table.csv").write_text("\n".join(rows))
    return tmp_path / "data" / "table.csv"


def _say(hz: float) -> np.ndarray:
    time = np.arange(RATE_HZ // 2) / RATE_HZ
    return np.sin(2 * np.pi * hz * time) * (time < 0.4)


def test_a_language_that_it_does_not_know_is_learned_without_its_decoder(recordings: Path) -> None:
    recipe = api.plan(recordings, start=NAME, steps=1)
    assert recipe.starts == {"audio": NAME}
    assert recipe.answer.decoder is None  # type: ignore[attr-defined]
    assert not recipe.senses["audio"].encoder.with_states  # type: ignore[attr-defined]


def test_a_language_that_it_knows_is_learned_with_its_decoder(
    recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_language, "KNOWN", np.inf)
    recipe = api.plan(recordings, start=NAME, steps=1)
    assert recipe.answer.decoder.language in ("en", "de")  # type: ignore[attr-defined]
    encoder: Whisper = recipe.senses["audio"].encoder  # type: ignore[attr-defined]
    assert encoder.with_states and encoder.frozen == LAYERS // 2
    assert recipe.training.batch <= 16


def test_auto_leaves_an_english_start_out_that_does_not_know_the_language(
    recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.plan(recordings, start="auto", steps=1).starts == {"audio": NAME}
    monkeypatch.setitem(WHISPER_SIZES, "tiny.en", (WIDTH, LAYERS))
    monkeypatch.setitem(WHISPER_LAYERS, "tiny.en", (1, LAYERS))
    monkeypatch.setattr("seehear.learn.zero_shot.ALIGNMENT_HEADS", {"tiny.en": ((1, 0),)})
    monkeypatch.setattr(planning_starts, "is_available", lambda start: start.name == "whisper-tiny.en")
    assert api.plan(recordings, start="auto", steps=1).starts == {}
    monkeypatch.setattr(known_language, "KNOWN", np.inf)
    assert api.plan(recordings, start="auto", steps=1).starts == {"audio": "whisper-tiny.en"}


def test_recordings_that_cannot_be_read_do_not_stop_the_plan(recordings: Path) -> None:
    (recordings.parent / "0.wav").write_bytes(b"nothing")
    assert api.plan(recordings, start=NAME, steps=1).starts == {"audio": NAME}


@pytest.mark.slow
def test_both_are_trained_exported_and_trained_further(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_language, "KNOWN", np.inf)
    events: list[Event] = []
    model = api.train(recordings, start=NAME, steps=2, out=tmp_path / "m.seehear", listen=events.append)
    said = "\n".join(event.text for event in events if isinstance(event, Notice))
    assert NAME in said and "without training" in said
    assert model.recipe.comparison is not None and "the wer of whisper-base without training is" in model.card()
    prediction = model.predict(recordings.parent / "3.wav")
    assert prediction.error == ""
    again = api.load(tmp_path / "m.seehear").predict(recordings.parent / "3.wav")
    assert str(again.answer) == str(prediction.answer)
    further = api.train(recordings, start=tmp_path / "m.seehear", steps=1)
    assert further.recipe.answer.decoder == model.recipe.answer.decoder  # type: ignore[attr-defined]


@pytest.mark.slow
def test_however_little_time_there_is_something_is_learned(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_language, "KNOWN", np.inf)
    model = api.train(recordings, start=NAME, minutes=0.05)
    assert (model.recipe.training.steps or 0) > 0
    assert model.recipe.comparison is not None and model.recipe.comparison.examples >= 1
