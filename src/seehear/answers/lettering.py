"""The letters in drawn pictures. Pillow's own font has those of English alone, so one of the system comes first."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from functools import cache, lru_cache

from PIL import ImageFont

FACES = (
    *("DejaVuSans", "NotoSans-Regular", "LiberationSans-Regular"),  # Linux
    *("segoeui", "arial"),  # Windows
    *("Arial", "Helvetica"),  # macOS
    *(
        "NotoSansCJK-Regular",
        "msyh",
        "malgun",
        "PingFang",
        "Arial Unicode",
    ),  # for Chinese, Japanese, Korean
)
PILLOWS_OWN = ""
LONGEST = 500  # characters of a text that are looked at at all
_NO_LETTER = "\U0010ffff"  # what every font lacks
_PROBE_PX = 16.0

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


def typeset(text: str, px: float) -> tuple[Face, str]:
    """The font that has most of a text's letters, and the text with the nearest ones in place of those it lacks."""
    text = text.encode("utf-8", "replace").decode()  # file names may hold what is not text
    text = unicodedata.normalize("NFC", text)
    face = min(_faces(), key=lambda face: sum(not _has(face, letter) for letter in text))
    return _font(face, px), "".join(letter if _has(face, letter) else _nearest(letter) for letter in text)


def width_px(text: str, px: float) -> float:
    font, text = typeset(text, px)
    return font.getlength(text)


def shortened(text: str, most_px: float, px: float) -> str:
    """The text in one line, cut to at most so many pixels."""
    text = " ".join(text[:LONGEST].split())
    if width_px(text, px) <= most_px:
        return text
    while text and width_px(text + "...", px) > most_px:
        text = text[: -max(1, len(text) // 20)]
    return text + "..."


@cache
def _faces() -> tuple[str, ...]:
    """Those that are here, the best first."""
    here = []
    for face in FACES:
        with suppress(OSError):
            _font(face, _PROBE_PX)
            here.append(face)
    return (*here, PILLOWS_OWN)


@lru_cache(64)
def _font(face: str, px: float) -> Face:
    return ImageFont.load_default(px) if face == PILLOWS_OWN else ImageFont.truetype(face, px)


@lru_cache(1 << 14)
def _has(face: str, letter: str) -> bool:
    """Whether a font draws a letter in another way than what is none."""
    if letter.isascii():
        return letter.isprintable()
    drawn, none = (_font(face, _PROBE_PX).getmask(each) for each in (letter, _NO_LETTER))
    return drawn.size != none.size or list(drawn) != list(none)


def _nearest(letter: str) -> str:
    """In ASCII: a for ä, ? for what resembles nothing there."""
    near = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return near if near.isprintable() and near else "?"
