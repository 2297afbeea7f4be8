"""Transcripts by Whisper's decoder and CTC together."""

from __future__ import annotations

import numpy as np
import pytest

from seehear.answers import ANSWERS
from seehear.answers.text import Text, TextSpec
from seehear.answers.text.joint import JOINT_WEIGHTS, propose
from tiny_whisper import ONE, SPEC, Dictation

FRAMES = 80
DECODER = SPEC.model_copy(update={"language": "de"})
SPOKEN: TextSpec = ANSWERS["text"].plan(["one two three four"] * 4, "text").replace(decoder=DECODER)
LETTERS = SPOKEN.tokens
ONE_TWO = (ONE, ONE + 1)


def recognise(text: str, cells: int = FRAMES // 2) -> np.ndarray:
    """CTC outputs (cells, V + 1) that are certain of a text."""
    symbols = np.full(cells, len(LETTERS))
    symbols[1 : 2 * len(text) + 1 : 2] = SPOKEN.encode(text)
    return np.log(np.eye(len(LETTERS) + 1)[symbols] * 0.98 + 0.02 / (len(LETTERS) + 1)).astype(np.float32)


def hear(text: str, written: tuple[int, ...] = ONE_TWO) -> tuple[dict[str, np.ndarray], Dictation]:
    """Raw arrays in which CTC recognises `text`, and a decoder that writes these tokens."""
    network = Dictation(written, frames=FRAMES)
    cells = {"cells": np.array(FRAMES / 2, np.float32), "cell_s": np.array(0.04, np.float32)}
    return network.memory() | cells | {"logp": recognise(text)}, network


def transcribe(raw: dict[str, np.ndarray], network: Dictation, weights: dict[str, float] | None = None) -> Text:
    kind = ANSWERS["text"].require_decoding("a decoder").with_network(network)
    answer: Text = kind.to_answer(raw, SPOKEN, weights or {}, None)
    return answer


def test_words_have_times_in_seconds_of_the_recording() -> None:
    text = transcribe(*hear("one two"))
    assert str(text) == "one two"
    assert [word.start_s for word in text.words] == pytest.approx([0, FRAMES * 0.02 / 3], abs=0.07)
    assert max(word.end_s for word in text.words) <= FRAMES * 0.02


def test_where_ctc_has_no_words_the_decoder_is_ignored() -> None:
    raw, network = hear("")
    assert str(transcribe(raw, network)) == ""
    assert str(transcribe(raw, network, {"ctc": 0.0})) == "one two"  # a CTC output that has not learned yet


def test_ctc_prefers_the_text_that_it_recognises() -> None:
    heard, missed = (propose(*place(hear(text))).candidates for text in ("one two", "four"))
    agreed, denied = (next(each for each in found if each.text == "one two") for found in (heard, missed))
    assert agreed.ctc > denied.ctc + 10
    assert agreed.score(JOINT_WEIGHTS) > denied.score(JOINT_WEIGHTS)


def place(heard: tuple[dict[str, np.ndarray], Dictation]) -> tuple[dict[str, np.ndarray], TextSpec, Dictation]:
    return heard[0], SPOKEN, heard[1]


def test_weights_are_tuned_to_trust_ctc_only_where_it_helps() -> None:
    kind = ANSWERS["text"]
    truths = [Text.from_string("one two")] * 3
    for recognised, trusted in (("", False), ("one two", True)):
        raw, network = hear(recognised)
        writing = kind.require_decoding("a decoder").with_network(network)
        tuned = writing.tune([writing.search(raw, SPOKEN)] * 3, truths, SPOKEN)
        assert set(tuned) == set(JOINT_WEIGHTS)
        assert (tuned["ctc"] > 0) == trusted


def test_targets_of_both_are_joined_in_a_longer_example() -> None:
    kind = ANSWERS["text"]
    assert kind.concatenation is not None
    parts = [kind.target(Text.from_string(text), SPOKEN, None) for text in ("one", "", "two")]
    joined = kind.concatenation.targets(parts, SPOKEN)
    assert SPOKEN.decode(joined["decoder_tokens"]) == "one two"
    assert SPEC.tokeniser.decode(joined["decoder_tokens"]) == " One. Two."
    assert int(joined["decoder_length"]) == len(joined["decoder_tokens"])
    assert int(joined["length"]) == len("one two")
