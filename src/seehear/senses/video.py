"""Read and write videos frame by frame.

Writing is here because only this package may import libav.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.file_type import HEADER_BYTES, describe_file_type, detect_file_type
from seehear.senses.input_file import END_TOLERANCE_S, beyond_end_error, name_errors, open_source
from seehear.senses.isolated_decoding import decode_items
from seehear.senses.libav import (
    MOVING,
    check_libav,
    decode_frames,
    no_frame_error,
    open_container,
    open_video_stream,
    to_upright_array,
)
from seehear.senses.truncation import check_not_truncated

Pixels = NDArray[np.uint8]

DEFAULT_INTERVAL_S = 0.04  # between frames, if a video does not state its frame rate
_TOLERANCE_S = 1e-6  # tolerance: times are fractions, compared as floats

TICKS_HZ = 60_000  # a multiple of common frame rates, within the 16 bits of MPEG-4 part 2
KEYFRAME_EVERY = 50  # frames: what is lost at the end of an interrupted video
CODECS = ("h264", "mpeg4")  # the first one available in libav
# Readable even if interrupted, and an ordinary file if finished (FFmpeg, formats, "hybrid_fragmented").
CRASH_SAFE = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
FAST = {"preset": "veryfast", "crf": "23"}


def is_video(source: Any) -> bool:
    """Whether a path, an Excerpt or bytes are a video, by their first bytes; False if they cannot be opened."""
    try:
        with open_source(source) as file:
            return detect_file_type(file.read(HEADER_BYTES)) in MOVING
    except InputError:
        return False


def read_frames(source: Any, most_pixels: int, every_s: float | None = None) -> Iterator[tuple[float, Pixels]]:
    """Yield (seconds from the start, (H, W, 3) upright): every frame, or the first of each `every_s` seconds.

    An Excerpt yields the frames within it. Raises InputError if there are none and, after the last frame, if the file
    is truncated or the video ends before the excerpt.
    """
    with name_errors(source, "video"), open_source(source) as file:
        check_libav(_check_type(file))
        with closing(decode_items("video", file, source, most_pixels=most_pixels, every_s=every_s)) as shown:
            yield from ((at_s, pixels) for at_s, pixels in shown if pixels is not None)


def decode(
    file: BinaryIO, excerpt: Excerpt | None, most_pixels: int, every_s: float | None
) -> Iterator[tuple[float, Pixels | None]]:
    """Decode an open video in this process; None for each frame that is skipped."""
    kind = _check_type(file)
    start_s, end_s = (excerpt.start_s, excerpt.end_s) if excerpt is not None else (0.0, math.inf)
    last_times_s: list[float] = []  # times of the last two frames
    keep = _make_frame_filter(every_s)
    with open_container(file, kind) as video:
        stream = open_video_stream(video, most_pixels)
        for at_s, frame in _frames_from(video, stream, start_s):
            if at_s >= end_s:
                return
            last_times_s = [*last_times_s[-1:], at_s]
            yield at_s, to_upright_array(frame) if keep(at_s) else None
    until_s = last_times_s[-1] + (last_times_s[-1] - last_times_s[0] or DEFAULT_INTERVAL_S) if last_times_s else 0.0
    if excerpt is not None and until_s < end_s - END_TOLERANCE_S:
        raise beyond_end_error(excerpt, until_s)
    if not last_times_s:
        raise no_frame_error()
    check_not_truncated(file, kind)


def _check_type(file: BinaryIO) -> str:
    kind = detect_file_type(file.read(HEADER_BYTES))
    if kind not in MOVING:
        raise InputError(
            f"not a video but {describe_file_type(kind)}", allowed="an mp4, mov, mkv, webm, avi, mpeg or ogv"
        )
    return kind


def _frames_from(video: Any, stream: Any, start_s: float) -> Iterator[tuple[float, Any]]:
    """Frames from start_s on. Some containers seek too far; then decode from the beginning."""
    if start_s > 0:
        video.seek((stream.start_time or 0) + int(start_s / stream.time_base), stream=stream)
        timed = _timestamp_frames(video, stream)
        first = next(timed, None)
        if first is not None and first[1].pts is not None and first[0] <= start_s:
            yield from (each for each in chain([first], timed) if each[0] >= start_s - _TOLERANCE_S)
            return
        video.seek(0, stream=stream)
    yield from (each for each in _timestamp_frames(video, stream) if each[0] >= start_s - _TOLERANCE_S)


def _timestamp_frames(video: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """Yield (seconds, frame). A frame without a rising time gets the last time plus the mean frame interval."""
    interval_s = float(1 / stream.average_rate) if stream.average_rate else DEFAULT_INTERVAL_S
    origin, before_s = stream.start_time or 0, -interval_s
    for frame in decode_frames(video, stream, most_packets=math.inf):
        said_s = -1.0 if frame.pts is None else max(0.0, float((frame.pts - origin) * stream.time_base))
        before_s = said_s if said_s > before_s else before_s + interval_s
        yield before_s, frame


def _make_frame_filter(every_s: float | None) -> Callable[[float], bool]:
    """A function that says whether to keep the frame at a time: all, or the first of each `every_s` seconds."""
    next_s = 0.0

    def keep(at_s: float) -> bool:
        nonlocal next_s
        if at_s < next_s - _TOLERANCE_S:
            return False
        if every_s is not None:
            next_s = (math.floor(at_s / every_s + _TOLERANCE_S) + 1) * every_s
        return True

    return keep


class VideoWriter:
    """A context manager that writes an mp4 frame by frame; the file is created with the first frame.

    Frames are scaled to the size of the first one, rounded to even numbers of pixels. An interrupted video plays up to
    the last KEYFRAME_EVERY frames.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out: Any = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._out is None:
            return
        with self._file, self._out:
            self._out.mux(self._stream.encode(None))

    def add(self, picture: Image, time_s: float) -> None:
        """Append a frame. Times must be increasing."""
        import av

        if self._out is None:
            self._open(*picture.size)
        frame = av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), format="rgb24")
        frame.pts, frame.time_base = round(time_s * TICKS_HZ), Fraction(1, TICKS_HZ)
        self._out.mux(self._stream.encode(frame))

    def _open(self, width: int, height: int) -> None:
        import av

        self._file = self._path.open("wb", buffering=0)
        self._out = av.open(self._file, "w", format="mp4", options=CRASH_SAFE)
        codec = next(name for name in CODECS if _has_encoder(name))
        self._stream = self._out.add_stream(
            codec, rate=round(1 / DEFAULT_INTERVAL_S), options=FAST if codec == CODECS[0] else {}
        )
        self._stream.width, self._stream.height = (max(2, side // 2 * 2) for side in (width, height))
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.gop_size, context.max_b_frames = Fraction(1, TICKS_HZ), KEYFRAME_EVERY, 0


def _has_encoder(codec: str) -> bool:
    import av

    try:
        return bool(av.Codec(codec, "w"))
    except av.codec.codec.UnknownCodecError:
        return False
