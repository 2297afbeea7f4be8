"""`/v1/realtime`: live transcription over a WebSocket, in the shape of general availability.

The client sends 16-bit PCM at 24 kHz. With turn detection, words come while somebody speaks, and the whole transcript
at each pause; without, a transcript of all that was sent comes with each commit.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seehear.errors import SeehearError, UsageError
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ
from seehear.serve.answering import Answerer, BusyError
from seehear.serve.live_session import LiveSession, PcmDecoder, Samples, admit
from seehear.serve.models import ModelRegistry, ServedModel
from seehear.serve.openai_audio.shapes import to_error, to_usage
from seehear.serve.refusals import describe_problems
from seehear.strict_json import from_json

router = APIRouter()
CLIENT_RATE_HZ = 24_000
IDLE_S = 300.0  # without a message
MOST_BUFFERED_S = 600.0  # of sound before a commit

PREFIX = "conversation.item.input_audio_transcription"


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class Format(_Part):
    type: str = "audio/pcm"
    rate: int = CLIENT_RATE_HZ


class Transcription(_Part):
    model: str | None = None
    language: str | None = None
    keywords: list[str] | None = None


class Input(_Part):
    format: Format = Field(default_factory=Format)
    transcription: Transcription = Field(default_factory=Transcription)
    turn_detection: dict[str, Any] | None = Field(default_factory=lambda: {"type": "server_vad"})


class Audio(_Part):
    input: Input = Field(default_factory=Input)


class Session(_Part):
    """The settings of one connection, as the client sends them."""

    type: str = "transcription"
    audio: Audio = Field(default_factory=Audio)


@router.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    async with admit(socket) as admitted:
        if admitted:
            with suppress(WebSocketDisconnect):
                await _Connection(socket).run()


class _Connection:
    """One client."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._models: ModelRegistry = socket.app.state.models
        self._answerer: Answerer = socket.app.state.answerer
        self._id = f"sess_{token_hex(8)}"
        self._settings = Session()
        self._live: LiveSession | None = None
        self._telling: asyncio.Task[None] | None = None
        self._buffer: list[Samples] = []
        self._decoder = PcmDecoder(CLIENT_RATE_HZ)
        self._heard_s = 0.0  # before the current live session
        self._last_item: str | None = None

    async def run(self) -> None:
        """Until the client goes."""
        await self._send("session.created", session=self._describe())
        try:
            while True:
                try:
                    async with asyncio.timeout(IDLE_S):
                        text = await self._socket.receive_text()
                except TimeoutError:
                    await self._socket.close(1000, f"nothing was sent for {IDLE_S:g} seconds")
                    return
                await self._handle(text)
        finally:
            if self._telling is not None:
                self._telling.cancel()
            if self._live is not None:
                self._live.close()

    async def _handle(self, text: str) -> None:
        event_id = None
        try:
            event = from_json(text)
            if not isinstance(event, dict):
                raise UsageError("not a JSON object")
            event_id = event.get("event_id")
            await self._dispatch(str(event.get("type")), event)
        except (SeehearError, BusyError, ValueError) as error:
            problem = to_error(400, str(error))["error"]
            await self._send("error", error={**problem, "event_id": event_id})

    async def _dispatch(self, kind: str, event: Mapping[str, Any]) -> None:
        """Raises SeehearError, BusyError, ValueError."""
        if kind == "session.update":
            await self._update(event.get("session"))
        elif kind == "input_audio_buffer.append":
            await self._append(event.get("audio"))
        elif kind == "input_audio_buffer.commit":
            await self._commit()
        elif kind == "input_audio_buffer.clear":
            await self._clear()
        else:
            allowed = "session.update, input_audio_buffer.append, input_audio_buffer.commit, input_audio_buffer.clear"
            raise UsageError(f"the event {kind!r}", allowed=allowed)

    async def _update(self, given: Any) -> None:
        try:
            settings = Session.model_validate(_merge(self._settings.model_dump(), given))
        except (ValidationError, TypeError) as error:
            raise UsageError(
                describe_problems(error.errors()) if isinstance(error, ValidationError) else "no session"
            ) from None
        if settings.type != "transcription":
            raise UsageError(f"a session of the type {settings.type!r}", allowed="transcription")
        sound = settings.audio.input.format
        if (sound.type, sound.rate) != ("audio/pcm", CLIENT_RATE_HZ):
            raise UsageError(f"{sound.type} at {sound.rate} Hz", allowed=f"audio/pcm at {CLIENT_RATE_HZ} Hz")
        await self._find_model(settings)
        await self._finish_live()
        self._settings = settings
        await self._send("session.updated", session=self._describe())

    async def _find_model(self, settings: Session) -> ServedModel:
        """Raises UsageError for a model that is not served, or does not hear."""
        name = settings.audio.input.transcription.model
        model = await asyncio.to_thread(self._models.get_or_load, name) if name else self._models.get()
        if HEARING.name not in model.recogniser.recipe.senses:
            raise UsageError(f"{model.name} does not hear")
        return model

    async def _append(self, audio: Any) -> None:
        try:
            sound = self._decoder.decode(base64.b64decode(str(audio), validate=True))
        except binascii.Error:
            raise UsageError("the audio is not base64") from None
        if self._settings.audio.input.turn_detection is None:
            held_s = sum(map(len, self._buffer)) / RATE_HZ
            if held_s + len(sound) / RATE_HZ > MOST_BUFFERED_S:
                raise UsageError(f"more than {MOST_BUFFERED_S:g} seconds without a commit")
            self._buffer.append(sound)
            return
        if self._live is None:
            model = await self._find_model(self._settings)
            asked = self._settings.audio.input.transcription
            self._live = LiveSession(model, hotwords=asked.keywords, language=asked.language)
            self._telling = asyncio.create_task(self._tell(self._live))
        await self._live.feed(sound)

    async def _commit(self) -> None:
        if self._settings.audio.input.turn_detection is not None:
            await self._finish_live()
            return
        sound, self._buffer = np.concatenate([*self._buffer, np.zeros(0, np.float32)]), []
        if not len(sound):
            raise UsageError("nothing to commit", hint="append sound first")
        item = f"item_{token_hex(8)}"
        await self._announce(item)
        model, asked = await self._find_model(self._settings), self._settings.audio.input.transcription
        options = PredictOptions(senses=(HEARING.name,), hotwords=asked.keywords, language=asked.language)
        try:
            example = {HEARING.name: (sound, RATE_HZ)}
            await self._complete(item, await self._answerer.answer(model, example, options, size=2 * len(sound)))
        except (SeehearError, BusyError) as error:
            await self._fail(item, str(error))

    async def _clear(self) -> None:
        self._buffer.clear()
        if self._live is not None:
            self._live.close()
        if self._telling is not None:
            await self._telling
        self._forget_live()
        await self._send("input_audio_buffer.cleared")

    async def _finish_live(self) -> None:
        """End the current segment, and send all of its events."""
        if self._live is not None and self._telling is not None:
            await self._live.end()
            await self._telling
        self._forget_live()

    def _forget_live(self) -> None:
        if self._live is not None:
            self._heard_s += self._live.fed_s
        self._live = self._telling = None

    async def _tell(self, live: LiveSession) -> None:
        """Send what is heard, segment by segment."""
        item, said = "", list[str]()
        try:
            async for segment in live.segments():
                if not item:
                    item, said = f"item_{token_hex(8)}", []
                    start_ms = round(1000 * (self._heard_s + segment.start_s))
                    await self._send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item)
                for word in segment.agreed[len(said) :]:
                    delta = word if not said else f" {word}"
                    said.append(word)
                    await self._send(f"{PREFIX}.delta", item_id=item, content_index=0, delta=delta)
                if segment.final:
                    end_ms = round(1000 * (self._heard_s + segment.end_s))
                    await self._send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item)
                    await self._announce(item)
                    await self._complete(item, segment.prediction)
                    item = ""
        except SeehearError as error:
            await self._fail(item or f"item_{token_hex(8)}", str(error))

    async def _announce(self, item: str) -> None:
        await self._send("input_audio_buffer.committed", item_id=item, previous_item_id=self._last_item)
        self._last_item = item

    async def _complete(self, item: str, prediction: Prediction) -> None:
        if prediction.answer is None:
            await self._fail(item, prediction.error)
            return
        await self._send(
            f"{PREFIX}.completed",
            item_id=item,
            content_index=0,
            transcript=str(prediction.answer),
            usage=to_usage(prediction.duration_s),
            accepted=prediction.accepted,
            reason=prediction.reason,
        )

    async def _fail(self, item: str, message: str) -> None:
        await self._send(f"{PREFIX}.failed", item_id=item, content_index=0, error=to_error(400, message)["error"])

    async def _send(self, kind: str, **members: Any) -> None:
        await self._socket.send_json({"type": kind, "event_id": f"event_{token_hex(8)}", **members})

    def _describe(self) -> dict[str, Any]:
        return {"id": self._id, "object": "realtime.transcription_session", **self._settings.model_dump()}


def _merge(old: Mapping[str, Any], new: Any) -> dict[str, Any]:
    """`old` with the members of `new`, which may leave out any at any depth. Raises TypeError if it is no mapping."""
    if not isinstance(new, Mapping):
        raise TypeError
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[name] = _merge(before or {}, value) if both else value
    return merged
