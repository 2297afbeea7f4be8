"""Uses the `openai` package against a running server, whose address is the first argument. Prints "done" at the end."""

from __future__ import annotations

import base64
import math
import struct
import sys
from typing import Any

import openai
from wave_files import encode_wave

LOUD = 0.9
CLIENT = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0, timeout=60)


def samples(*seconds: float, rate_hz: int) -> bytes:
    """Silence, tone, silence, ... of these durations as 16-bit PCM."""
    values = [
        (i % 2) * LOUD * math.copysign(1, math.sin(2 * math.pi * 440 * t / rate_hz)) + 0.001 * (-1) ** t
        for i, lasts_s in enumerate(seconds)
        for t in range(round(lasts_s * rate_hz))
    ]
    return struct.pack(f"<{len(values)}h", *(round(32767 * value) for value in values))


def sound() -> tuple[str, bytes]:
    return "a.wav", encode_wave(samples(0.1, 0.4, rate_hz=16_000))


def transcribe(**options: Any) -> Any:
    return CLIENT.audio.transcriptions.create(file=sound(), model="notes", **options)


def check_files() -> None:
    assert {model.id for model in CLIENT.models.list()} >= {"notes", "loud", "whisper-1"}
    assert CLIENT.models.retrieve("whisper-1").owned_by == "seehear"
    assert transcribe().text == "a b"
    assert transcribe(response_format="text") == "a b\n"
    verbose = transcribe(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert (verbose.text, verbose.duration) == ("a b", 0.5), verbose
    events = list(transcribe(stream=True))
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    try:
        CLIENT.audio.transcriptions.create(file=sound(), model="gpt-transcribe")
    except openai.NotFoundError as error:
        assert "no model is called 'gpt-transcribe'" in str(error)
    else:
        raise AssertionError("an unknown model was answered")
    try:
        CLIENT.audio.translations.create(file=sound(), model="notes")
    except openai.BadRequestError:
        pass
    else:
        raise AssertionError("a model that cannot translate did")


def check_live() -> None:
    with CLIENT.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        heard = {"format": {"type": "audio/pcm", "rate": 24_000}, "transcription": {"model": "loud"}}
        connection.session.update(session={"type": "transcription", "audio": {"input": heard}})
        pcm = samples(0.5, 1.0, 0.8, rate_hz=24_000)
        for start in range(0, len(pcm), 4800):
            connection.input_audio_buffer.append(audio=base64.b64encode(pcm[start : start + 4800]).decode())
        kinds = []
        for event in connection:
            kinds.append(event.type)
            assert event.type not in ("error", "conversation.item.input_audio_transcription.failed"), event
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert event.transcript == "bright"
                break
    assert kinds[:2] == ["session.created", "session.updated"]
    assert {"input_audio_buffer.speech_started", "input_audio_buffer.committed"} <= set(kinds)


check_files()
check_live()
print("done")
