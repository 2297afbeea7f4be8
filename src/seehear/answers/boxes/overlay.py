"""Boxes drawn on the picture that they were found in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import Image

from seehear.answers.boxes.box import Box
from seehear.answers.overlay import Tags, enlarged

# Okabe & Ito, "Color Universal Design" (2008): told apart by those who see few colours too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f00", "#000000")

Corners = tuple[float, float, float, float]


def drawn_on(picture: Image.Image, boxes: Sequence[Box], classes: Sequence[str]) -> Image.Image:
    """A copy of a picture with its boxes, their classes, tracks and confidences; those not accepted in thin lines."""
    drawn = enlarged(picture)
    tags = Tags(drawn)
    width = max(1, round(min(drawn.size) / 200))
    times = drawn.width // picture.width
    corners = [(x1 * times, y1 * times, x2 * times, y2 * times) for x1, y1, x2, y2 in (box.xyxy for box in boxes)]
    colours = [COLOURS[classes.index(box.label) % len(COLOURS)] for box in boxes]
    names = [_name(box) for box in boxes]
    places = _places(names, corners, tags)
    # The surest last, above the others, and all names above all boxes.
    for box, (x1, y1, x2, y2), colour in reversed(list(zip(boxes, corners, colours, strict=True))):
        line = width if box.accepted else 1
        tags.draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=line)
    for name, place, colour in reversed(list(zip(names, places, colours, strict=True))):
        tags.write(place[:2], name, colour)
    return drawn


def _name(box: Box) -> str:
    track = "" if box.track is None else f" #{box.track}"
    sure = "" if box.confidence == 1 else f" {box.confidence:.0%}"  # a truth needs no odds
    return f"{box.label}{track}{sure}"


def _places(names: Sequence[str], boxes: Sequence[Corners], tags: Tags) -> list[Corners]:
    """Where each name lies within the picture: above its box, below or inside, at its left or right.

    It is the first of these at which least of other names is covered, and then of boxes.
    """
    taken: list[Corners] = []
    for name, (x1, y1, x2, y2) in zip(names, boxes, strict=True):
        reach = tags.reach_px(name)
        lefts = [_within(left, tags.width_px - reach) for left in (x1, x2 - reach)]
        tops = [_within(top, tags.height_px - tags.line_px) for top in (y1 - tags.line_px, y2, y1)]
        places = [(left, top, left + reach, top + tags.line_px) for top in tops for left in lefts]
        taken.append(min(places, key=lambda place: (_covered(place, taken), _covered(place, boxes))))
    return taken


def _within(value: float, most: float) -> float:
    return max(0.0, min(value, most))


def _covered(place: Corners, others: Iterable[Corners]) -> float:
    """Square pixels of others, each for itself."""
    x1, y1, x2, y2 = place
    return sum(
        max(0.0, min(x2, right) - max(x1, left)) * max(0.0, min(y2, bottom) - max(y1, top))
        for left, top, right, bottom in others
    )
