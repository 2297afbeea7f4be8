"""Paints heat maps and confidence maps over their picture, with a legend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seehear.answers.class_marks import BLACK, COLOURS, WHITE
from seehear.answers.fonts import choose_font, text_width_px, truncate
from seehear.answers.overlay import enlarge

Array = NDArray[Any]

# Blue and vermilion can be distinguished with any colour vision deficiency (Okabe & Ito 2008). The picture is grey.
AGAINST, FOR = COLOURS[0], COLOURS[1]
STRONGEST = 0.8  # opacity of the highest heat
FONT_PX, BAR_PX, PADDING_PX = 13, 12, 6


def paint_heat(picture: Image.Image, heat: Array, name: str, outline: tuple[int, int, int, int] | None) -> Image.Image:
    """Paint heat (H, W) over the picture: evidence for and against `name`. `outline` frames a part, in pixels."""
    strength = heat / max(float(abs(heat).max()), 1e-12)
    return _paint(picture, strength, outline, (f"against {name}", f"for {name}"))


def paint_confidence(picture: Image.Image, confidence: Array) -> Image.Image:
    """Paint confidence (H, W), 0 to 1, over the picture."""
    return _paint(picture, confidence, None, ("", "sure of what is there"))


def _paint(
    picture: Image.Image, strength: Array, outline: tuple[int, int, int, int] | None, ends: tuple[str, str]
) -> Image.Image:
    """strength (H, W), -1 to 1. The legend goes below."""
    large = enlarge(picture.convert("L"))
    factor = large.width / picture.width
    stretched = np.asarray(Image.fromarray(strength.astype(np.float32)).resize(large.size, Image.Resampling.BILINEAR))
    painted = Image.fromarray(_blend(np.asarray(large, np.float32), stretched))
    if outline is not None:
        _frame(ImageDraw.Draw(painted), [round(factor * px) for px in outline])
    framed = Image.new("RGB", (painted.width, painted.height + BAR_PX + FONT_PX + 3 * PADDING_PX), WHITE)
    framed.paste(painted)
    _write_legend(framed, painted.height, ends)
    return framed


def _blend(pixels: Array, strength: Array) -> NDArray[np.uint8]:
    """pixels (H, W, 3), strength (H, W) from -1, AGAINST, to 1, FOR."""
    colours = np.array([tuple(bytes.fromhex(colour[1:])) for colour in (AGAINST, FOR)], np.float32)
    opacity = STRONGEST * np.clip(abs(strength), 0, 1)[:, :, None]
    ink = colours[(strength > 0).astype(np.int64)]
    blended: NDArray[np.uint8] = np.rint(pixels + opacity * (ink - pixels)).astype(np.uint8)
    return blended


def _frame(draw: ImageDraw.ImageDraw, corners: list[int]) -> None:
    """Draw a white rectangle within a black one, which is visible on any picture."""
    left, top, right, bottom = corners
    draw.rectangle((left, top, right, bottom), outline=BLACK, width=3)
    draw.rectangle((left + 1, top + 1, max(left + 1, right - 1), max(top + 1, bottom - 1)), outline=WHITE)


def _write_legend(framed: Image.Image, top: int, ends: tuple[str, str]) -> None:
    """Draw a bar of the colours; only the right half if the left end has no name."""
    width = framed.width - 2 * PADDING_PX
    scale = np.linspace(-1.0 if ends[0] else 0.0, 1.0, width)
    grey = np.full((BAR_PX, width, 3), 160, np.float32)
    framed.paste(Image.fromarray(_blend(grey, np.tile(scale, (BAR_PX, 1)))), (PADDING_PX, top + PADDING_PX))
    draw = ImageDraw.Draw(framed)
    line = top + BAR_PX + 2 * PADDING_PX
    for caption, at_right in zip(ends, (False, True), strict=True):
        font, text = choose_font(truncate(caption, width / 2 - PADDING_PX, FONT_PX), FONT_PX)
        left = framed.width - PADDING_PX - text_width_px(text, FONT_PX) if at_right else PADDING_PX
        draw.text((left, line), text, fill=BLACK, font=font)
