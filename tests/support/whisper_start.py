"""A start for speech as small as possible: random weights under the published names, and a tokenizer of letters."""

from __future__ import annotations

import json
from string import ascii_letters

import numpy as np

from start_files import make_whisper

WIDTH, LAYERS = 64, 2
LETTERS = ("Ġ", ".", *ascii_letters)  # byte-level BPE writes a space as Ġ
SPECIAL = ("endoftext", "startoftranscript", "en", "de", "translate", "transcribe")
TOKENS = len(LETTERS) + 1511  # with the special tokens and those for times


def make_tokenizer() -> bytes:
    added = [{"content": f"<|{name}|>", "id": len(LETTERS) + i} for i, name in enumerate(SPECIAL)]
    letters = {letter: number for number, letter in enumerate(LETTERS)}
    return json.dumps({"model": {"vocab": letters}, "added_tokens": added}).encode()


def make_tensors() -> dict[str, np.ndarray]:
    """Random numbers under the published names, for the tokens of `make_tokenizer`."""
    tensors = {name: np.float32(0.1) * array for name, array in make_whisper(WIDTH, LAYERS).items()}
    rows = {"encoder.positional_embedding": 1500, "decoder.positional_embedding": 448}
    rows |= {"decoder.token_embedding.weight": TOKENS}
    random = np.random.default_rng(0)
    return tensors | {name: random.normal(size=(n, WIDTH)).astype(np.float32) for name, n in rows.items()}
