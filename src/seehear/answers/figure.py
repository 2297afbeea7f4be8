"""Figures of the report, drawn with Pillow: a canvas for text and shapes, and one with two axes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seehear.answers import fonts
from seehear.answers.fonts import choose_font

INK, FAINT, GRID, PAPER = "#1f2933", "#7b8794", "#e4e7eb", "#ffffff"
BLUE, RED = "#2563a8", "#c2410c"
SUPERSAMPLING = 2  # Pillow's shapes have hard edges; averaging smooths them
SCREEN = 2  # pixels of the finished image per page pixel, for high-density screens
SCALE = SUPERSAMPLING * SCREEN

Point = tuple[float, float]
Numbers = Iterable[float] | NDArray[Any]
Anchor = Literal["lm", "mm", "rm", "ma", "la", "ra", "ms"]


class Canvas:
    """A white image. All coordinates and sizes are page pixels; (0, 0) is the upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self.image = Image.new("RGB", (round(width * SCALE), round(height * SCALE)), PAPER)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def text(self, at: Point, text: str, *, size: float = 12, color: str = INK, anchor: Anchor = "lm") -> None:
        font, text = choose_font(text, size * SCALE)
        self.draw.text(_scale(at), text, fill=color, font=font, anchor=anchor)

    def vertical_text(self, bottom: Point, text: str, *, size: float = 12, color: str = INK) -> None:
        """Text that reads upwards from `bottom`."""
        font, text = choose_font(text, size * SCALE)
        height, width = math.ceil(font.getlength(text)), math.ceil(1.6 * size * SCALE)
        mask = Image.new("L", (height, width))
        ImageDraw.Draw(mask).text((0, width / 2), text, fill=255, font=font, anchor="lm")
        x, y = _scale(bottom)
        self.image.paste(color, (round(x - width / 2), round(y - height)), mask.rotate(90, expand=True))

    def rectangle(self, corner: Point, size: Point, color: str) -> None:
        (x, y), (width, height) = corner, size
        self.draw.rectangle([_scale((x, y)), _scale((x + width, y + height))], fill=color)

    def line(self, points: Iterable[Point], *, color: str = INK, width: float = 1) -> None:
        self.draw.line([_scale(p) for p in points], fill=color, width=round(width * SCALE), joint="curve")

    def polygon(self, points: Iterable[Point], *, color: str) -> None:
        self.draw.polygon([_scale(p) for p in points], fill=color)

    def dot(self, centre: Point, *, radius: float, color: str) -> None:
        self.draw.circle(_scale(centre), radius * SCALE, fill=color)

    def paste(self, corner: Point, picture: Image.Image) -> None:
        """Paste unscaled: SCALE picture pixels per page pixel."""
        x, y = _scale(corner)
        self.image.paste(picture, (round(x), round(y)))

    def to_image(self) -> Image.Image:
        return self.image.reduce(SUPERSAMPLING)


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

    def format(self, tick: float) -> str:
        return f"{100 * tick:g} %" if self.percent else f"{tick:g}"

    def fraction(self, value: float) -> float:
        """Position between the ends, 0 to 1; values outside are clipped."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


class Plot(Canvas):
    """A canvas with two axes. `curve`, `scatter` and `fill_between` take data coordinates."""

    WIDTH, HEIGHT = 460, 360
    LEFT, TOP, RIGHT, BOTTOM = 58, 44, 24, 46

    def __init__(self, x: Axis, y: Axis) -> None:
        super().__init__(self.WIDTH, self.HEIGHT)
        self.x, self.y = x, y
        for tick in x.ticks():
            across, bottom = self.at(tick, y.low)
            self.line([(across, self.TOP), (across, bottom)], color=GRID)
            self.text((across, bottom + 14), x.format(tick), size=11, color=FAINT, anchor="mm")
        for tick in y.ticks():
            left, up = self.at(x.low, tick)
            self.line([(left, up), (self.WIDTH - self.RIGHT, up)], color=GRID)
            self.text((left - 8, up), y.format(tick), size=11, color=FAINT, anchor="rm")
        self.text((self.WIDTH - self.RIGHT, self.HEIGHT - 12), x.title, anchor="rm")
        self.text((self.LEFT - 46, 20), y.title)

    def at(self, x: float, y: float) -> Point:
        """Data coordinates -> page coordinates."""
        across = self.LEFT + self.x.fraction(x) * (self.WIDTH - self.LEFT - self.RIGHT)
        return across, self.HEIGHT - self.BOTTOM - self.y.fraction(y) * (self.HEIGHT - self.TOP - self.BOTTOM)

    def curve(self, xs: Numbers, ys: Numbers, *, color: str = BLUE, width: float = 2) -> None:
        self.line([self.at(x, y) for x, y in zip(xs, ys, strict=True)], color=color, width=width)

    def scatter(self, xs: Numbers, ys: Numbers, *, radius: float = 3, color: str = BLUE) -> None:
        for x, y in zip(xs, ys, strict=True):
            self.dot(self.at(x, y), radius=radius, color=color)

    def fill_between(self, xs: Numbers, lows: Numbers, highs: Numbers, *, color: str) -> None:
        edge = [*zip(xs, lows, strict=True), *reversed(list(zip(xs, highs, strict=True)))]
        self.polygon([self.at(x, y) for x, y in edge], color=color)


def text_width(text: str, size: float = 12) -> float:
    """The width of a text in page pixels."""
    return fonts.text_width_px(text, size * SCALE) / SCALE


def truncate(text: str, max_width: float, size: float = 12) -> str:
    """The text, cut to a width in page pixels."""
    return fonts.truncate(text, max_width * SCALE, size * SCALE)


def tint(color: str, opacity: float) -> str:
    """A colour mixed with white paper."""
    channels = [round(255 - opacity * (255 - int(color[i : i + 2], 16))) for i in (1, 3, 5)]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _scale(point: Point) -> Point:
    return point[0] * SCALE, point[1] * SCALE
