"""Hearing's `preprocess`: any length of recording to one that the encoder accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.geometry import Warp
from seehear.senses.hearing.plan import RATE_HZ

if TYPE_CHECKING:
    from seehear.senses.hearing.plan import HearingSpec

Samples = NDArray[np.float32]

STEP_SAMPLES = RATE_HZ // 10  # a batch's length is a multiple, so that few shapes occur
_FRAME_SAMPLES = RATE_HZ // 50
_SILENT = 10 ** (-50 / 20)  # of the loudest frame's amplitude


def preprocess(samples: Samples, spec: HearingSpec) -> tuple[Samples, Warp]:
    """(T,) -> (T,) between spec.shortest_s and spec.longest_s, and the way between their times in seconds.

    What is too long is cut to longest_s from where the sound begins, or to the last longest_s if it begins later
    than those; what is too short is followed by silence. All else is returned as it is. Raises InputError for what is
    too long where the whole of it counts.
    """
    longest, shortest = round(spec.longest_s * RATE_HZ), round(spec.shortest_s * RATE_HZ)
    start = 0
    if len(samples) > longest:
        if spec.requires_full_input:
            raise InputError(
                f"{len(samples) / RATE_HZ:.1f} s of sound, of which every second counts",
                allowed=f"up to {spec.longest_s:g} s",
                hint="ask with --live, which cuts it at pauses; or name its stretches in a table with start and end",
            )
        start = min(_onset(samples), len(samples) - longest)
        samples = samples[start : start + longest].copy()  # a view would keep all of it in memory
    if len(samples) < shortest:
        samples = np.pad(samples, (0, shortest - len(samples)))
    return samples, Warp((1.0,), (-start / RATE_HZ,))


def _onset(samples: Samples) -> int:
    """The first sample of the first frame that is not silent."""
    whole = len(samples) // _FRAME_SAMPLES * _FRAME_SAMPLES
    loudness = np.sqrt(np.square(samples[:whole]).reshape(-1, _FRAME_SAMPLES).mean(axis=1))
    return int(np.argmax(loudness > _SILENT * loudness.max(initial=0.0))) * _FRAME_SAMPLES


def collate(preprocessed: Sequence[Samples | None], spec: HearingSpec) -> dict[str, NDArray[Any]]:
    """-> audio (B, T) float32, zeros beyond audio_samples (B,) int64; a recording withheld is the shortest silence."""
    shortest = round(spec.shortest_s * RATE_HZ)
    lengths = np.array([shortest if samples is None else len(samples) for samples in preprocessed], np.int64)
    longest = -(-int(lengths.max(initial=1)) // STEP_SAMPLES) * STEP_SAMPLES
    audio = np.zeros((len(preprocessed), longest), np.float32)
    for row, samples in zip(audio, preprocessed, strict=True):
        if samples is not None:
            row[: len(samples)] = samples
    return {"audio": audio, "audio_samples": lengths}
