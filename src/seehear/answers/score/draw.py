"""The report's figure for scores: predicted against true values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import BLUE, FAINT, Axis, Plot, tint
from seehear.answers.score.answer import ScoreSpec

Array = NDArray[Any]
MAX_DOTS = 5000  # more would only fill the plot
DENSE_FROM = 300  # dots, from which on they are small and transparent


def draw(compared: Mapping[str, Array], spec: ScoreSpec) -> Image:
    """A dot per example, the line of perfect answers, and the band within the tolerance."""
    truth, answer = compared["truth"], compared["answer"]
    low, high = float(min(truth.min(), answer.min())), float(max(truth.max(), answer.max()))
    margin = 0.04 * (high - low) or 1.0
    unit = f" [{spec.unit}]" if spec.unit else ""
    ends = low - margin, high + margin
    xs = np.linspace(*ends, 200)
    plot = Plot(Axis(f"truth{unit}", *ends), Axis(f"answer{unit}", *ends))
    plot.fill_between(xs, xs - spec.tolerance, xs + spec.tolerance, color=tint(BLUE, 0.1))
    plot.curve(ends, ends, color=FAINT, width=1)
    shown = np.linspace(0, len(truth) - 1, min(len(truth), MAX_DOTS)).astype(int)
    dense = len(shown) > DENSE_FROM
    plot.scatter(truth[shown], answer[shown], radius=2 if dense else 3.5, color=BLUE + ("60" if dense else "b0"))
    return plot.to_image()
