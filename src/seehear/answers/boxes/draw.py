"""The picture of boxes: precision against recall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.answers.boxes.answer import BoxesSpec
from seehear.answers.boxes.metric import average_precision, curve
from seehear.answers.boxes.overlay import COLOURS
from seehear.answers.figure import Axis, Field, shortened

Array = NDArray[Any]
MOST_CURVES = len(COLOURS)
LINE, NAME = 17, 150  # pixels of the page


def draw(compared: Mapping[str, Array], spec: BoxesSpec) -> Image.Image:
    """For each class, of the most frequent ones, how many boxes are right as ever more of what is there is found."""
    axes = (Axis("found, of all that is there", 0, 1, percent=True), Axis("right, of all found", 0, 1, percent=True))
    field = Field(*axes)
    objects = compared["objects"].sum(0)
    shown = [label for label in np.argsort(-objects, kind="stable")[:MOST_CURVES].tolist() if objects[label]]
    for place, label in enumerate(shown):
        color = COLOURS[label if len(spec.classes) <= MOST_CURVES else place]  # that of its boxes, where it may be
        precision, recall = (each[:, 0] for each in curve(compared, label))
        if len(precision):
            best = np.maximum.accumulate(precision[::-1])[::-1]
            some = np.unique(np.linspace(0, len(best) - 1, 400).astype(int))
            field.curve([0, *recall[some]], [best[0], *best[some]], color=color)
        name = f"{shortened(spec.classes[label], NAME)} {average_precision(compared, label)[0]:.2f}"
        x, y = field.at(0.03, 0.03)
        field.text((x + 14, y - LINE * (len(shown) - 1 - place)), name, size=11)
        field.box((x, y - LINE * (len(shown) - 1 - place) - 2), (10, 4), color)
    return field.finished()
