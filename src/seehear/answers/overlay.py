"""What all answers need that are laid over their picture: room, and names in colour."""

from __future__ import annotations

import math

from PIL import Image, ImageColor, ImageDraw

from seehear.answers.figure import INK, PAPER
from seehear.answers.lettering import shortened, typeset, width_px

SIDE_PX = 480  # about which the longer side of a small picture is brought to
LINES, SMALLEST_PX = 30, 10  # lines of text down a picture, if their letters are not smaller
BRIGHT = 150  # of 255, luma of Rec. 601: grounds on which dark letters are read more easily


def enlarged(picture: Image.Image) -> Image.Image:
    """A copy in RGB; of a small picture so many times as large, a whole number, that names find room on it."""
    times = max(1, round(SIDE_PX / max(picture.size)))
    return picture.convert("RGB").resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


class Tags:
    """Writes names on a picture, each on a ground of its own colour."""

    def __init__(self, picture: Image.Image) -> None:
        self.draw = ImageDraw.Draw(picture)
        self.width_px, self.height_px = picture.size
        self._letters_px = max(SMALLEST_PX, round(min(picture.size) / LINES))
        self._edge_px = self._letters_px // 4
        self.line_px = math.ceil(1.25 * self._letters_px)

    def reach_px(self, name: str) -> int:
        """How wide a name lies there: no wider than the picture."""
        return min(self.width_px, math.ceil(width_px(name, self._letters_px)) + 2 * self._edge_px)

    def write(self, corner: tuple[float, float], name: str, ground: str) -> None:
        x, y = corner
        reach_px = self.reach_px(name)
        font, said = typeset(shortened(name, reach_px - 2 * self._edge_px, self._letters_px), self._letters_px)
        self.draw.rectangle((x, y, x + reach_px - 1, y + self.line_px - 1), fill=ground)
        red, green, blue = ImageColor.getrgb(ground)[:3]
        ink = INK if 0.299 * red + 0.587 * green + 0.114 * blue > BRIGHT else PAPER
        self.draw.text((x + self._edge_px, y + self.line_px / 2), said, fill=ink, font=font, anchor="lm")
