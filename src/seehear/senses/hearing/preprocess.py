"""Fit recordings to the length that the encoder accepts, and batch them."""

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

STEP_SAMPLES = RATE_HZ // 10  # batch lengths are multiples, so that few shapes occur
_FRAME_SAMPLES = RATE_HZ // 50
_SILENT = 10 ** (-50 / 20)  # relative to the loudest frame


def preprocess(samples: Samples, spec: HearingSpec) -> tuple[Samples, Warp]:
    """(T,) -> (T,) between spec.shortest_s and spec.longest_s, and the Warp of its times in seconds.

    A long recording is cut to longest_s from the onset of sound, or to its last longest_s if the onset is later; a
    short one is padded with silence. Raises InputError for a long one if the answer requires the full input.
    """
    longest, shortest = round(spec.longest_s * RATE_HZ), round(spec.shortest_s * RATE_HZ)
    start = 0
    if len(samples) > longest:
        if spec.requires_full_input:
            raise InputError(
                f"{len(samples) / RATE_HZ:.1f} s of sound, all of which is needed",
                allowed=f"up to {spec.longest_s:g} s",
                hint="use --live, which cuts it at pauses; or list excerpts in a table with start and end",
            )
        start = min(_onset(samples), len(samples) - longest)
        samples = samples[start : start + longest].copy()  # a view would keep the whole recording in memory
    if len(samples) < shortest:
        samples = np.pad(samples, (0, shortest - len(samples)))
    return samples, Warp((1.0,), (-start / RATE_HZ,))


def _onset(samples: Samples) -> int:
    """The first sample of the first frame that is not silent."""
    whole = len(samples) // _FRAME_SAMPLES * _FRAME_SAMPLES
    loudness = np.sqrt(np.square(samples[:whole]).reshape(-1, _FRAME_SAMPLES).mean(axis=1))
    return int(np.argmax(loudness > _SILENT * loudness.max(initial=0.0))) * _FRAME_SAMPLES


def collate(preprocessed: Sequence[Samples | None], spec: HearingSpec) -> dict[str, NDArray[Any]]:
    """-> audio (B, T) float32, zeros beyond audio_samples (B,) int64. Missing ones become the shortest silence."""
    shortest = round(spec.shortest_s * RATE_HZ)
    lengths = np.array([shortest if samples is None else len(samples) for samples in preprocessed], np.int64)
    longest = -(-int(lengths.max(initial=1)) // STEP_SAMPLES) * STEP_SAMPLES
    audio = np.zeros((len(preprocessed), longest), np.float32)
    for row, samples in zip(audio, preprocessed, strict=True):
        if samples is not None:
            row[: len(samples)] = samples
    return {"audio": audio, "audio_samples": lengths}
