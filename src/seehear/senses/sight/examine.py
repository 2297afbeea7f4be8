"""Examine a picture file: its size, light, sharpness and borders, and what its metadata give away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from seehear.geometry import Grid
from seehear.media import Excerpt, path_of
from seehear.senses.examination import Array, Examination, Flaw, Measures, NearDuplicate, Presentation
from seehear.senses.sight import near_duplicates
from seehear.senses.sight.dicom import may_be_dicom, read_personal_kinds
from seehear.senses.sight.near_duplicates import FINGERPRINT_PX
from seehear.senses.sight.read import read_reduced
from seehear.senses.sight.statistics import compute_statistics

Pixels = NDArray[np.uint8]

SIDE_PX = 256  # to which larger pictures are reduced: they are not trained on at a much higher resolution
THUMBNAIL_PX = 128
PLAIN = 4.0  # contrast in levels, below which a picture has too little to compare
LINE_SPREAD = 3.0  # standard deviation in levels of a line of a border, which compression does not leave plain
LINE_STEP = 8.0  # levels by which the lines of one border differ
TINY_PX = 16  # of the shorter side
DARK, BRIGHT = 20.0, 235.0  # mean level
FLAT = 6.0  # contrast of a picture that shows next to nothing
CLIPPED = 0.5  # share of pixels at one end of the scale
BLURRED = 0.35  # sharpness, relative to the median of the dataset

_IFD_GPS, _IFD_EXIF = 0x8825, 0x8769  # EXIF 2.32, tables 3 and 4
_OWNERS = (0x013B, 0x9C9D, 0xA430)  # Artist, XPAuthor, CameraOwnerName
_SERIALS = (0xA431, 0xA435)  # BodySerialNumber, LensSerialNumber
_MAKE, _MODEL, _SOFTWARE = 0x010F, 0x0110, 0x0131
_MEAN_STEP = 57.625  # of the luminance table of ITU T.81, annex K.1, which libjpeg scales by quality


def _find_blurred(measures: Measures) -> NDArray[np.bool_]:
    """Much less fine detail than most, but not because of low contrast."""
    sharpness = measures["sharpness"]
    found: NDArray[np.bool_] = (sharpness < BLURRED * np.nanmedian(sharpness)) & (measures["contrast"] >= FLAT)
    return found


def _find_odd_sizes(measures: Measures) -> NDArray[np.bool_]:
    """A shape that almost no other has, far from the usual one."""
    aspect = np.log(measures["width_px"] / measures["height_px"])
    found: NDArray[np.bool_] = np.abs(aspect - np.nanmedian(aspect)) > np.log(3)
    return found if np.mean(found) < 0.05 else np.zeros_like(found)


FLAWS = (
    Flaw("empty", lambda m: m["contrast"] == 0, "one colour only", empty=True),
    Flaw("dark", lambda m: (m["brightness"] < DARK) & (m["contrast"] > 0), "mean level {brightness:.0f} of 255"),
    Flaw("overexposed", lambda m: (m["brightness"] > BRIGHT) & (m["contrast"] > 0), "mean level {brightness:.0f}"),
    Flaw(
        "pale",
        lambda m: (m["contrast"] > 0) & (m["contrast"] < FLAT) & (m["brightness"] >= DARK),
        "contrast of {contrast:.1f} levels",
    ),
    Flaw("blurred", _find_blurred, "sharpness {sharpness:.3f}"),
    Flaw("tiny", lambda m: m["shorter_px"] < TINY_PX, "{width_px:.0f} by {height_px:.0f} pixels"),
    Flaw("oddly shaped", _find_odd_sizes, "{width_px:.0f} by {height_px:.0f} pixels"),
)


class SightExaminer:
    """The `Examiner` of pictures."""

    flaws: Sequence[Flaw] = FLAWS
    telltales: Mapping[str, str] = {
        "width_px": "width",
        "height_px": "height",
        "border_px": "width of the plain border",
        "border_level": "brightness of the plain border",
        "jpeg_quality": "jpeg quality",
    }
    not_looked_for: Sequence[str] = (
        "pictures of one thing from another side, at another time, or cropped by more than about a tenth",
        "frames of one video, unless they are nearly the same",
    )

    def examine(self, source: Path | Excerpt) -> Examination:
        pixels, height_px, width_px, opened = read_reduced(source, SIDE_PX)
        metadata = {} if opened is None else _read_exif(opened)
        border_px, border_level = measure_border(pixels)
        measures = {
            "height_px": float(height_px),
            "width_px": float(width_px),
            "shorter_px": float(min(height_px, width_px)),
            "border_px": border_px * width_px / pixels.shape[1],
            "border_level": round(border_level, 0),
            **compute_statistics(pixels),
        }
        if quality := _estimate_jpeg_quality(opened):
            measures["jpeg_quality"] = quality
        plain = measures["contrast"] < PLAIN
        return Examination(
            Grid((height_px, width_px), 1.0, "px"),
            measures,
            _list_traits(opened, pixels, metadata),
            (*_list_personal(metadata), *_list_dicom(source)),
            None if plain else shrink(pixels),
        )

    def present(self, source: Path | Excerpt) -> Presentation:
        thumbnail = Image.fromarray(read_reduced(source, THUMBNAIL_PX).pixels.squeeze())
        thumbnail.thumbnail((2 * THUMBNAIL_PX, THUMBNAIL_PX))
        file = BytesIO()
        thumbnail.save(file, "JPEG", quality=85)
        return Presentation("image/jpeg", file.getvalue())

    def find_near_duplicates(self, fingerprints: Sequence[Array | None]) -> Sequence[NearDuplicate]:
        return near_duplicates.find_near_duplicates(fingerprints)


def shrink(pixels: Pixels) -> Pixels:
    """(H, W, C) -> (FINGERPRINT_PX, FINGERPRINT_PX) grey, stretched."""
    grey = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).convert("L")
    return np.asarray(grey.resize((FINGERPRINT_PX, FINGERPRINT_PX), Image.Resampling.BILINEAR))


def measure_border(pixels: Pixels) -> tuple[float, float]:
    """(width of the widest plain border at any side, its level); (0, nan) without one.

    A border is of lines of one colour; a picture that is plain all over has none.
    """
    grey = pixels[:, :, pixels.shape[2] // 2].astype(np.float32)
    sides = []
    for axis in (0, 1):
        mean, square = grey.mean(1 - axis), np.einsum("hw,hw->h" if axis == 0 else "hw,hw->w", grey, grey)
        plain = square / grey.shape[1 - axis] - np.square(mean) <= LINE_SPREAD**2
        sides += [_count_border(plain, mean), _count_border(plain[::-1], mean[::-1])]
    width_px, level = max(sides)
    if not width_px or width_px >= min(grey.shape) // 2:
        return 0.0, float("nan")
    return float(width_px), level


def _count_border(plain: NDArray[np.bool_], mean: NDArray[np.float32]) -> tuple[int, float]:
    """(how many lines from the first one on are plain and of its level, that level)."""
    border = plain & (np.abs(mean - mean[0]) <= LINE_STEP)
    return (len(border) if border.all() else int(border.argmin())), float(mean[0])


def _read_exif(opened: ImageFile.ImageFile) -> dict[int, Any]:
    """The EXIF entries of a picture by tag, with those of its EXIF and GPS directories."""
    if "exif" not in opened.info:
        return {}
    try:
        exif = opened.getexif()
        gps = exif.get_ifd(_IFD_GPS)
        return {**exif, **exif.get_ifd(_IFD_EXIF), _IFD_GPS: gps}
    except Exception:  # a picture with damaged metadata is still a picture
        return {}


def _list_personal(metadata: Mapping[int, Any]) -> list[str]:
    found = []
    if metadata.get(_IFD_GPS):
        found.append("a GPS position")
    if any(_to_text(metadata.get(tag)) for tag in _OWNERS):
        found.append("the name of its owner or author")
    if any(_to_text(metadata.get(tag)) for tag in _SERIALS):
        found.append("the serial number of the camera")
    return found


def _list_dicom(source: Path | Excerpt) -> list[str]:
    file = path_of(source)
    return read_personal_kinds(file) if may_be_dicom(file) else []


def _list_traits(opened: ImageFile.ImageFile | None, pixels: Pixels, metadata: Mapping[int, Any]) -> dict[str, str]:
    traits = {"channels": "grey" if pixels.shape[2] == 1 else "colour"}
    if opened is not None:
        traits |= {"format": str(opened.format), "mode": opened.mode}
    camera = " ".join(filter(None, (_to_text(metadata.get(tag)) for tag in (_MAKE, _MODEL))))
    software = _to_text(metadata.get(_SOFTWARE))
    return traits | ({"camera": camera} if camera else {}) | ({"software": software} if software else {})


def _to_text(value: Any) -> str:
    text = value.decode("utf-16-le", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip("\0 ")[:80]


def _estimate_jpeg_quality(opened: ImageFile.ImageFile | None) -> float:
    """The quality, 1 to 100, at which libjpeg would have used this quantisation table; 0 for other files."""
    tables = getattr(opened, "quantization", None)
    if not tables:
        return 0.0
    steps = next(iter(tables.values()))
    scale = 100 * sum(steps) / len(steps) / _MEAN_STEP
    return float(min(100, max(1, round(5000 / scale if scale > 100 else (200 - scale) / 2))))
