"""The report's figure for boxes: precision against recall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.answers.boxes.answer import BoxesSpec
from seehear.answers.boxes.metric import average_precision, curve
from seehear.answers.class_marks import COLOURS
from seehear.answers.figure import Axis, Plot, truncate

Array = NDArray[Any]
MAX_CURVES = len(COLOURS)
MAX_POINTS = 400  # of one curve
LINE, NAME = 17, 150  # page pixels


def draw(compared: Mapping[str, Array], spec: BoxesSpec) -> Image.Image:
    """Precision-recall curves at IoU 0.5 of the most frequent classes, with the average precision of each."""
    plot = Plot(Axis("recall", 0, 1, percent=True), Axis("precision", 0, 1, percent=True))
    objects = compared["objects"].sum(0)
    shown = [label for label in np.argsort(-objects, kind="stable")[:MAX_CURVES].tolist() if objects[label]]
    for place, label in enumerate(shown):
        color = COLOURS[label if len(spec.classes) <= MAX_CURVES else place]  # the colour of its boxes where possible
        precision, recall = (each[:, 0] for each in curve(compared, label))
        if len(precision):
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            points = np.unique(np.linspace(0, len(envelope) - 1, MAX_POINTS).astype(int))
            plot.curve([0, *recall[points]], [envelope[0], *envelope[points]], color=color)
        name = f"{truncate(spec.classes[label], NAME)}, AP {average_precision(compared, label)[0]:.2f}"
        x, y = plot.at(0.03, 0.03)
        plot.text((x + 14, y - LINE * (len(shown) - 1 - place)), name, size=11)
        plot.rectangle((x, y - LINE * (len(shown) - 1 - place) - 2), (10, 4), color)
    return plot.to_image()
