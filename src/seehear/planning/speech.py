"""Adds Whisper's decoder to a plan for transcripts, where it knows their language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from seehear.answers.text import TextSpec
from seehear.answers.text.whisper_spec import WhisperSpec
from seehear.planning.starts import StartChoice
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import WINDOW_S, HearingSpec, Whisper
from seehear.starts import Start, find_start
from seehear.table import Table

ChooseDecoder = Callable[[Start, Table], WhisperSpec | None]  # None if its decoder does not know the language

BATCH = 16  # at most, with Whisper's decoder, whose 50,000 tokens fill memory; many small steps suit it


class SpeechPlanner:
    """Plans with the decoder of a start, which is asked once whether it knows the language of a table."""

    def __init__(self, table: Table, choose_decoder: ChooseDecoder) -> None:
        self._find_decoder = cache(lambda start: choose_decoder(find_start(start), table))

    def drop_unsuitable(self, choice: StartChoice) -> StartChoice:
        """Drop English-only starts that do not know the language of the texts, unless the user named them."""
        if choice.required:
            return choice
        return replace(choice, candidates=tuple(filter(self._is_suitable, choice.candidates)))

    def _is_suitable(self, start: Start) -> bool:
        english_only = str(start.encoder.get("size", "")).endswith(".en")
        return not english_only or self._find_decoder(start.name) is not None

    def add_decoder(
        self, answer: Any, senses: Mapping[str, Any], starts: Mapping[str, str]
    ) -> tuple[Any, dict[str, Any]]:
        """The Specs of answer and senses; with the decoder of the start for hearing, for transcripts that it knows."""
        start, hearing = starts.get(HEARING.name), senses.get(HEARING.name)
        is_transcript = isinstance(answer, TextSpec) and not answer.translated
        if start is None or not is_transcript or not isinstance(hearing, HearingSpec):
            return answer, dict(senses)
        encoder = hearing.encoder
        if not isinstance(encoder, Whisper) or (decoder := self._find_decoder(start)) is None:
            return answer, dict(senses)
        return answer.replace(decoder=decoder), {**senses, HEARING.name: _pass_states(hearing, encoder)}


def limit_batch(batch: int, answer: Any) -> int:
    """The batch size for an answer: a small one if Whisper's decoder writes it."""
    return min(batch, BATCH) if isinstance(answer, TextSpec) and answer.whisper is not None else batch


def _pass_states(hearing: HearingSpec, encoder: Whisper) -> HearingSpec:
    """A Spec whose encoder passes its states to the decoder; its lower half keeps its published weights."""
    encoder = encoder.model_copy(update={"with_states": True, "frozen": encoder.depth // 2})
    return hearing.model_copy(update={"encoder": encoder, "longest_s": min(hearing.longest_s, WINDOW_S)})
