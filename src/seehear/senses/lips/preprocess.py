"""Bring clips to the frame size and length that the encoder accepts, and batch them."""

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

STEP_FRAMES = 5  # batch lengths are multiples, so that few shapes occur


def preprocess(clip: Clip, spec: LipsSpec) -> tuple[Clip, Warp]:
    """(T, H, W) -> (T, spec.height, spec.width_px), and the Warp of their times in seconds.

    Short clips repeat their last frame; long ones are cut at the end. Raises InputError for a long one if the answer
    requires the full input.
    """
    longest = round(spec.longest_s * RATE_HZ)
    if len(clip) > longest and spec.requires_full_input:
        raise InputError(
            f"{len(clip) / RATE_HZ:.1f} s of video, all of which is needed",
            allowed=f"up to {spec.longest_s:g} s",
            hint="list excerpts in a table with start and end",
        )
    clip = clip[:longest]
    if len(clip) < SHORTEST_FRAMES:
        clip = np.concatenate([clip, np.repeat(clip[-1:], SHORTEST_FRAMES - len(clip), axis=0)])
    size = (spec.width_px, spec.height)
    resized = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)) for frame in clip]
    return np.stack(resized), Warp.identity(1)


def collate(preprocessed: Sequence[Clip | None], spec: LipsSpec) -> dict[str, NDArray[Any]]:
    """-> lips (B, T, H, W) uint8, black beyond lips_frames (B,) int64. Missing ones become the shortest black clip."""
    lengths = np.array([SHORTEST_FRAMES if clip is None else len(clip) for clip in preprocessed], np.int64)
    longest = -(-int(lengths.max(initial=1)) // STEP_FRAMES) * STEP_FRAMES
    lips = np.zeros((len(preprocessed), longest, spec.height, spec.width_px), np.uint8)
    for row, clip in zip(lips, preprocessed, strict=True):
        if clip is not None:
            row[: len(clip)] = clip
    return {"lips": lips, "lips_frames": lengths}
