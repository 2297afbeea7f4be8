"""A transcript is streamed window by window, while the recording is transcribed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from threading import Event
from typing import Any

import pytest

import scribe
from seehear.answers.text import Text
from seehear.api import Recogniser
from seehear.errors import InputError
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings
from serving import sound_file
from sockets import listening

pytestmark = pytest.mark.slow
SOURCE = ExampleSource("upload")
LATE_S = 20.0


class Slow(Recogniser):
    """Transcribes two windows, the second only when it may go on."""

    def __init__(self) -> None:
        super().__init__(scribe.bundle())
        self.may_go_on, self.ended = Event(), Event()
        self.second: Any = Text.from_string("good morning everybody")

    def predict_progressively(self, one: Any, **options: Any) -> Iterator[Prediction]:
        try:
            yield Prediction(SOURCE, Text.from_string("good morning"), 0.9, True, duration_s=60)
            while not self.may_go_on.wait(0.05):  # as windows do, it gives an answer again and again
                yield Prediction(SOURCE, Text.from_string("good morning"), 0.9, True, duration_s=60)
            if isinstance(self.second, Exception):
                yield Prediction.failed(SOURCE, InputError("the sound is damaged"))
            else:
                yield Prediction(SOURCE, self.second, 0.8, True, duration_s=60)
        finally:
            self.ended.set()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def port(slow: Slow) -> Iterator[int]:
    models = ModelRegistry()
    models.promote_loaded("notes", "notes.seehear", slow)
    with listening(ServeSettings(), models) as opened:
        yield opened


def ask(port: int) -> tuple[HTTPConnection, HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", port, timeout=LATE_S)
    parts = [("model", "", b"notes"), ("stream", "", b"true"), ("file", '; filename="a.wav"', sound_file())]
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"
        for name, more, value in parts
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", "/v1/audio/transcriptions", body + b"--x--\r\n", headers)
    return connection, connection.getresponse()


def read_event(response: HTTPResponse) -> dict[str, Any]:
    line = response.readline()
    response.readline()
    event: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return event


def test_words_come_before_the_recording_is_transcribed(port: int, slow: Slow) -> None:
    connection, response = ask(port)
    assert (response.status, response.getheader("content-type")) == (200, "text/event-stream; charset=utf-8")
    assert [read_event(response)["delta"] for _ in range(2)] == ["good", " morning"]
    assert not slow.ended.is_set()
    slow.may_go_on.set()
    assert read_event(response)["delta"] == " everybody"
    done = read_event(response)
    assert (done["type"], done["text"]) == ("transcript.text.done", "good morning everybody")
    assert done["usage"] == {"type": "duration", "seconds": 60}
    assert response.read() == b""
    connection.close()


def test_a_window_that_fails_ends_the_stream_with_an_error(port: int, slow: Slow) -> None:
    slow.second = InputError("damaged")
    connection, response = ask(port)
    for _ in range(2):
        read_event(response)
    slow.may_go_on.set()
    assert "the sound is damaged" in read_event(response)["error"]["message"]
    assert response.read() == b""
    connection.close()


def test_who_goes_away_ends_the_work(port: int, slow: Slow) -> None:
    connection, response = ask(port)
    read_event(response)
    response.close()
    connection.close()
    assert slow.ended.wait(LATE_S)
    assert not slow.may_go_on.is_set()
