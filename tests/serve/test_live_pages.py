"""Trying live: sound over the WebSocket of the pages, and pictures of the camera."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from reading_html import find_inline, read_html
from seehear.serve import live_session
from seehear.serve.pages import live
from serving import client, picture_file, registry

RATE_HZ = 48_000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[TestClient]:
    models = registry(bright=("image",), loud=("audio",), notes=("audio",))
    with client(models, projects=tmp_path / "projects") as opened:
        opened.post("/new", data={"name": "Birds", "answer": "label", "senses": "audio"})
        yield opened


def pcm(loudness: float, seconds: float) -> bytes:
    return np.full(round(RATE_HZ * seconds), round(32767 * loudness), "<i2").tobytes()


def speech(seconds: float) -> bytes:
    """Sound that the detector of speech takes for a voice."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(RATE_HZ * seconds))
    return np.round(32767 * noise).astype("<i2").tobytes()


def listen(served: TestClient, name: str, *portions: bytes, **beginning: Any) -> list[dict[str, Any]]:
    """All that comes back until the connection is closed."""
    messages = []
    with served.websocket_connect(f"ws://127.0.0.1:8765{name}/live/sound") as socket:
        socket.send_json({"rate_hz": RATE_HZ} | beginning)
        for each in portions:
            socket.send_bytes(each)
        socket.send_json({"end": True})
        while (received := socket.receive())["type"] == "websocket.send":
            messages.append(json.loads(received["text"]))
    return messages


def test_words_come_with_their_times_and_as_files_at_the_end(served: TestClient) -> None:
    silence = pcm(0, 1.5)
    messages = listen(served, "/models/notes/try", silence, speech(1), silence, speech(1), silence)
    finals = [read_html(each["html"]) for each in messages if each.get("final")]
    assert len(finals) == 2
    assert all("a b" in each.text for each in finals)
    assert not find_inline(finals[0])
    (said,) = [each["files"] for each in messages if "files" in each]
    assert said["txt"] == "a b a b\n"


def test_a_label_is_answered_from_the_newest_seconds(served: TestClient) -> None:
    with served.websocket_connect("ws://127.0.0.1:8765/models/loud/try/live/sound") as socket:
        socket.send_json({"rate_hz": RATE_HZ})
        for loudness, answer in ((0.9, "bright"), (0.1, "dark")):
            for _ in range(12):
                socket.send_bytes(pcm(loudness, 0.5))
            words = ""
            while answer not in words:  # the window is only filled with the new sound after some answers
                words = read_html(socket.receive_json()["html"]).text
            assert "It says" in words


def test_sound_that_is_too_short_gets_no_answer(served: TestClient) -> None:
    assert listen(served, "/models/loud/try", pcm(0.9, 0.2)) == []


@pytest.mark.parametrize(
    ("name", "beginning", "words"),
    (
        ("/models/bright/try", {}, "bright does not hear"),
        ("/models/owls/try", {}, "no model is called 'owls'"),
        ("/p/birds/try", {}, "there is no version yet"),
        ("/p/owls/try", {}, "owls"),
        ("/models/loud/try", {"rate_hz": 1}, "rate_hz: Input should be greater"),
        ("/models/loud/try", {"rate": 1}, "rate: Extra inputs"),
        ("/models/loud/try", {"hotwords": ["wren"]}, "for models that write words"),
    ),
)
def test_what_cannot_be_heard_is_told(served: TestClient, name: str, beginning: dict[str, Any], words: str) -> None:
    (message,) = listen(served, name, **beginning)
    assert words in message["problem"]


def test_the_first_message_must_say_what_comes(served: TestClient) -> None:
    with served.websocket_connect("ws://127.0.0.1:8765/models/loud/try/live/sound") as socket:
        socket.send_bytes(pcm(0.5, 0.1))
        assert "the first message is not JSON" in socket.receive_json()["problem"]


def test_other_sites_and_too_many_are_refused(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "ws://127.0.0.1:8765/models/loud/try/live/sound"
    foreign = {"origin": "http://evil.example"}
    with pytest.raises(WebSocketDisconnect), served.websocket_connect(address, headers=foreign):
        pass
    monkeypatch.setattr(live_session, "MOST_SESSIONS", 0)
    with served.websocket_connect(address) as socket:
        assert socket.receive()["code"] == live_session.TRY_AGAIN_LATER


def test_a_browser_that_goes_or_falls_silent_gives_its_place_back(
    served: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_session, "MOST_SESSIONS", 1)
    address = "ws://127.0.0.1:8765/models/notes/try/live/sound"
    for _ in range(3):
        with served.websocket_connect(address) as socket:
            socket.send_json({"rate_hz": RATE_HZ})
            socket.send_bytes(speech(0.5))
        with served.websocket_connect(address) as socket:
            socket.send_json({"rate_hz": RATE_HZ})
            socket.send_json({"end": True})
            assert socket.receive()["code"] == 1000
    monkeypatch.setattr(live, "IDLE_S", 0.05)
    with served.websocket_connect(address) as socket:
        assert "no message came" in socket.receive_json()["problem"]


def test_a_picture_of_the_camera_is_answered_without_a_preview(served: TestClient) -> None:
    page = read_html(served.post("/models/bright/try/live", files={"file": ("camera.jpg", picture_file(0.9))}).text)
    assert "bright" in page.text
    assert not page.all("img")


@pytest.mark.parametrize(("name", "parts"), (("bright", 1), ("loud", 1), ("notes", 1)))
def test_the_page_offers_what_the_model_can_do(served: TestClient, name: str, parts: int) -> None:
    page = read_html(served.get(f"/models/{name}/try/live").text)
    assert not find_inline(page)
    assert len(page.all("sh-listen") + page.all("sh-look")) == parts
    assert bool(page.all("sh-look")) is (name == "bright")
    assert bool(page.all("textarea")) is (name == "notes")
    assert f"/models/{name}/try/live" in {
        each.attributes.get("href") for each in read_html(served.get(f"/models/{name}/try").text).all("a")
    }


def test_a_project_without_a_version_says_what_to_do(served: TestClient) -> None:
    assert "There is no version yet" in read_html(served.get("/p/birds/try/live").text).text


def test_pages_may_use_microphone_and_camera_and_nobody_else(served: TestClient) -> None:
    headers = served.get("/models/loud/try/live").headers
    assert "microphone=(self)" in headers["permissions-policy"]
    assert "camera=(self)" in headers["permissions-policy"]
    assert "connect-src 'self'" in headers["content-security-policy"]
