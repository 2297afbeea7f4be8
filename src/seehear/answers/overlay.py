"""Shared by answers drawn over a picture: enlarging small pictures, and captions on coloured backgrounds."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from seehear.answers.class_marks import ink_on
from seehear.answers.fonts import choose_font, text_width_px, truncate

TARGET_SIDE_PX = 480  # of the longer side of a small picture once enlarged, roughly
LINES, MIN_FONT_PX = 30, 10  # lines of text that fit down a picture, unless letters became smaller


def enlarge(picture: Image.Image) -> Image.Image:
    """An RGB copy; a small picture is enlarged by a whole factor, to make room for captions."""
    factor = max(1, round(TARGET_SIDE_PX / max(picture.size)))
    return picture.convert("RGB").resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


class Captions:
    """Writes captions on a picture, each on a background of its own colour."""

    def __init__(self, picture: Image.Image) -> None:
        self.draw = ImageDraw.Draw(picture)
        self.picture_width_px, self.picture_height_px = picture.size
        self._font_px = max(MIN_FONT_PX, round(min(picture.size) / LINES))
        self._padding_px = self._font_px // 4
        self.line_px = math.ceil(1.25 * self._font_px)

    def width_px(self, caption: str) -> int:
        """Its width when written: at most the picture's."""
        return min(self.picture_width_px, math.ceil(text_width_px(caption, self._font_px)) + 2 * self._padding_px)

    def write(self, corner: tuple[float, float], caption: str, background: str) -> None:
        """Write below and to the right of an upper left corner."""
        x, y = corner
        width_px = self.width_px(caption)
        text = truncate(caption, width_px - 2 * self._padding_px, self._font_px)
        font, text = choose_font(text, self._font_px)
        self.draw.rectangle((x, y, x + width_px - 1, y + self.line_px - 1), fill=background)
        self.draw.text(
            (x + self._padding_px, y + self.line_px / 2), text, fill=ink_on(background), font=font, anchor="lm"
        )
