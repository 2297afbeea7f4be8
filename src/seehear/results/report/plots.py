"""The pictures of every report: reliability diagram, risk-coverage curve, worst mistakes, corruptions."""

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
BINS = 10  # of the reliability diagram, equal in size: bins of equal width may be empty
CURVE_POINTS = 500
COLUMNS = {1: 5, 2: 2}  # mistakes per row, by pictures per mistake
WIDTH, CAPTION_HEIGHT, GAP = 896, 58, 16  # CSS pixels
NAMED_COLUMNS, NAME_HEIGHT = 7, 24


class Mistake(NamedTuple):
    """A wrong answer.

    key       of its row
    pictures  of its input; or two, with the answer and with the truth drawn on it
    """

    key: str
    pictures: tuple[Image.Image, ...]
    answer: Answer
    truth: Answer


def plot_reliability(confidence: Array, right: Array) -> Image.Image:
    """Accuracy by confidence with Wilson's intervals; calibrated confidence lies on the diagonal."""
    plot = Plot(Axis("confidence", 0, 1, percent=True), Axis("accuracy", 0, 1, percent=True))
    plot.curve([0, 1], [0, 1], color=FAINT, width=1)
    order = np.argsort(confidence, kind="stable")
    for rows in np.array_split(order, min(BINS, len(order))):
        mean_confidence, accuracy = float(confidence[rows].mean()), float(right[rows].mean())
        low, high = wilson(int(right[rows].sum()), len(rows))
        plot.curve([mean_confidence, mean_confidence], [low, high], color=BLUE + "80")
        plot.scatter([mean_confidence], [accuracy], radius=4.5)
    return plot.to_image()


def plot_risk_coverage(items: Items, *, coverage: float) -> Image.Image:
    """The share of wrong items by the share accepted, the most confident first; a line at the present coverage."""
    filled = items.number > 0
    order = np.argsort(-items.confidence[filled], kind="stable")
    descending = items.confidence[filled][order]
    ends = np.flatnonzero(np.r_[descending[1:] < descending[:-1], True][: len(order)])  # equal ones stay together
    accepted = np.cumsum(items.number[filled][order])[ends]
    risk = np.cumsum(items.wrong[filled][order])[ends] / accepted
    shown = np.unique(np.linspace(0, max(len(ends) - 1, 0), CURVE_POINTS).astype(int))[: len(ends)]
    top = min(1.0, 0.05 + float(risk[shown].max(initial=0.0)))
    plot = Plot(Axis("accepted", 0, 1, percent=True), Axis("wrong among the accepted", 0, top, percent=True))
    plot.curve([coverage, coverage], [0, top], color=RED, width=1)
    if shown.size:  # there may be no box and no word at all
        plot.curve(accepted[shown] / accepted[-1], risk[shown])
    return plot.to_image()


def tile_mistakes(mistakes: Sequence[Mistake]) -> Image.Image:
    """The mistakes as small pictures, each with answer, confidence and truth."""
    pictures_each = max(len(mistake.pictures) for mistake in mistakes)
    width = (WIDTH - GAP) // COLUMNS[pictures_each] - GAP
    side = (width - pictures_each + 1) // pictures_each
    flattest = min(picture.width / picture.height for mistake in mistakes for picture in mistake.pictures)
    height = round(side / max(flattest, 1))
    columns = min(COLUMNS[pictures_each], len(mistakes))
    canvas = _grid(len(mistakes), columns, width, height + CAPTION_HEIGHT)
    for index, mistake in enumerate(mistakes):
        x, y = _corner(index, columns, width, height + CAPTION_HEIGHT)
        for number, picture in enumerate(mistake.pictures):
            canvas.paste((x + number * (side + 1), y), _fit(picture, side, height))
        answer = f"{mistake.answer}, {mistake.answer.confidence:.0%} confidence"
        canvas.text((x, y + height + 14), truncate(answer, width, 12), size=12, color=RED)
        canvas.text((x, y + height + 31), truncate(f"truth: {mistake.truth}", width, 12), size=12)
        canvas.text((x, y + height + 47), truncate(mistake.key, width, 10), size=10, color=FAINT)
    return canvas.to_image()


def tile_named(pictures: Mapping[str, Image.Image]) -> Image.Image:
    """Small pictures, each with its name below."""
    width = (WIDTH - GAP) // NAMED_COLUMNS - GAP
    height = round(width / max(1.0, min(picture.width / picture.height for picture in pictures.values())))
    columns = min(NAMED_COLUMNS, len(pictures))
    canvas = _grid(len(pictures), columns, width, height + NAME_HEIGHT)
    for index, (name, picture) in enumerate(pictures.items()):
        x, y = _corner(index, columns, width, height + NAME_HEIGHT)
        canvas.paste((x, y), _fit(picture, width, height))
        canvas.text((x, y + height + 12), truncate(name, width, 11), size=11)
    return canvas.to_image()


def _grid(cells: int, columns: int, width: int, height: int) -> Canvas:
    rows = -(-cells // columns)
    return Canvas(GAP + columns * (width + GAP), GAP + rows * (height + GAP))


def _corner(index: int, columns: int, width: int, height: int) -> tuple[int, int]:
    """The top left corner of a cell of the grid."""
    return GAP + index % columns * (width + GAP), GAP + index // columns * (height + GAP)


def _fit(picture: Image.Image, width: float, height: float) -> Image.Image:
    """Resized and padded to a size in CSS pixels; pixels of a small picture stay sharp."""
    size = round(width * SCALE), round(height * SCALE)
    small = max(picture.size) * 4 <= min(size)
    method = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return ImageOps.pad(picture.convert("RGB"), size, method=method, color=GRID)
