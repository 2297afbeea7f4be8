"""The pictures of boxes: precision against recall for the report, and boxes drawn on what they were found in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from seehear.answers.boxes.answer import BoxesSpec
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.metric import average_precision, curve
from seehear.answers.figure import PAPER, Axis, Field, shortened

Array = NDArray[Any]
# Okabe & Ito, "Color Universal Design" (2008): told apart by those who see few colours too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f00", "#000000")
MOST_CURVES = len(COLOURS)
LINE, NAME = 17, 150  # pixels of the page


def draw(compared: Mapping[str, Array], spec: BoxesSpec) -> Image.Image:
    """For each class, of the most frequent ones, how many boxes are right as ever more of what is there is found."""
    axes = (Axis("found, of all that is there", 0, 1, percent=True), Axis("right, of all found", 0, 1, percent=True))
    field = Field(*axes)
    objects = compared["objects"].sum(0)
    shown = [label for label in np.argsort(-objects, kind="stable")[:MOST_CURVES].tolist() if objects[label]]
    for place, label in enumerate(shown):
        precision, recall = (each[:, 0] for each in curve(compared, label))
        if len(precision):
            best = np.maximum.accumulate(precision[::-1])[::-1]
            some = np.unique(np.linspace(0, len(best) - 1, 400).astype(int))
            field.curve([0, *recall[some]], [best[0], *best[some]], color=COLOURS[place])
        name = f"{shortened(spec.classes[label], NAME)} {average_precision(compared, label)[0]:.2f}"
        x, y = field.at(0.03, 0.03)
        field.text((x + 14, y - LINE * (len(shown) - 1 - place)), name, size=11)
        field.box((x, y - LINE * (len(shown) - 1 - place) - 2), (10, 4), COLOURS[place])
    return field.finished()


def drawn_on(picture: Image.Image, boxes: Sequence[Box], classes: Sequence[str]) -> Image.Image:
    """A copy of a picture with its boxes, their classes and confidences; those not accepted in thin lines."""
    drawn = picture.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    width = max(1, round(min(picture.size) / 200))
    font = ImageFont.load_default(max(10.0, min(picture.size) / 40))
    for box in reversed(boxes):  # the surest last, above the others
        colour = COLOURS[classes.index(box.label) % len(COLOURS)]
        x1, y1, x2, y2 = box.xyxy
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=width if box.accepted else 1)
        name = f"{box.label} {box.confidence:.0%}"
        left, top, right, bottom = pen.textbbox((x1, y1), name, font=font, anchor="lb")
        if top < 0:  # no room above: within
            left, top, right, bottom = pen.textbbox((x1, y1), name, font=font, anchor="lt")
        pen.rectangle((left, top, right, bottom), fill=colour)
        pen.text((left, bottom), name, fill=PAPER, font=font, anchor="lb")
    return drawn
