"""`seehear predict MODEL --live -`: answers to sound from stdin as it arrives, or to a long recording."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from seehear.escaping import escape_unprintable, to_json_line

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.runtime.live import SegmentPrediction

CHUNK_BYTES = 1600  # 50 ms of 16-bit samples at 16 kHz


def predict_live(recogniser: Recogniser, source: str, *, json: bool, hotwords: Sequence[str] | None) -> None:
    """`source` is a recording, or - for raw PCM from stdin: 16-bit, little-endian, 16 kHz, mono, as
    `arecord -f S16_LE -r 16000 -t raw` writes it.

    Final answers are always printed. Preliminary ones are printed as JSON, or on a terminal, where the next one
    overwrites them.
    """
    sound = _read_stream(sys.stdin.buffer) if source == "-" else _read_file(source)
    overwrite = "\r\033[K" if sys.stdout.isatty() else ""
    for segment in recogniser.live(sound, hotwords=hotwords):
        if json:
            print(to_json_line(segment.to_json()), flush=True)
        elif segment.final:
            print(overwrite + escape_unprintable(_format(segment)), flush=True)
        elif overwrite:
            print(f"{overwrite}{escape_unprintable(str(segment))} …", end="", flush=True)


def _format(segment: SegmentPrediction) -> str:
    prediction = segment.prediction
    if prediction.answer is None:
        return prediction.error
    return str(segment) + ("" if prediction.accepted else f"   (I don't know: {prediction.reason})")


def _read_file(path: str) -> Iterator[np.ndarray]:
    from seehear.senses.hearing import HEARING

    samples = HEARING.read(path)
    for start in range(0, len(samples), CHUNK_BYTES // 2):
        yield samples[start : start + CHUNK_BYTES // 2]


def _read_stream(stream: BinaryIO) -> Iterator[np.ndarray]:
    while chunk := stream.read(CHUNK_BYTES):
        samples = np.frombuffer(chunk[: len(chunk) // 2 * 2], "<i2")
        yield samples.astype(np.float32) / np.float32(32768)
