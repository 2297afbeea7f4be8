"""Read any picture, or the middle frame of a video, with 8 bits per channel.

Grey pictures keep one channel; all others become RGB. Transparency is blended on white, EXIF orientation is applied,
and higher bit depths are converted as described in `bit_depth`.
"""

from __future__ import annotations

import os
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from seehear.errors import InputError
from seehear.media import SIDEWAYS_ORIENTATIONS, Excerpt, orientation
from seehear.senses.file_type import HEADER_BYTES, describe_file_type, detect_file_type
from seehear.senses.input_file import name_errors, open_source
from seehear.senses.isolated_decoding import decode_isolated
from seehear.senses.libav import MOVING, check_libav, read_middle_frame
from seehear.senses.sight.bit_depth import array_to_pixels, to_uint8
from seehear.senses.sight.dicom import check_pydicom, read_dicom
from seehear.senses.sight.limits import MOST_FILE_BYTES, MOST_PIXELS, check_size
from seehear.senses.sight.pillow_plugins import PLUGINS, check_pillow_heif, plugin_for, silence_libtiff
from seehear.senses.truncation import check_not_truncated

Pixels = NDArray[np.uint8]

MOST_PIXELS_IN_PROCESS = 50_000_000  # larger pictures are decoded in a worker process with bounded memory
LARGE_PIXELS = 30_000_000
LARGE_BYTES = 30_000_000
AT_ONCE = 1 << 20  # pixels copied at a time
READABLE = "a jpeg, png, webp, tiff, bmp, gif, ppm, AVIF, HEIC or DICOM picture, or a video"

_ISOLATED = ("tiff", "avif")  # decoders that are not trusted
_IN_PYTHON = ("bmp_rle", "ppm_plain", "ppm")  # decoders of Pillow that need seconds for a million pixels
_UNDO_ORIENTATION = {  # EXIF 2.32, table 5: the transpose that undoes each orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns about odd metadata in valid pictures. Filtered once, because filters around each call are not
# thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")


def read(source: Any) -> Pixels:
    """A path, an Excerpt of a video, the bytes of a file, a numpy array or a PIL image -> (H, W, C).

    C is 1 for grey or 3 for colour. A video, or an Excerpt of one, gives its middle frame.

    Arrays are (H, W) or (H, W, 1 | 3 | 4) of uint8, uint16, bool, or floats from 0 to 1.
    Raises InputError if it is not a picture, damaged, or larger than MOST_PIXELS.
    """
    with name_errors(source, "picture"):
        if isinstance(source, np.ndarray):
            pixels = array_to_pixels(source)
            return _from_pil(Image.fromarray(pixels)) if pixels.shape[2] == 4 else pixels
        if isinstance(source, Image.Image):
            return _from_pil(source)
        with open_source(source) as file:
            return _read_file(file, source)


def check(source: Path | Excerpt) -> None:
    """Decode as `read` does. Of a jpeg all data is read, but only an eighth of the rows and columns are computed.

    Raises InputError like `read`.
    """
    with name_errors(source, "picture"), open_source(source) as file:
        picture = _open_trusted(file, source)
        if picture is None:
            decode_isolated("picture", file, source)
        else:
            picture.draft("L", (1, 1))
            picture.load()


class ReducedPicture(NamedTuple):
    """A picture at a fraction of its size.

    opened  as Pillow opened it, for its metadata; None if it was decoded in a worker process
    """

    pixels: Pixels
    height_px: int  # of the whole picture, upright
    width_px: int
    opened: ImageFile.ImageFile | None


def read_reduced(source: Path | Excerpt, side_px: int) -> ReducedPicture:
    """A file at an integral fraction of its size, whose shorter side is at least `side_px` unless the file's is less.

    Of a jpeg all data is read, but fewer coefficients are transformed. Raises InputError like `read`.
    """
    with name_errors(source, "picture"), open_source(source) as file:
        opened = _open_trusted(file, source)
        if opened is None:
            pixels = decode_isolated("picture", file, source)
            height_px, width_px = pixels.shape[:2]
        else:
            size = opened.size
            opened.draft(None, (side_px, side_px))
            pixels = _from_pil(opened)
            sideways = orientation(opened) in SIDEWAYS_ORIENTATIONS
            height_px, width_px = size if sideways else size[::-1]
    step = min(pixels.shape[:2]) // side_px
    if step > 1:
        reduced = np.asarray(Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).reduce(step))
        pixels = reduced.reshape(*reduced.shape[:2], -1)
    return ReducedPicture(pixels, height_px, width_px, opened)


def read_size(source: str | Path | bytes) -> tuple[int, int]:
    """(width, height) of a picture as `read` gives it, upright. Of most kinds of file only the header is read.

    Raises InputError like `read`.
    """
    with name_errors(source, "picture"), open_source(source) as file:
        picture = _open_trusted(file, source)
        if picture is None:
            height, width = decode_isolated("picture", file, source).shape[:2]
            return width, height
        if picture.format == "PNG":
            picture.load()  # it may say after its pixels that it is rotated
        width, height = picture.size
        return (height, width) if orientation(picture) in SIDEWAYS_ORIENTATIONS else (width, height)


def is_large(path: Path) -> bool:
    """Whether a picture takes seconds to decode, as its header says, or its length where the header is not trusted.

    Raises InputError like `read`.
    """
    with name_errors(path, "picture"), open_source(path) as file:
        kind = _check_type(file, path)
        if kind in PLUGINS and kind not in _ISOLATED:
            width, height = _open_picture(kind, _read_bytes(file)).size
            return width * height > LARGE_PIXELS
        return file.seek(0, os.SEEK_END) > LARGE_BYTES


def _read_file(file: BinaryIO, source: Any) -> Pixels:
    picture = _open_trusted(file, source)
    return decode_isolated("picture", file, source) if picture is None else _from_pil(picture)


def _open_trusted(file: BinaryIO, source: Any) -> ImageFile.ImageFile | None:
    """The opened picture if its decoder is fast and trusted; None if it is to be decoded in a worker process."""
    kind = _check_type(file, source)
    if kind in PLUGINS and kind not in _ISOLATED:
        picture = _open_picture(kind, _read_bytes(file))
        if _is_fast_to_decode(picture):
            return picture
    elif kind == "dicom":
        check_pydicom()
    elif kind == "heif":
        check_pillow_heif()
    elif kind in MOVING:
        check_not_truncated(file, kind)
        check_libav(kind)
    return None


def decode(file: BinaryIO, excerpt: Excerpt | None = None) -> Pixels:
    """Decode an open file, or an excerpt of a video, in this process. Raises InputError, without `where`."""
    kind = _check_type(file, excerpt)
    if kind == "dicom":
        _check_bytes(file)
        return read_dicom(file)
    if kind in MOVING:
        pixels = read_middle_frame(file, kind, MOST_PIXELS, excerpt)
        check_size(pixels.shape[1], pixels.shape[0])
        return pixels
    return _from_pil(_open_picture(kind, _read_bytes(file)))


def _check_type(file: BinaryIO, source: Any) -> str:
    kind = detect_file_type(file.read(HEADER_BYTES))
    if isinstance(source, Excerpt) and kind not in MOVING:
        raise InputError(
            f"an excerpt of a file that is not a video but {describe_file_type(kind)}", hint="use the whole file"
        )
    if kind not in PLUGINS and kind not in ("dicom", "heif") and kind not in MOVING:
        raise InputError(f"not a picture but {describe_file_type(kind)}", allowed=READABLE)
    return kind


def _is_fast_to_decode(picture: ImageFile.ImageFile) -> bool:
    """Whether it is decoded in C, in time bounded by its size, and not very large."""
    in_python = bool(picture.tile) and picture.tile[0][0] in _IN_PYTHON
    return not in_python and picture.width * picture.height <= MOST_PIXELS_IN_PROCESS


def _read_bytes(file: BinaryIO) -> bytes:
    _check_bytes(file)
    file.seek(0)
    return file.read()


def _check_bytes(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if size > MOST_FILE_BYTES:
        raise InputError(f"{size >> 20} MiB is too large for a picture", allowed=f"up to {MOST_FILE_BYTES >> 20} MiB")


def _open_picture(kind: str, data: bytes) -> ImageFile.ImageFile:
    picture = plugin_for(kind)(BytesIO(data))
    check_size(*picture.size)
    if kind == "jpeg":
        _check_scans(data, picture.width * picture.height)
    if kind == "tiff":
        silence_libtiff()
        _check_tiles(picture)
    return picture


def _check_scans(data: bytes, pixels: int) -> None:
    """Each scan of a progressive jpeg can cost a pass over all pixels; cameras and editors make about ten.

    https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf
    """
    scans = len(re.findall(b"\xff\xda", data))
    if scans > 50 and scans * pixels > 4 * MOST_PIXELS:
        raise InputError(f"a jpeg of {scans} scans", allowed="up to 50 for a picture of this size")


def _check_tiles(picture: ImageFile.ImageFile) -> None:
    """A tile is decoded in full, and can be larger than its picture."""
    tags = getattr(picture, "tag_v2", {})
    width, height = (tags.get(tag) for tag in (322, 323))  # TileWidth, TileLength
    if isinstance(width, int) and isinstance(height, int) and width * height > MOST_PIXELS:
        raise InputError(f"a tiff with tiles of {width} by {height} pixels is too large")


def _from_pil(picture: Image.Image) -> Pixels:
    check_size(*picture.size)
    picture.load()
    picture = _apply_orientation(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return to_uint8(np.asarray(picture))[:, :, None]
    if picture.mode not in ("L", "RGB") or "transparency" in picture.info:
        picture = _to_grey_or_rgb(picture)
    return _to_array(picture)


def _to_array(picture: Image.Image) -> Pixels:
    """(H, W, C) of a picture in mode L or RGB, some rows at a time, because Pillow copies twice."""
    pixels = np.empty((picture.height, picture.width, len(picture.getbands())), np.uint8)
    step = max(1, AT_ONCE // picture.width)
    for top in range(0, picture.height, step):
        rows = pixels[top : top + step]
        rows[:] = np.asarray(picture.crop((0, top, picture.width, top + len(rows)))).reshape(rows.shape)
    return pixels


def _apply_orientation(picture: Image.Image) -> Image.Image:
    turned = orientation(picture)
    return picture.transpose(_UNDO_ORIENTATION[turned]) if turned in _UNDO_ORIENTATION else picture


def _to_grey_or_rgb(picture: Image.Image) -> Image.Image:
    """Any 8-bit mode -> L or RGB, with transparency blended on white."""
    grey = picture.mode in ("1", "L", "LA", "La")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return picture.convert("L" if grey else "RGB")
