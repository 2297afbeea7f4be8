"""Corruptions of clips of the mouth: those of pictures that another camera, light or distance makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seehear.senses import picture_corruptions
from seehear.senses.corruption import Corruption

Clip = NDArray[np.uint8]
OF_PICTURES = ("gaussian noise", "defocus blur", "motion blur", "brightness", "darkness", "contrast", "gamma")


def _of_clips(corruption: Corruption) -> Corruption:
    """The corruption of (T, H, W) uint8, with its frames as the channels of one picture."""

    def corrupt(clip: Clip, amount: float, random: np.random.Generator) -> Clip:
        return np.ascontiguousarray(np.moveaxis(corruption.change(np.moveaxis(clip, 0, 2), amount, random), 2, 0))

    return replace(corruption, change=corrupt)


CORRUPTIONS: dict[str, Corruption] = {name: _of_clips(picture_corruptions.CORRUPTIONS[name]) for name in OF_PICTURES}
