"""A real Whisper behind the audio API: the times of words, segments and subtitles of spoken sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from seehear.demo.espeak import speak
from seehear.errors import UsageError
from seehear.serve.models import ModelRegistry
from serving import client

pytestmark = pytest.mark.slow
MODEL = "whisper-tiny.en"
SENTENCES = ("good morning everybody", "the train is leaving the station", "thank you very much")
PAUSES_S = (1.0, 6.0, 8.0, 1.0)  # before, between and after them; windows end at those in the middle
CLOSE_S = 0.5  # the onset of a vowel is not that of a word
TIME = re.compile(r"(\d\d):(\d\d):(\d\d)[,.](\d\d\d)")


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    try:
        models = ModelRegistry({MODEL: MODEL})
    except UsageError as error:
        pytest.skip(str(error))
    with client(models) as opened:
        yield opened


@pytest.fixture(scope="module")
def recording() -> tuple[bytes, list[tuple[float, float]]]:
    """A file, and when each sentence is said in it."""
    spoken = [speak(sentence, "en-us", words_per_minute=140) for sentence in SENTENCES]
    rate_hz = spoken[0][1]
    pieces, spans, at_s = list[Any](), [], 0.0
    for pause_s, (samples, _) in zip(PAUSES_S, spoken, strict=False):
        heard = np.flatnonzero(np.abs(samples) > 300)
        said = samples[heard[0] : heard[-1] + 1]
        pieces += [np.zeros(round(pause_s * rate_hz), np.int16), said]
        spans.append((at_s + pause_s, at_s + pause_s + len(said) / rate_hz))
        at_s = spans[-1][1]
    file = BytesIO()
    pieces.append(np.zeros(round(PAUSES_S[-1] * rate_hz), np.int16))
    soundfile.write(file, np.concatenate(pieces), rate_hz, format="WAV")
    return file.getvalue(), spans


def ask(served: TestClient, recording: Any, **fields: Any) -> Any:
    files = {"file": ("a.wav", recording[0])}
    answered = served.post("/v1/audio/transcriptions", files=files, data={"model": MODEL} | fields)
    assert answered.status_code == 200, answered.text
    return answered


def test_words_and_segments_are_when_they_are_said(served: TestClient, recording: Any) -> None:
    verbose = ask(
        served, recording, response_format="verbose_json", **{"timestamp_granularities[]": ["word", "segment"]}
    ).json()
    words, spans = verbose["words"], recording[1]
    assert verbose["duration"] == pytest.approx(spans[-1][1] + PAUSES_S[-1], abs=0.01)
    assert all(word["start"] <= word["end"] for word in words)
    assert all(before["start"] <= after["start"] for before, after in pairwise(words))
    for start_s, end_s in spans:
        inside = [word for word in words if start_s - CLOSE_S <= word["start"] <= end_s]
        assert inside[0]["start"] == pytest.approx(start_s, abs=CLOSE_S)
        assert inside[-1]["end"] == pytest.approx(end_s, abs=CLOSE_S)
    assert all(any(start - CLOSE_S <= word["start"] <= end + CLOSE_S for start, end in spans) for word in words)
    found = {re.sub(r"\W", "", word["word"].lower()) for word in words}
    said = {"good", "morning", "train", "station", "thank", "you", "very", "much"}
    assert len(said & found) >= 6  # processors round differently, and a word may be taken for another
    segments = verbose["segments"]
    assert " ".join(each["text"] for each in segments) == verbose["text"]
    assert len(segments) >= len(SENTENCES), "none spans a long pause"
    assert all(each["end"] - each["start"] <= 7.5 for each in segments)
    assert segments[0]["start"] == words[0]["start"]


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_subtitles(served: TestClient, recording: Any, kind: str) -> None:
    text = ask(served, recording, response_format=kind).text
    assert text.startswith("WEBVTT\n" if kind == "vtt" else "1\n")
    times_s = [
        int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(milliseconds) / 1000
        for hours, minutes, seconds, milliseconds in TIME.findall(text)
    ]
    assert len(times_s) >= 2 * len(SENTENCES)
    assert times_s == sorted(times_s)
    assert times_s[0] == pytest.approx(recording[1][0][0], abs=CLOSE_S)
    assert ("," in TIME.search(text)[0]) == (kind == "srt")  # type: ignore[index]


def test_a_stream_tells_the_same_words(served: TestClient, recording: Any) -> None:
    events = [json.loads(line[6:]) for line in ask(served, recording, stream="true").text.split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"transcript.text.delta"}
    assert (
        "".join(event["delta"] for event in events[:-1]) == events[-1]["text"] == ask(served, recording).json()["text"]
    )
