"""Read the mouth of the person in a video, as 25 grey frames per second."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.file_type import HEADER_BYTES, describe_file_type, detect_file_type
from seehear.senses.input_file import name_errors, open_source
from seehear.senses.isolated_decoding import decode_isolated
from seehear.senses.libav import MOVING, check_libav
from seehear.senses.lips.face import check_opencv, crop_mouth
from seehear.senses.lips.frames import MOST_CELLS, read_frames
from seehear.senses.lips.plan import LONGEST_S, RATE_HZ
from seehear.senses.truncation import check_not_truncated

Clip = NDArray[np.uint8]

HEIGHT_PX, WIDTH_PX = 64, 96  # size of the frames that are read; the encoder uses at most this
MOST_SIDE_PX = 1024


def read(source: Any) -> Clip:
    """A path, an Excerpt, the bytes of a video, or a clip -> the mouth over time (T, H, W), grey.

    A clip is an array (T, H, W) of uint8 of the mouth alone, at RATE_HZ. Raises InputError if the source is not a
    video, damaged, longer than LONGEST_S, shows no face, or ends before the excerpt.
    """
    with name_errors(source, "video"):
        if isinstance(source, np.ndarray):
            return _clip(source)
        with open_source(source) as file:
            kind = _check_type(file)
            check_not_truncated(file, kind)
            check_libav(kind)
            check_opencv()
            return decode_isolated("lips", file, source)


def check(source: Path | Excerpt) -> None:
    """Decode the middle frame: looking for a face in all of them takes about as long as the video.

    Raises InputError if it is not a video or damaged.
    """
    with name_errors(source, "video"), open_source(source) as file:
        kind = _check_type(file)
        check_not_truncated(file, kind)
        check_libav(kind)
        decode_isolated("picture", file, source)


def decode(file: BinaryIO, excerpt: Excerpt | None = None) -> Clip:
    """Decode an open video, or an excerpt of it, in this process. Raises InputError, without `where`."""
    return crop_mouth(read_frames(file, _check_type(file), excerpt), HEIGHT_PX, WIDTH_PX)


def _check_type(file: BinaryIO) -> str:
    kind = detect_file_type(file.read(HEADER_BYTES))
    if kind not in MOVING:
        raise InputError(
            f"not a video but {describe_file_type(kind)}", allowed="an mp4, mkv, webm, avi, mpg, ogv, wmv or flv"
        )
    return kind


def _clip(array: NDArray[Any]) -> Clip:
    if array.ndim != 3 or array.dtype != np.uint8:
        raise InputError(f"an array of {array.dtype} of shape {array.shape}", allowed="(T, H, W) of uint8")
    if not 1 <= len(array) <= MOST_CELLS:
        raise InputError(f"{len(array)} frames at {RATE_HZ} per second", allowed=f"1 to {MOST_CELLS} ({LONGEST_S:g} s)")
    if not all(2 <= side <= MOST_SIDE_PX for side in array.shape[1:]):
        raise InputError(
            f"frames of {array.shape[2]} by {array.shape[1]} px", allowed=f"sides of 2 to {MOST_SIDE_PX} px"
        )
    return array
