"""Sight's `read`: any picture, or the middle frame of a video, to 8 bits a channel.

Grey pictures stay one channel; everything else becomes red, green, blue. Transparency is laid on white. EXIF
orientation is applied. Values of more than 8 bits keep their proportions, by a rule and not by the picture's own
content where the file leaves no doubt:

* 16-bit integers are divided by 65535; but a picture whose greatest value is at most 4095 is taken as the 12 bits
  that cameras and scanners keep in 16-bit files, and divided by 4095;
* floats from 0 to 1 are multiplied by 255;
* in files, 32-bit integers beyond 65535 and floats beyond 0 to 1 have no known range: the picture's own least and
  greatest value become 0 and 255.
"""

from __future__ import annotations

import os
import re
import warnings
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from seehear.errors import InputError
from seehear.senses.sight.quiet import quieten_libtiff
from seehear.senses.sniff import SNIFFED_BYTES, described, sniff
from seehear.senses.source import naming, opened
from seehear.senses.video import MOVING, middle_frame
from seehear.senses.whole import check_whole

Pixels = NDArray[np.uint8]

MOST_PIXELS = 100_000_000
MOST_ASPECT = 200
MOST_FILE_BYTES = 1 << 30
READABLE = "a jpeg, png, webp, tiff, bmp, gif, ppm or DICOM picture, or a video"

# The classes themselves, not Image.open, which warns of large pictures before this module can refuse them.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "ppm": PpmImagePlugin.PpmImageFile,
}
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {  # EXIF 2.32, table 5: what undoes each orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns of odd metadata in pictures that decode well. Filtered once here, as filtering around each call is not
# safe when threads read at the same time.
warnings.filterwarnings("ignore", module=r"PIL\.")


def read(source: Any) -> Pixels:
    """A path, the bytes of a file, a numpy array or a PIL image -> (H, W, C), C 1 for grey or 3 for colour.

    Arrays are (H, W) or (H, W, 1 | 3 | 4) of uint8, uint16, bool, or floats from 0 to 1.
    Raises InputError for what is not a picture, damaged, or larger than MOST_PIXELS.
    """
    with naming(source, "picture"):
        pixels = _read(source)
        check_size(pixels.shape[1], pixels.shape[0])
        return pixels


def _read(source: Any) -> Pixels:
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, Image.Image):
        return _from_pil(source)
    with opened(source) as file:
        kind = sniff(file.read(SNIFFED_BYTES))
        if kind in _PLUGINS:
            return _from_pil(_open(kind, _whole(file)))
        if kind == "dicom":
            from seehear.senses.sight.dicom import read_dicom

            return read_dicom(_whole(file), MOST_PIXELS)
        if kind in MOVING:
            check_whole(file, kind)
            return middle_frame(file, kind, MOST_PIXELS)
    raise InputError(f"not a picture but {described(kind)}", allowed=READABLE, hint=_ADVICE.get(kind, ""))


_ADVICE = {"heif": "save it as jpeg (on an iPhone: Settings, Camera, Formats, Most Compatible)"}


def _whole(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    if size > MOST_FILE_BYTES:
        raise InputError(f"{size >> 20} MiB is too large for a picture", allowed=f"up to {MOST_FILE_BYTES >> 20} MiB")
    file.seek(0)
    return file.read()


def _open(kind: str, data: bytes) -> ImageFile.ImageFile:
    picture = _PLUGINS[kind](BytesIO(data))
    check_size(*picture.size)
    if kind == "jpeg":
        _check_scans(data, picture.width * picture.height)
    if kind == "tiff":
        quieten_libtiff()
        _check_tiles(picture)
    return picture


def check_size(width: int, height: int, most_pixels: int = MOST_PIXELS) -> None:
    """Before decoding: a few bytes may claim, and decode to, gigabytes."""
    if width < 1 or height < 1:
        raise InputError(f"a picture of {width} by {height} pixels", allowed="at least 1 by 1")
    if width * height > most_pixels:
        raise InputError(
            f"{width} by {height} pixels is too large",
            allowed=f"up to {most_pixels // 1_000_000} million pixels",
            hint="make it smaller or cut it into tiles",
        )
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise InputError(
            f"{width} by {height} pixels: more than {MOST_ASPECT} times as long as wide", hint="cut it into pieces"
        )


def _check_scans(data: bytes, pixels: int) -> None:
    """Each scan of a progressive jpeg may cost a pass over all its pixels; cameras and editors make about ten.

    https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf
    """
    scans = len(re.findall(b"\xff\xda", data))
    if scans > 50 and scans * pixels > 4 * MOST_PIXELS:
        raise InputError(f"a jpeg of {scans} scans", allowed="up to 50 for a picture of this size")


def _check_tiles(picture: ImageFile.ImageFile) -> None:
    """A tile is decoded whole, though it may be larger than the picture that it belongs to."""
    tags = getattr(picture, "tag_v2", {})
    width, height = (tags.get(tag) for tag in (322, 323))  # TileWidth, TileLength
    if isinstance(width, int) and isinstance(height, int) and width * height > MOST_PIXELS:
        raise InputError(f"a tiff with tiles of {width} by {height} pixels is too large")


def _from_pil(picture: Image.Image) -> Pixels:
    check_size(*picture.size)
    picture.load()
    picture = _upright(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _eight_bits(np.asarray(picture))[:, :, None]
    if picture.mode not in ("L", "RGB") or "transparency" in picture.info:
        picture = _plain(picture)
    pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _upright(picture: Image.Image) -> Image.Image:
    if "exif" not in picture.info and "Raw profile type exif" not in picture.info:
        return picture
    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a picture whose notes are damaged is still a picture
        return picture
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _plain(picture: Image.Image) -> Image.Image:
    """Any 8-bit mode -> L or RGB, transparency laid on white."""
    grey = picture.mode in ("1", "L", "LA", "La")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return picture.convert("L" if grey else "RGB")


def _eight_bits(values: NDArray[Any]) -> Pixels:
    """Values of more than 8 bits, of a file -> uint8, by the rule at the head of this module."""
    least, greatest = float(values.min()), float(values.max())
    if not np.isfinite(least + greatest):
        raise InputError("pixels that are not numbers (nan or infinite)", hint="export the picture again")
    whole = values.dtype.kind in "iu"
    if whole and least >= 0 and greatest <= 65535:
        low, high = 0.0, 4095.0 if greatest <= 4095 else 65535.0
    elif not whole and least >= 0 and greatest <= 1:
        low, high = 0.0, 1.0
    else:
        low, high = least, max(greatest, least + 1)
    return np.rint((values.astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)


def from_array(values: NDArray[Any]) -> Pixels:
    """A decoded picture (H, W) or (H, W, 1 | 3 | 4) -> (H, W, 1 | 3). Raises InputError."""
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise InputError(f"an array of shape {values.shape}", allowed="(H, W) or (H, W, 1 | 3 | 4)")
    check_size(values.shape[1], values.shape[0])
    pixels = _array_eight_bits(values)
    return _on_white(pixels) if pixels.shape[2] == 4 else np.ascontiguousarray(pixels)


def _array_eight_bits(values: NDArray[Any]) -> Pixels:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return _eight_bits(values)
    if values.dtype.kind == "f":
        least, greatest = float(values.min()), float(values.max())
        if least >= 0 and greatest <= 1:
            return _eight_bits(values)
        raise InputError(f"an array of floats from {least:g} to {greatest:g}", allowed="floats from 0 to 1, or uint8")
    raise InputError(f"an array of {values.dtype}", allowed="uint8, uint16, bool, or floats from 0 to 1")


def _on_white(rgba: Pixels) -> Pixels:
    picture = _plain(Image.fromarray(rgba))
    return np.asarray(picture)
