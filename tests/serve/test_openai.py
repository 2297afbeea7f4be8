"""The audio API of OpenAI: shapes of answers, refusals, and live sound over a WebSocket."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from seehear.answers.text import Text
from seehear.answers.text.word import Word
from seehear.runtime.live import SegmentPrediction
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.serve import live_session
from seehear.serve.live_session import Agreement
from seehear.serve.openai_audio.shapes import to_verbose
from serving import client, registry, sound_file

PATH = "/v1/audio/transcriptions"
WORDS = (Word("good", 0.5, 0.9, 0.9), Word("morning", 1.0, 1.5, 0.4, accepted=False))


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    with client(registry(notes=("audio",), loud=("audio",), bright=("image",)), aliases={}) as opened:
        yield opened


def ask(served: TestClient, path: str = PATH, **fields: Any) -> Any:
    return served.post(path, files={"file": ("a.wav", sound_file())}, data={"model": "notes"} | fields)


def test_a_transcript_in_each_format(served: TestClient) -> None:
    plain = ask(served).json()
    assert plain["text"] == "a b"
    assert plain["usage"] == {"type": "duration", "seconds": 1}
    assert isinstance(plain["accepted"], bool)
    assert ask(served, response_format="text").text == "a b\n"
    verbose = ask(served, response_format="verbose_json").json()
    assert (verbose["task"], verbose["text"], verbose["language"]) == ("transcribe", "a b", "und")
    assert "does not know when words are said. Allowed: json" in ask(served, response_format="srt").text


def test_words_and_segments_with_times() -> None:
    text = Text(WORDS, 0.6, language="en")
    answer = Prediction(ExampleSource("a.wav"), text, 0.6, True, duration_s=2.25)
    verbose = to_verbose(answer, text, task="transcribe", language="", words=True)
    assert verbose["language"] == "en"
    assert verbose["duration"] == 2.25
    assert verbose["words"][1] == {"word": "morning", "start": 1.0, "end": 1.5, "confidence": 0.4, "accepted": False}
    (segment,) = verbose["segments"]
    assert (segment["text"], segment["start"], segment["end"]) == ("good morning", 0.5, 1.5)
    assert segment["avg_logprob"] == pytest.approx(np.mean(np.log([0.9, 0.4])), abs=1e-3)
    assert "words" not in to_verbose(answer, text, task="transcribe", language="", words=False)


def test_a_stream_of_events(served: TestClient) -> None:
    streamed = ask(served, stream="true")
    assert streamed.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in streamed.text.split("\n\n") if line]
    assert [event["type"] for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert "".join(event.get("delta", "") for event in events) == events[-1]["text"] == "a b"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": "gpt-transcribe"}, 404, "no model is called 'gpt-transcribe'"),
        ({"model": "loud"}, 400, "loud does not transcribe speech"),
        ({"model": "bright"}, 400, "bright does not transcribe speech"),
        ({"response_format": "diarized_json"}, 400, "response_format 'diarized_json'. Allowed: json, text, srt"),
        ({"timestamp_granularities[]": "letter"}, 400, "timestamp_granularities letter"),
        ({"known_speaker_names[]": "Eve"}, 400, "speakers are not separated"),
        ({"language": "de"}, 400, "language"),
    ],
)
def test_refusals_have_the_shape_of_the_api(
    served: TestClient, fields: dict[str, str], status: int, words: str
) -> None:
    refused = ask(served, PATH, **fields)
    assert refused.status_code == status
    assert words in refused.json()["error"]["message"]
    assert refused.json()["error"]["type"] == "invalid_request_error"


def test_sound_that_cannot_be_read(served: TestClient) -> None:
    refused = served.post(PATH, files={"file": ("a.wav", b"nothing")}, data={"model": "notes"})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].startswith("a.wav: ")
    assert "no file" in served.post(PATH, data={"model": "notes"}, files={"x": b""}).json()["error"]["message"]


def test_translations_need_a_model_that_translates(served: TestClient) -> None:
    assert ask(served, "/v1/audio/translations").status_code == 400


def test_models_and_their_aliases() -> None:
    models = registry(notes=("audio",))
    models._aliases["whisper-1"] = "notes"
    with client(models) as opened:
        listed = opened.get("/v1/models").json()
        assert [each["id"] for each in listed["data"]] == ["notes", "whisper-1"]
        assert opened.get("/v1/models/whisper-1").json()["owned_by"] == "seehear"
        assert opened.get("/v1/models/none").json()["error"]["message"].startswith("no model is called 'none'")
        assert ask(opened, model="whisper-1").json()["text"] == "a b"


def pcm(*seconds: float, tone: float = 0.9) -> str:
    """Silence, tone, silence, ... of these durations, at 24 kHz, as the API wants it."""
    loud = np.concatenate([np.full(round(s * 24_000), tone * (i % 2)) for i, s in enumerate(seconds)])
    square = loud * np.sign(np.sin(np.arange(len(loud)) * 2 * np.pi * 440 / 24_000))
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(loud))
    return base64.b64encode(((square + noise) * 32767).clip(-32768, 32767).astype("<i2").tobytes()).decode()


def session(model: str, **settings: Any) -> dict[str, Any]:
    heard = {"format": {"type": "audio/pcm", "rate": 24_000}, "transcription": {"model": model}} | settings
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": heard}}}


def receive_until(socket: Any, kind: str) -> list[dict[str, Any]]:
    events = [socket.receive_json()]
    while not events[-1]["type"].endswith(kind):
        events.append(socket.receive_json())
    return events


def test_live_sound_is_told_segment_by_segment(served: TestClient) -> None:
    with served.websocket_connect("ws://127.0.0.1:8765/v1/realtime?intent=transcription") as socket:
        created = socket.receive_json()
        assert (created["type"], created["session"]["type"]) == ("session.created", "transcription")
        socket.send_json(session("loud"))
        updated = socket.receive_json()
        assert updated["session"]["audio"]["input"]["transcription"]["model"] == "loud"
        for _ in range(2):
            socket.send_json({"type": "input_audio_buffer.append", "audio": pcm(0.5, 1.2, 0.8)})
        first = receive_until(socket, ".completed")
        second = receive_until(socket, ".completed")
    kinds = [event["type"].rpartition(".")[2] for event in first]
    assert [kinds[0], *kinds[-3:]] == ["speech_started", "speech_stopped", "committed", "completed"]
    assert "delta" in kinds
    assert first[-1]["transcript"] == "bright"
    assert first[-1]["usage"]["type"] == "duration"
    assert 200 <= first[0]["audio_start_ms"] <= 600
    assert 2500 <= second[0]["audio_start_ms"] <= 3100
    assert second[-2]["previous_item_id"] == first[-1]["item_id"] != second[-1]["item_id"]
    assert len({event["event_id"] for event in (*first, *second)}) == len(first) + len(second)


def test_without_turn_detection_each_commit_is_transcribed(served: TestClient) -> None:
    with served.websocket_connect("ws://127.0.0.1:8765/v1/realtime?intent=transcription") as socket:
        socket.send_json(session("notes", turn_detection=None))
        socket.send_json({"type": "input_audio_buffer.append", "audio": pcm(0.2, 0.5)})
        socket.send_json({"type": "input_audio_buffer.commit"})
        events = receive_until(socket, ".completed")
        assert events[-1]["transcript"] == "a b"
        socket.send_json({"type": "input_audio_buffer.append", "audio": pcm(0.2, 0.5)})
        socket.send_json({"type": "input_audio_buffer.clear"})
        assert socket.receive_json()["type"] == "input_audio_buffer.cleared"
        socket.send_json({"type": "input_audio_buffer.commit", "event_id": "mine"})
        error = socket.receive_json()["error"]
        assert (error["event_id"], error["message"][:17]) == ("mine", "nothing to commit")


def test_a_commit_ends_the_segment_at_once(served: TestClient) -> None:
    with served.websocket_connect("ws://127.0.0.1:8765/v1/realtime") as socket:
        socket.send_json(session("loud"))
        socket.send_json({"type": "input_audio_buffer.append", "audio": pcm(0.5, 1.0)})
        socket.send_json({"type": "input_audio_buffer.commit"})
        assert receive_until(socket, ".completed")[-1]["transcript"] == "bright"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("no json", "Expecting value"),
        ("[]", "not a JSON object"),
        ({"type": "response.create"}, "the event 'response.create'. Allowed: session.update"),
        ({"type": "session.update"}, "no session"),
        (session("owls"), "no model is called 'owls'"),
        (session("bright"), "bright does not hear"),
        (session("loud", format={"type": "audio/pcmu"}), "audio/pcmu at 24000 Hz. Allowed: audio/pcm at 24000 Hz"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "a session of the type 'realtime'"),
        ({"type": "session.update", "session": {"audio": 3}}, "audio: Input should be"),
        ({"type": "input_audio_buffer.append", "audio": "#"}, "not base64"),
    ],
)
def test_wrong_events_are_errors_and_the_session_goes_on(served: TestClient, event: Any, words: str) -> None:
    with served.websocket_connect("ws://127.0.0.1:8765/v1/realtime") as socket:
        socket.receive_json()
        socket.send_text(event if isinstance(event, str) else json.dumps(event))
        assert words in socket.receive_json()["error"]["message"]
        socket.send_json(session("loud"))
        assert socket.receive_json()["type"] == "session.updated"


def test_unauthorised_and_too_many_sessions_are_refused(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        served.websocket_connect("ws://127.0.0.1:8765/v1/realtime", headers={"origin": "http://evil.example"}),
    ):
        pass
    monkeypatch.setattr(live_session, "MOST_SESSIONS", 0)
    with served.websocket_connect("ws://127.0.0.1:8765/v1/realtime") as socket:
        assert socket.receive()["code"] == live_session.TRY_AGAIN_LATER


def test_only_words_that_two_answers_agree_on_are_told() -> None:
    agreement = Agreement()

    def hear(text: str, final: bool = False) -> tuple[str, ...]:
        answer = Prediction(ExampleSource("live"), Text.from_string(text), 1.0, True)
        return agreement.add(SegmentPrediction(answer, 0.0, 1.0, final)).agreed

    assert hear("good mourning") == ()
    assert hear("good morning every") == ("good",)
    assert hear("good morning everybody") == ("good", "morning")
    assert hear("could morning") == ("good", "morning"), "what was told is not taken back"
    assert hear("good morning everybody", final=True) == ("good", "morning", "everybody")
    assert hear("one") == ()
    assert hear("one two") == ("one",)
    assert hear("won", final=True) == ("one",)
