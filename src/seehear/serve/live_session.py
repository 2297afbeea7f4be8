"""Live sound from a client: who may send it, its samples, and answering it in a thread while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from queue import Full, Queue
from threading import Thread

import numpy as np
from fastapi import WebSocket
from numpy.typing import NDArray

from seehear.errors import SeehearError
from seehear.runtime.live import SegmentPrediction
from seehear.runtime.prediction import Prediction
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.read import make_resampler
from seehear.serve.models import ServedModel

Samples = NDArray[np.float32]
MOST_WAITING = 64  # portions of sound
LONGEST_PORTION = RATE_HZ // 4  # samples; longer ones are cut, so that words come while they are said
FULL_WAIT_S = 0.02
MOST_SESSIONS = 16  # at once
TRY_AGAIN_LATER = 1013


@asynccontextmanager
async def admit(socket: WebSocket) -> AsyncIterator[bool]:
    """Accept a connection for live sound. False, and it is closed, if MOST_SESSIONS are open."""
    open_sessions: set[WebSocket] = socket.app.state.live_sessions
    await socket.accept()
    if len(open_sessions) >= MOST_SESSIONS:
        await socket.close(TRY_AGAIN_LATER, f"{MOST_SESSIONS} live sessions are open")
        yield False
        return
    open_sessions.add(socket)
    try:
        yield True
    finally:
        open_sessions.discard(socket)


class PcmDecoder:
    """16-bit PCM, in portions that may split a sample -> samples (T,) at RATE_HZ."""

    def __init__(self, rate_hz: int) -> None:
        self._rest = b""
        self._resample = make_resampler(rate_hz)

    def decode(self, data: bytes) -> Samples:
        data = self._rest + data
        whole = len(data) // 2 * 2
        self._rest = data[whole:]
        return self._resample(np.frombuffer(data[:whole], "<i2").astype(np.float32) / np.float32(32768))


@dataclass(frozen=True)
class HeardSegment:
    """A segment so far.

    agreed   its first words, which two answers in a row had; all its words if it is `final` and still begins with these
    """

    prediction: Prediction
    start_s: float
    end_s: float
    agreed: tuple[str, ...]
    final: bool


class LiveSession:
    """One stream of sound. `fed_s` is its length so far, in seconds."""

    def __init__(self, model: ServedModel, *, hotwords: Sequence[str] | None, language: str | None) -> None:
        self.fed_s = 0.0
        self._sound: Queue[Samples | None] = Queue(MOST_WAITING)
        self._heard: asyncio.Queue[HeardSegment | SeehearError | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._closed = self._ended = False
        self._thread = Thread(target=self._answer, args=(model, hotwords, language), name="seehear-live", daemon=True)
        self._thread.start()

    async def feed(self, sound: Samples) -> None:
        """More samples (T,) at RATE_HZ. Waits while too much of what came before is not answered yet."""
        self.fed_s += len(sound) / RATE_HZ
        for start in range(0, len(sound), LONGEST_PORTION):
            await self._put(sound[start : start + LONGEST_PORTION])

    async def end(self) -> None:
        """No more sound: the last segment ends here."""
        if not self._ended:
            self._ended = True
            await self._put(None)

    def close(self) -> None:
        """Stop as soon as possible; what was not answered is forgotten."""
        self._closed = True
        with suppress(Full):
            self._sound.put_nowait(None)

    async def segments(self) -> AsyncIterator[HeardSegment]:
        """What is heard, as it is heard. Raises SeehearError for sound that cannot be answered."""
        while (heard := await self._heard.get()) is not None:
            if isinstance(heard, SeehearError):
                raise heard
            yield heard

    async def _put(self, portion: Samples | None) -> None:
        while self._thread.is_alive():
            with suppress(Full):
                self._sound.put_nowait(portion)
                return
            await asyncio.sleep(FULL_WAIT_S)

    def _answer(self, model: ServedModel, hotwords: Sequence[str] | None, language: str | None) -> None:
        """Runs in the thread."""
        agreement = Agreement()
        try:
            for segment in model.recogniser.live(self._chunks(), hotwords=hotwords, language=language):
                if self._closed:
                    break
                self._tell(agreement.add(segment))
        except SeehearError as error:
            self._tell(error)
        finally:
            self._tell(None)

    def _chunks(self) -> Iterator[Samples]:
        while not self._closed and (chunk := self._sound.get()) is not None:
            yield chunk

    def _tell(self, heard: HeardSegment | SeehearError | None) -> None:
        with suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(self._heard.put_nowait, heard)


class Agreement:
    """Finds the words that do not change any more: the beginning that two answers in a row have in common."""

    def __init__(self) -> None:
        self._before: tuple[str, ...] = ()
        self._agreed: tuple[str, ...] = ()

    def add(self, segment: SegmentPrediction) -> HeardSegment:
        words = tuple(str(segment.prediction.answer or "").split())
        if segment.final:
            agreed = words if words[: len(self._agreed)] == self._agreed else self._agreed
            self._before = self._agreed = ()
            return HeardSegment(segment.prediction, segment.start_s, segment.end_s, agreed, True)
        common = 0
        while common < min(len(words), len(self._before)) and words[common] == self._before[common]:
            common += 1
        if words[:common][: len(self._agreed)] == self._agreed:
            self._agreed = words[:common]
        self._before = words
        return HeardSegment(segment.prediction, segment.start_s, segment.end_s, self._agreed, False)
