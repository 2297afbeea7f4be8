"""`seehear predict MODEL --live -`: answers to sound on stdin, while it comes; or to a long recording."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from seehear.escaping import as_json, printable

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.runtime.live import Heard

PORTION_BYTES = 1600  # 50 ms of 16-bit samples at 16 kHz


def listen(recogniser: Recogniser, source: str, *, json: bool, hotwords: Sequence[str] | None) -> None:
    """`source` is a recording, or - for raw PCM on stdin, 16-bit, little-endian, 16 kHz, one channel, as of
    `arecord -f S16_LE -r 16000 -t raw`.

    Guesses are printed as JSON, or on a terminal, where the next one takes their place; answers everywhere.
    """
    sound = _portions(sys.stdin.buffer) if source == "-" else _recorded(source)
    over_last = "\r\033[K" if sys.stdout.isatty() else ""
    for heard in recogniser.live(sound, hotwords=hotwords):
        if json:
            print(as_json(heard.to_json()), flush=True)
        elif heard.final:
            print(over_last + printable(_line(heard)), flush=True)
        elif over_last:
            print(f"{over_last}{printable(str(heard))} …", end="", flush=True)


def _line(heard: Heard) -> str:
    said = heard.prediction
    if said.answer is None:
        return said.error
    return str(heard) + ("" if said.accepted else f"   (I don't know: {said.reason})")


def _recorded(path: str) -> Iterator[np.ndarray]:
    from seehear.senses.hearing import HEARING

    samples = HEARING.read(path)
    for start in range(0, len(samples), PORTION_BYTES // 2):
        yield samples[start : start + PORTION_BYTES // 2]


def _portions(stream: BinaryIO) -> Iterator[np.ndarray]:
    while portion := stream.read(PORTION_BYTES):
        samples = np.frombuffer(portion[: len(portion) // 2 * 2], "<i2")
        yield samples.astype(np.float32) / np.float32(32768)
