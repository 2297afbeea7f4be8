"""A Whisper decoder with random weights and a vocabulary of single bytes and a few words, as small as possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.answers.text.whisper_decoder import ExportedWhisperDecoder, WhisperDecoder
from seehear.answers.text.whisper_spec import WhisperSpec
from seehear.decoding.autoregressive import RunDecoder
from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.decoding.whisper import list_cross_names

WORDS = (b" one", b" two", b" three", b" four")
MERGES = (b" o", b" on", b" t", b" tw", b" th", b" thr", b" thre", b" f", b" fo", b" fou")  # to spell the words with
VOCABULARY = ByteVocabulary((*(bytes([byte]) for byte in range(256)), *WORDS, *MERGES))
ONE = 256  # the number of the first word
SPEC = WhisperSpec(
    width=16,
    heads=2,
    layers=2,
    vocabulary=VOCABULARY.pack(),
    languages=("en", "de", "fr"),
    multilingual=True,
    alignment_heads=((0, 1), (1, 0)),
)


def make_decoder(spec: WhisperSpec = SPEC) -> WhisperDecoder:
    torch.manual_seed(0)
    decoder = WhisperDecoder(spec).eval().requires_grad_(False)
    for parameter in decoder.parameters():
        parameter.normal_(std=0.3)
    return decoder


def make_run(decoder: WhisperDecoder) -> RunDecoder:
    """The decoder as the runtime calls it, without an export."""
    exported = ExportedWhisperDecoder(decoder)

    def run(feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        made = exported(*(torch.from_numpy(feeds[name]) for name in exported.dynamic_axes))
        return {name: each.numpy() for name, each in zip(exported.outputs, made, strict=True)}

    return run


def make_memory(decoder: WhisperDecoder, frames: int = 50) -> dict[str, NDArray[np.float32]]:
    """Keys and values for the decoder, from random states."""
    states = torch.randn(1, frames, decoder.spec.width, generator=torch.Generator().manual_seed(1))
    names = list_cross_names(decoder.spec.layers)
    return {name: each[0].numpy() for name, each in zip(names, decoder.project_states(states), strict=True)}


class Dictation:
    """Stands for a decoder network that writes given tokens with certainty, and attends to `frames` in turn."""

    def __init__(self, token_ids: tuple[int, ...], frames: int, spec: WhisperSpec = SPEC, language: str = "de") -> None:
        self._spec, self._frames, self._language = spec, frames, language
        self.hears_speech = True
        self._prompt = spec.special.build_prompt(language, False)
        self._tokens = (*self._prompt, *token_ids, spec.special.text)

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        tokens, size = feeds["tokens"], self._spec.width // self._spec.heads
        before, (texts, length) = feeds["past_key_0"].shape[2], tokens.shape
        logits = np.zeros((texts, length, self._spec.tokens), np.float32)
        attention = np.full((texts, len(self._spec.alignment_heads), length, self._frames), 1e-3, np.float32)
        spoken = len(self._tokens) - len(self._prompt)
        for i in range(length):
            place = before + i
            following = self._tokens[min(place + 1, len(self._tokens) - 1)]
            if place == 0:
                following = self._spec.special.start + 1 + self._spec.languages.index(self._language)
            logits[:, i, following] = 20
            if place == 0 and not self.hears_speech:
                logits[:, i, self._spec.special.no_speech] = 30
            word = max(0, place - len(self._prompt) + 1)
            attention[:, :, i, word * self._frames // spoken : (word + 1) * self._frames // spoken] = 1
        past = np.zeros((texts, self._spec.heads, before + length, size), np.float32)
        names = [name for name in feeds if name.startswith("past_")]
        return {"logits": logits, "attention": attention, **{f"next_{name}": past for name in names}}

    def memory(self) -> dict[str, NDArray[np.float32]]:
        """raw arrays of an encoder for this decoder."""
        size, heads = self._spec.width // self._spec.heads, self._spec.heads
        shapes = ((heads, size, self._frames), (heads, self._frames, size))
        cross = {name: np.zeros(shapes[i % 2], np.float32) for i, name in enumerate(self._spec.cross_shapes)}
        frames = np.array(self._frames, np.float32)
        return {**cross, "states": frames, "cells": frames, "cell_s": np.array(0.02, np.float32)}
