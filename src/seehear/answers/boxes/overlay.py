"""Boxes drawn on the picture they were found in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import Image

from seehear.answers.boxes.box import Box
from seehear.answers.class_marks import mark_classes
from seehear.answers.overlay import Captions, enlarge

Corners = tuple[float, float, float, float]


def draw_on(picture: Image.Image, boxes: Sequence[Box], classes: Sequence[str]) -> Image.Image:
    """A copy of a picture with boxes and captions: class, track, confidence. Boxes not accepted have thin lines."""
    image = enlarge(picture)
    captions = Captions(image)
    width = max(1, round(min(image.size) / 200))
    factor = image.width // picture.width
    corners = [(x1 * factor, y1 * factor, x2 * factor, y2 * factor) for x1, y1, x2, y2 in (box.xyxy for box in boxes)]
    marks = {mark.name: mark.colour for mark in mark_classes(classes)}
    colours = [marks[box.label] for box in boxes]
    texts = [_caption(box) for box in boxes]
    places = _place(texts, corners, captions)
    # The most confident box is drawn last, above the others, and all captions above all boxes.
    for box, (x1, y1, x2, y2), colour in reversed(list(zip(boxes, corners, colours, strict=True))):
        line = width if box.accepted else 1
        captions.draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=line)
    for text, place, colour in reversed(list(zip(texts, places, colours, strict=True))):
        captions.write(place[:2], text, colour)
    return image


def _caption(box: Box) -> str:
    track = "" if box.track is None else f" #{box.track}"
    confidence = "" if box.confidence == 1 else f" {box.confidence:.0%}"  # a truth has none
    return f"{box.label}{track}{confidence}"


def _place(texts: Sequence[str], boxes: Sequence[Corners], captions: Captions) -> list[Corners]:
    """Where each caption goes: above, below or inside its box, at its left or right, within the picture.

    The first of these places that covers least of other captions, and then of boxes.
    """
    taken: list[Corners] = []
    for text, (x1, y1, x2, y2) in zip(texts, boxes, strict=True):
        width, height = captions.width_px(text), captions.line_px
        lefts = [_clip(left, captions.picture_width_px - width) for left in (x1, x2 - width)]
        tops = [_clip(top, captions.picture_height_px - height) for top in (y1 - height, y2, y1)]
        places = [(left, top, left + width, top + height) for top in tops for left in lefts]
        taken.append(min(places, key=lambda place: (_covered_area(place, taken), _covered_area(place, boxes))))
    return taken


def _clip(value: float, high: float) -> float:
    return max(0.0, min(value, high))


def _covered_area(place: Corners, others: Iterable[Corners]) -> float:
    """Square pixels, summed over the others."""
    x1, y1, x2, y2 = place
    return sum(
        max(0.0, min(x2, right) - max(x1, left)) * max(0.0, min(y2, bottom) - max(y1, top))
        for left, top, right, bottom in others
    )
