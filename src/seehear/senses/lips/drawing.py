"""A contact sheet of a clip: some of its frames, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Clip = NDArray[np.uint8]

SHOWN, ACROSS = 12, 6  # frames, and frames per row


def draw(clip: Clip) -> Image.Image:
    """SHOWN frames spread evenly over the clip (T, H, W)."""
    return Image.fromarray(_tile(clip[_shown_frames(len(clip))]))


def place_frames(values: NDArray[Any], drawn: tuple[int, int]) -> NDArray[np.float32]:
    """(T,) -> (H, W) float32, as large as what `draw` draws: the value of each frame in all its pixels."""
    height, width = drawn[0] // (SHOWN // ACROSS), drawn[1] // ACROSS
    shown = values[_shown_frames(len(values))].astype(np.float32)
    return np.asarray(_tile(np.broadcast_to(shown[:, None, None], (SHOWN, height, width))))


def _shown_frames(frames: int) -> NDArray[np.int64]:
    return np.linspace(0, frames - 1, SHOWN).round().astype(np.int64)


def _tile(frames: NDArray[Any]) -> NDArray[Any]:
    """(SHOWN, H, W) -> the frames in rows of ACROSS."""
    rows = frames.reshape(SHOWN // ACROSS, ACROSS, *frames.shape[1:])
    return np.concatenate(np.concatenate(rows, axis=1), axis=1)
