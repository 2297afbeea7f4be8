"""A sheet of paper for the figures of a report: text, shapes, and a field with two axes. Pillow alone draws it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seehear.answers import lettering
from seehear.answers.lettering import typeset

INK, FAINT, GRID, PAPER = "#1f2933", "#7b8794", "#e4e7eb", "#ffffff"
BLUE, RED = "#2563a8", "#c2410c"
SMOOTH = 2  # drawn so many times larger and then averaged: Pillow's own shapes have hard edges
SCREEN = 2  # pixels of the finished picture to one of the page, for sharp screens
SCALE = SMOOTH * SCREEN

Point = tuple[float, float]
Numbers = Iterable[float] | NDArray[Any]
Anchor = Literal["lm", "mm", "rm", "ma", "la", "ra", "ms"]


class Sheet:
    """White paper, measured in pixels of the page; (0, 0) is the upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.image = Image.new("RGB", (round(width * SCALE), round(height * SCALE)), PAPER)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def text(self, at: Point, text: str, *, size: float = 12, color: str = INK, anchor: Anchor = "lm") -> None:
        font, text = typeset(text, size * SCALE)
        self.draw.text(_scaled(at), text, fill=color, font=font, anchor=anchor)

    def upright(self, foot: Point, text: str, *, size: float = 12, color: str = INK) -> None:
        """Text that is read from the foot upwards."""
        font, text = typeset(text, size * SCALE)
        height, width = math.ceil(font.getlength(text)), math.ceil(1.6 * size * SCALE)
        mask = Image.new("L", (height, width))
        ImageDraw.Draw(mask).text((0, width / 2), text, fill=255, font=font, anchor="lm")
        x, y = _scaled(foot)
        self.image.paste(color, (round(x - width / 2), round(y - height)), mask.rotate(90, expand=True))

    def box(self, corner: Point, size: Point, color: str) -> None:
        (x, y), (width, height) = corner, size
        self.draw.rectangle([_scaled((x, y)), _scaled((x + width, y + height))], fill=color)

    def line(self, points: Iterable[Point], *, color: str = INK, width: float = 1) -> None:
        self.draw.line([_scaled(p) for p in points], fill=color, width=round(width * SCALE), joint="curve")

    def dot(self, middle: Point, *, radius: float, color: str) -> None:
        self.draw.circle(_scaled(middle), radius * SCALE, fill=color)

    def picture(self, corner: Point, picture: Image.Image) -> None:
        """Pasted as it is: SCALE of its pixels to one of the page."""
        x, y = _scaled(corner)
        self.image.paste(picture, (round(x), round(y)))

    def finished(self) -> Image.Image:
        return self.image.reduce(SMOOTH)


@dataclass(frozen=True)
class Axis:
    title: str
    low: float
    high: float
    percent: bool = False

    def ticks(self) -> list[float]:
        """About five round numbers within the axis."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.99)
        return [n * step for n in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]

    def written(self, tick: float) -> str:
        return f"{100 * tick:g} %" if self.percent else f"{tick:g}"

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1; values outside lie at the ends."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


class Field(Sheet):
    """A sheet with two axes; what is drawn by `curve`, `dots` and `column` is placed in their units."""

    WIDTH, HEIGHT = 460, 360
    LEFT, TOP, RIGHT, BOTTOM = 58, 44, 18, 46

    def __init__(self, x: Axis, y: Axis) -> None:
        super().__init__(self.WIDTH, self.HEIGHT)
        self.x, self.y = x, y
        for tick in x.ticks():
            across, foot = self.at(tick, y.low)
            self.line([(across, self.TOP), (across, foot)], color=GRID)
            self.text((across, foot + 14), x.written(tick), size=11, color=FAINT, anchor="mm")
        for tick in y.ticks():
            start, up = self.at(x.low, tick)
            self.line([(start, up), (self.WIDTH - self.RIGHT, up)], color=GRID)
            self.text((start - 8, up), y.written(tick), size=11, color=FAINT, anchor="rm")
        self.text((self.WIDTH - self.RIGHT, self.HEIGHT - 12), x.title, anchor="rm")
        self.text((self.LEFT - 46, 20), y.title)

    def at(self, x: float, y: float) -> Point:
        across = self.LEFT + self.x.share(x) * (self.WIDTH - self.LEFT - self.RIGHT)
        return across, self.HEIGHT - self.BOTTOM - self.y.share(y) * (self.HEIGHT - self.TOP - self.BOTTOM)

    def curve(self, xs: Numbers, ys: Numbers, *, color: str = BLUE, width: float = 2) -> None:
        self.line([self.at(x, y) for x, y in zip(xs, ys, strict=True)], color=color, width=width)

    def dots(self, xs: Numbers, ys: Numbers, *, radius: float = 3, color: str = BLUE) -> None:
        for x, y in zip(xs, ys, strict=True):
            self.dot(self.at(x, y), radius=radius, color=color)

    def band(self, xs: Numbers, lows: Numbers, highs: Numbers, *, color: str) -> None:
        """Filled from the lows to the highs, as far as the field goes."""
        edge = [*zip(xs, lows, strict=True), *reversed(list(zip(xs, highs, strict=True)))]
        self.draw.polygon([_scaled(self.at(x, y)) for x, y in edge], fill=color)

    def column(self, left: float, right: float, height: float, *, color: str) -> None:
        (x0, y0), (x1, y1) = self.at(left, height), self.at(right, self.y.low)
        self.box((x0 + 1, y0), (x1 - x0 - 2, y1 - y0), color)


def text_width(text: str, size: float = 12) -> float:
    """In pixels of the page."""
    return lettering.width_px(text, size * SCALE) / SCALE


def shortened(text: str, most: float, size: float = 12) -> str:
    """The text, cut to at most that many pixels of the page."""
    return lettering.shortened(text, most * SCALE, size * SCALE)


def blend(color: str, share: float) -> str:
    """That share of a colour on white paper."""
    parts = [round(255 - share * (255 - int(color[i : i + 2], 16))) for i in (1, 3, 5)]
    return "#" + "".join(f"{part:02x}" for part in parts)


def _scaled(point: Point) -> Point:
    return point[0] * SCALE, point[1] * SCALE
