"""Fonts for figures and overlays: a system font if there is one, since Pillow's own covers only English letters."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from functools import cache, lru_cache

from PIL import ImageFont

SYSTEM_FONTS = (
    *("DejaVuSans", "NotoSans-Regular", "LiberationSans-Regular"),  # Linux
    *("segoeui", "arial"),  # Windows
    *("Arial", "Helvetica"),  # macOS
    *("NotoSansCJK-Regular", "msyh", "malgun", "PingFang", "Arial Unicode"),  # Chinese, Japanese, Korean
)
PILLOW_FONT = ""
MAX_CHARACTERS = 500  # longer text is cut before it is measured
_MISSING = "\U0010ffff"  # a character no font has
_PROBE_PX = 16.0

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def choose_font(text: str, px: float) -> tuple[Font, str]:
    """The font that covers most of the text, and the text with the closest ASCII for characters it lacks."""
    text = text.encode("utf-8", "replace").decode()  # file names may hold lone surrogates
    text = unicodedata.normalize("NFC", text)
    name = min(_available_fonts(), key=lambda name: sum(not _has(name, character) for character in text))
    return _load(name, px), "".join(each if _has(name, each) else _closest_ascii(each) for each in text)


def text_width_px(text: str, px: float) -> float:
    font, text = choose_font(text, px)
    return font.getlength(text)


def truncate(text: str, max_px: float, px: float) -> str:
    """The text on one line, cut to a width in pixels."""
    text = " ".join(text[:MAX_CHARACTERS].split())
    if text_width_px(text, px) <= max_px:
        return text
    while text and text_width_px(text + "...", px) > max_px:
        text = text[: -max(1, len(text) // 20)]
    return text + "..."


@cache
def _available_fonts() -> tuple[str, ...]:
    """Installed fonts in order of preference; Pillow's own is last."""
    installed = []
    for name in SYSTEM_FONTS:
        with suppress(OSError):
            _load(name, _PROBE_PX)
            installed.append(name)
    return (*installed, PILLOW_FONT)


@lru_cache(64)
def _load(name: str, px: float) -> Font:
    return ImageFont.load_default(px) if name == PILLOW_FONT else ImageFont.truetype(name, px)


@lru_cache(1 << 14)
def _has(name: str, character: str) -> bool:
    """Whether a font draws a character differently from a missing one."""
    if character.isascii():
        return character.isprintable()
    glyph, missing = (_load(name, _PROBE_PX).getmask(each) for each in (character, _MISSING))
    return glyph.size != missing.size or list(glyph) != list(missing)


def _closest_ascii(character: str) -> str:
    """a for ä; ? where nothing is close."""
    closest = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return closest if closest.isprintable() and closest else "?"
