"""Boxes drawn on the picture that they were found in."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from seehear.answers.boxes.box import Box
from seehear.answers.figure import PAPER

# Okabe & Ito, "Color Universal Design" (2008): told apart by those who see few colours too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f00", "#000000")


def drawn_on(picture: Image.Image, boxes: Sequence[Box], classes: Sequence[str]) -> Image.Image:
    """A copy of a picture with its boxes, their classes, tracks and confidences; those not accepted in thin lines."""
    drawn = picture.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    width = max(1, round(min(picture.size) / 200))
    font = ImageFont.load_default(max(10.0, min(picture.size) / 40))
    for box in reversed(boxes):  # the surest last, above the others
        colour = COLOURS[classes.index(box.label) % len(COLOURS)]
        x1, y1, x2, y2 = box.xyxy
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=width if box.accepted else 1)
        track = "" if box.track is None else f" #{box.track} "
        sure = "" if box.confidence == 1 else f" {box.confidence:.0%}"  # a truth needs no odds
        name = f"{box.label}{track}{sure}"
        left, top, right, bottom = pen.textbbox((x1, y1), name, font=font, anchor="lb")
        if top < 0:  # no room above: within
            left, top, right, bottom = pen.textbbox((x1, y1), name, font=font, anchor="lt")
        pen.rectangle((left, top, right, bottom), fill=colour)
        pen.text((left, bottom), name, fill=PAPER, font=font, anchor="lb")
    return drawn
