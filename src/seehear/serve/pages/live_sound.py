"""What is heard live, as parts of a page: words as they are spoken, or the answer to the newest seconds of sound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from seehear.answers.text.answer import Text
from seehear.answers.text.word import Word
from seehear.runtime.options import PredictOptions
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ
from seehear.serve.answering import Answerer
from seehear.serve.live_session import HeardSegment, LiveSession, Samples
from seehear.serve.models import ServedModel
from seehear.serve.pages.rendering import render_fragment
from seehear.serve.pages.trying import describe_answer

MOST_WINDOW_S = 5.0
LEAST_WINDOW_S = 0.5
EVERY_S = 0.5  # of new sound, between two answers


class Hearing(Protocol):
    """One stream of sound and its answers."""

    async def feed(self, sound: Samples) -> None:
        """More samples (T,) at RATE_HZ."""

    async def end(self) -> None:
        """No more sound."""

    def close(self) -> None:
        """Stop as soon as possible."""

    def answers(self) -> AsyncIterator[tuple[str, bool]]:
        """(a part of a page, whether it will not change any more). Raises SeehearError."""

    def files(self) -> Mapping[str, str]:
        """What was heard, by the extension of a file; {} if it is not text."""


class WordHearing:
    """Words as they are spoken, by the server's live session."""

    def __init__(self, model: ServedModel, hotwords: Sequence[str]) -> None:
        self._session = LiveSession(model, hotwords=hotwords or None, language=None)
        self._words: list[Word] = []

    async def feed(self, sound: Samples) -> None:
        await self._session.feed(sound)

    async def end(self) -> None:
        await self._session.end()

    def close(self) -> None:
        self._session.close()

    async def answers(self) -> AsyncIterator[tuple[str, bool]]:
        async for segment in self._session.segments():
            words = getattr(segment.prediction.answer, "words", ())
            if segment.final:
                self._words += words
            yield render_fragment("live_words.html", segment=segment, words=_mark(segment, words)), segment.final

    def files(self) -> Mapping[str, str]:
        if not self._words:
            return {}
        return {extension: content.decode() for extension, content in Text(tuple(self._words)).files().items()}


class WindowHearing:
    """The answer to the newest seconds of sound, again and again, one at a time."""

    def __init__(self, model: ServedModel, answerer: Answerer, options: PredictOptions) -> None:
        self._model, self._answerer, self._options = model, answerer, options
        spec: Any = model.recogniser.recipe.senses[HEARING.name]
        self._most = round(RATE_HZ * min(MOST_WINDOW_S, max(LEAST_WINDOW_S, spec.longest_s)))
        self._window = np.zeros(0, np.float32)
        self._new = 0  # samples since the last answer
        self._changed = asyncio.Event()
        self._ended = False

    async def feed(self, sound: Samples) -> None:
        self._window = np.concatenate([self._window, sound])[-self._most :]
        self._new += len(sound)
        self._changed.set()

    async def end(self) -> None:
        self.close()

    def close(self) -> None:
        self._ended = True
        self._changed.set()

    async def answers(self) -> AsyncIterator[tuple[str, bool]]:
        while not self._ended:
            await self._changed.wait()
            self._changed.clear()
            enough = len(self._window) >= min(self._most, round(LEAST_WINDOW_S * RATE_HZ))
            if enough and self._new >= EVERY_S * RATE_HZ:
                yield await self._answer(), False

    def files(self) -> Mapping[str, str]:
        return {}

    async def _answer(self) -> str:
        self._new, sound = 0, self._window
        began_s = time.perf_counter()
        example = {HEARING.name: (sound, RATE_HZ)}
        prediction = await self._answerer.answer_patiently(self._model, example, self._options, size=2 * len(sound))
        took_ms = round(1000 * (time.perf_counter() - began_s))
        return render_fragment(
            "live_window.html", shown=describe_answer(self._model, prediction, took_ms), seconds=len(sound) / RATE_HZ
        )


def _mark(segment: HeardSegment, words: Sequence[Word]) -> list[tuple[str, str]]:
    """(a word, how it is shown): may still change, unsure, or sure."""
    agreed = len(words) if segment.final else len(segment.agreed)
    return [
        (word.text, "tentative" if i >= agreed else "sure" if word.accepted or not segment.final else "unsure")
        for i, word in enumerate(words)
    ]
