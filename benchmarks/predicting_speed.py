"""Prediction speed: `predict` compared with a bare loop of Pillow and onnxruntime, and the time for one picture."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from benchmarks.results import Figure
from seehear.api import Recogniser
from seehear.runtime.bundle import read_bundle
from seehear.runtime.onnx_session import threads

BATCH = 32
FILES = 2000
ALONE = 300  # pictures predicted one by one
TARGET_RATIO = 0.85
TARGET_MS = 5.0


def predicting_speed(model: Recogniser, saved: Path, files: Sequence[Path], *, rounds: int) -> list[Figure]:
    """Ours and the bare loop in turns; then pictures one by one, from path to answer."""
    files = files[:FILES]
    session = onnxruntime.InferenceSession(read_bundle(saved).model, providers=["CPUExecutionProvider"])
    turns = []
    for _ in range(rounds):
        decoding_s = min(_seconds(_decode, files), _seconds(_decode_in_threads, files))
        bare_s = decoding_s + _seconds(_bare, session, _decode(files))
        turns.append((_seconds(_ask_all, model, files), bare_s))
    alone_ms = [1000 * _seconds(model.predict, file) for file in files[:ALONE]]
    ours, bare = (len(files) / statistics.median(times) for times in zip(*turns, strict=True))
    ratio = statistics.median(bare_s / ours_s for ours_s, bare_s in turns)
    return [
        Figure("predicting: seehear", ours, "pictures/s"),
        Figure("predicting: decoding, then a bare onnxruntime loop", bare, "pictures/s"),
        Figure("predicting: seehear relative to the bare loop", ratio, "%", at_least=TARGET_RATIO),
        Figure("predicting: one picture, median", statistics.median(alone_ms), "ms", at_most=TARGET_MS),
        Figure("predicting: one picture, 99th percentile", float(np.percentile(alone_ms, 99)), "ms"),
    ]


def _decode(files: Sequence[Path]) -> list[NDArray[np.uint8]]:
    return [_pixels(file) for file in files]


def _decode_in_threads(files: Sequence[Path]) -> list[NDArray[np.uint8]]:
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(_pixels, files))


def _pixels(file: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(file).convert("RGB"))


def _bare(session: onnxruntime.InferenceSession, decoded: Sequence[NDArray[np.uint8]]) -> None:
    for start in range(0, len(decoded), BATCH):
        session.run(None, {"image": np.stack(decoded[start : start + BATCH])})


def _ask_all(model: Recogniser, files: Sequence[Path]) -> int:
    return sum(1 for _ in model.predict(files))


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    started_s = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started_s
