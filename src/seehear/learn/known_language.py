"""Finds out whether a published Whisper can write the transcripts of a table, and in which language."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seehear.answers.text import Text
from seehear.answers.text.whisper_decoder import WhisperDecoder
from seehear.answers.text.whisper_spec import WhisperSpec
from seehear.errors import SeehearError
from seehear.geometry import Cells
from seehear.learn.zero_shot import Transcriber, count_blocks, plan_decoder
from seehear.senses import load_signal
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import WINDOW_S, HearingSpec, Whisper
from seehear.starts import Start, load_file, load_tensors
from seehear.starts.definition import TOKENIZER
from seehear.table import Table

EXAMPLES = 8
KNOWN = 1.0  # nats per character of a transcript, at most: 0.4 for learners' English, 1.9 for a language never heard


@torch.no_grad()
def choose_decoder(start: Start, table: Table) -> WhisperSpec | None:
    """The decoder of a start, set to the language of the table; None if it does not know the language.

    Reads EXAMPLES recordings and their texts. Raises SeehearError if the start cannot be loaded.
    """
    try:
        tokenizer = load_file(start, TOKENIZER)
    except SeehearError:
        return None
    tensors = load_tensors(start)
    spec = plan_decoder(tensors, tokenizer, start.encoder["size"])
    depth = count_blocks(tensors, "encoder.")
    size = Whisper.model_validate({**start.encoder, "layers": (depth,), "with_states": True})
    network = Transcriber(size, spec).eval()
    network.load_pretrained(tensors)
    examples = _load_examples(table, HearingSpec(longest_s=WINDOW_S, encoder=size))
    heard = [_hear(network, signal) for signal, _ in examples]
    spec = spec.model_copy(update={"language": _detect_language(network.decoder, heard)})
    network.decoder.spec = spec
    losses = [_compute_loss(network.decoder, *each) for each in zip(heard, (text for _, text in examples), strict=True)]
    return spec if losses and float(np.mean(losses)) <= KNOWN else None


def _load_examples(table: Table, spec: HearingSpec) -> list[tuple[NDArray[np.float32], str]]:
    """Recordings and their normalised texts; those that cannot be read are left out, as training reports them."""
    found = []
    for place in np.linspace(0, len(table) - 1, min(EXAMPLES, len(table))).astype(int).tolist():
        row = table[place]
        try:
            signal, _ = load_signal(HEARING.name, row.inputs[HEARING.name], spec)
        except (SeehearError, KeyError):
            continue
        if text := str(Text.from_string(row.answer or "")):
            found.append((signal, text))
    return found


def _hear(network: Transcriber, signal: NDArray[np.float32]) -> list[Tensor]:
    """The keys and values of each block for a recording (T,), without the padding to 30 s that slows a transcriber."""
    cells: Cells = network.hearing(torch.from_numpy(signal)[None], torch.tensor([len(signal)]))
    return network.decoder.project_states(cells.finer[0].x)


def _detect_language(decoder: WhisperDecoder, heard: list[list[Tensor]]) -> str:
    """The most probable language, given the keys and values for each recording."""
    special = decoder.spec.special
    if not special.multilingual:
        return "en"
    first, count = special.start + 1, len(special.languages)
    logp = torch.zeros(count)
    for cross in heard:
        logits = decoder.predict_next(torch.tensor([[special.start]]), cross)
        logp += logits[0, -1, first : first + count].log_softmax(0)
    return special.languages[int(logp.argmax())]


def _compute_loss(decoder: WhisperDecoder, cross: list[Tensor], text: str) -> float:
    """Nats per character of a text."""
    tokens = torch.tensor([decoder.spec.encode_sentence(text)])
    valid_mask = torch.ones(1, cross[0].shape[3], dtype=torch.bool)
    length = torch.tensor([tokens.shape[1]])
    per_token = float(decoder.loss(cross, valid_mask, tokens, length))
    return per_token * (tokens.shape[1] + 1) / max(len(text), 1) if math.isfinite(per_token) else math.inf
