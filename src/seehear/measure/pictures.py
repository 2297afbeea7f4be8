"""The pictures that every kind of answer has in its report: its honesty, its reach, and its worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from seehear.answers import Answer, Items
from seehear.answers.figure import BLUE, FAINT, GRID, RED, SCALE, Axis, Canvas, Plot, truncate
from seehear.measure.intervals import wilson

Array = NDArray[Any]
PARTS = 10  # of the reliability diagram, with as many examples each: bins of equal width may hold none
ACROSS = {1: 5, 2: 2}  # mistakes in a row of the sheet, by their pictures
WIDE, CAPTION, GAP = 896, 58, 16  # pixels of the page
SMALL_ACROSS, NAME = 7, 24  # pictures in a row of those that only have a name, and the room for it


class Mistake(NamedTuple):
    """A wrong answer and the truth, the key of their row, and its picture; or two, with the one and with the other."""

    key: str
    pictures: tuple[Image.Image, ...]
    answer: Answer
    truth: Answer


def reliability(confidence: Array, right: Array) -> Image.Image:
    """How often answers were right, by how sure they were, with Wilson's intervals; honest is the diagonal."""
    plot = Plot(Axis("how sure it was", 0, 1, percent=True), Axis("how often it was right", 0, 1, percent=True))
    plot.curve([0, 1], [0, 1], color=FAINT, width=1)
    order = np.argsort(confidence, kind="stable")
    for part in np.array_split(order, min(PARTS, len(order))):
        sure, often = float(confidence[part].mean()), float(right[part].mean())
        low, high = wilson(int(right[part].sum()), len(part))
        plot.curve([sure, sure], [low, high], color=BLUE + "80")
        plot.scatter([sure], [often], radius=4.5)
    return plot.to_image()


def risk_coverage(items: Items, *, coverage: float) -> Image.Image:
    """How wrong its surest items were, by the share of all that they are; a line where it stops accepting them."""
    there = items.number > 0
    order = np.argsort(-items.confidence[there], kind="stable")
    given = np.cumsum(items.number[there][order])
    wrong = np.cumsum(items.wrong[there][order]) / given
    shown = np.unique(np.linspace(0, max(len(order) - 1, 0), 500).astype(int))[: len(order)]
    top = min(1.0, 0.05 + float(wrong[shown].max(initial=0.0)))
    plot = Plot(Axis("share that it accepts", 0, 1, percent=True), Axis("wrong among those", 0, top, percent=True))
    plot.curve([coverage, coverage], [0, top], color=RED, width=1)
    if shown.size:  # no box was told, and no word said, where there is none
        plot.curve(given[shown] / given[-1], wrong[shown])
    return plot.to_image()


def contact_sheet(mistakes: Sequence[Mistake]) -> Image.Image:
    """The mistakes as small pictures, each with what was said, how surely, and the truth."""
    most = max(len(mistake.pictures) for mistake in mistakes)
    width = (WIDE - GAP) // ACROSS[most] - GAP
    side = (width - most + 1) // most
    flattest = min(picture.width / picture.height for mistake in mistakes for picture in mistake.pictures)
    tall = round(side / max(flattest, 1))
    across = min(ACROSS[most], len(mistakes))
    down = -(-len(mistakes) // across)
    canvas = Canvas(GAP + across * (width + GAP), GAP + down * (tall + CAPTION + GAP))
    for place, mistake in enumerate(mistakes):
        x, y = GAP + place % across * (width + GAP), GAP + place // across * (tall + CAPTION + GAP)
        for number, picture in enumerate(mistake.pictures):
            canvas.paste((x + number * (side + 1), y), _tile(picture, side, tall))
        said = f"{mistake.answer}, {mistake.answer.confidence:.0%} sure"
        canvas.text((x, y + tall + 14), truncate(said, width, 12), size=12, color=RED)
        canvas.text((x, y + tall + 31), truncate(f"truth: {mistake.truth}", width, 12), size=12)
        canvas.text((x, y + tall + 47), truncate(mistake.key, width, 10), size=10, color=FAINT)
    return canvas.to_image()


def labelled(pictures: Mapping[str, Image.Image]) -> Image.Image:
    """Pictures beside each other, each with its name below."""
    width = (WIDE - GAP) // SMALL_ACROSS - GAP
    tall = round(width / max(1.0, min(picture.width / picture.height for picture in pictures.values())))
    down = -(-len(pictures) // SMALL_ACROSS)
    canvas = Canvas(GAP + min(SMALL_ACROSS, len(pictures)) * (width + GAP), GAP + down * (tall + NAME + GAP))
    for place, (name, picture) in enumerate(pictures.items()):
        x, y = GAP + place % SMALL_ACROSS * (width + GAP), GAP + place // SMALL_ACROSS * (tall + NAME + GAP)
        canvas.paste((x, y), _tile(picture, width, tall))
        canvas.text((x, y + tall + 12), truncate(name, width, 11), size=11)
    return canvas.to_image()


def _tile(picture: Image.Image, width: float, height: float) -> Image.Image:
    """Fitted whole into that much of the page, without smearing the pixels of a small picture."""
    size = round(width * SCALE), round(height * SCALE)
    small = max(picture.size) * 4 <= min(size)
    method = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return ImageOps.pad(picture.convert("RGB"), size, method=method, color=GRID)
