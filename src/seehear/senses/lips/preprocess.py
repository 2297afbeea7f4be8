"""Lips' `preprocess`: a clip of any size of picture to one that the encoder accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.errors import InputError
from seehear.geometry import Warp
from seehear.senses.lips.plan import RATE_HZ, SHORTEST_FRAMES

if TYPE_CHECKING:
    from seehear.senses.lips.plan import LipsSpec

Clip = NDArray[np.uint8]

STEP_FRAMES = 5  # a batch's length is a multiple, so that few shapes occur


def preprocess(clip: Clip, spec: LipsSpec) -> tuple[Clip, Warp]:
    """(T, H, W) -> (T, spec.height, spec.width_px), and the way between their times in seconds.

    What is too short stays as it was at its end; what is too long is cut there. Raises InputError for what is too
    long where the whole of it counts.
    """
    longest = round(spec.longest_s * RATE_HZ)
    if len(clip) > longest and spec.requires_full_input:
        raise InputError(
            f"{len(clip) / RATE_HZ:.1f} s of video, of which every second counts",
            allowed=f"up to {spec.longest_s:g} s",
            hint="name its stretches in a table with start and end",
        )
    clip = clip[:longest]
    if len(clip) < SHORTEST_FRAMES:
        clip = np.concatenate([clip, np.repeat(clip[-1:], SHORTEST_FRAMES - len(clip), axis=0)])
    size = (spec.width_px, spec.height)
    resized = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)) for frame in clip]
    return np.stack(resized), Warp.identity(1)


def collate(preprocessed: Sequence[Clip | None], spec: LipsSpec) -> dict[str, NDArray[Any]]:
    """-> lips (B, T, H, W) uint8, black beyond lips_frames (B,) int64; a clip withheld is the shortest darkness."""
    lengths = np.array([SHORTEST_FRAMES if clip is None else len(clip) for clip in preprocessed], np.int64)
    longest = -(-int(lengths.max(initial=1)) // STEP_FRAMES) * STEP_FRAMES
    lips = np.zeros((len(preprocessed), longest, spec.height, spec.width_px), np.uint8)
    for row, clip in zip(lips, preprocessed, strict=True):
        if clip is not None:
            row[: len(clip)] = clip
    return {"lips": lips, "lips_frames": lengths}
