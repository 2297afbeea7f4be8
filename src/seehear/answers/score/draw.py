"""The picture of scores: the truth across, the answer upwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import BLUE, FAINT, Axis, Field, blend
from seehear.answers.score.answer import ScoreSpec

Array = NDArray[Any]
MOST = 5000  # dots; more would only fill the field


def draw(compared: Mapping[str, Array], spec: ScoreSpec) -> Image:
    """A dot for each example, the line where answers are exact, and the band in which they count as right."""
    truth, answer = compared["truth"], compared["answer"]
    low, high = float(min(truth.min(), answer.min())), float(max(truth.max(), answer.max()))
    room = 0.04 * (high - low) or 1.0
    unit = f" [{spec.unit}]" if spec.unit else ""
    ends = low - room, high + room
    across = np.linspace(low - room, high + room, 200)
    field = Field(Axis(f"truth{unit}", *ends), Axis(f"answer{unit}", *ends))
    field.band(across, across - spec.tolerance, across + spec.tolerance, color=blend(BLUE, 0.1))
    field.curve(ends, ends, color=FAINT, width=1)
    shown = np.linspace(0, len(truth) - 1, min(len(truth), MOST)).astype(int)
    dense = len(shown) > 300
    field.dots(truth[shown], answer[shown], radius=2 if dense else 3.5, color=BLUE + ("60" if dense else "b0"))
    return field.finished()
