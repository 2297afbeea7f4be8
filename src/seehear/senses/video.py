"""Films: all their pictures, each with its time, one after the other; read, and written.

Written here, and not where they are drawn, as libav is known in this room alone.
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
from seehear.senses.libav import MOVING, check_libav, container, frames, no_frame, picture_stream, upright
from seehear.senses.truncation import check_not_truncated

Pixels = NDArray[np.uint8]

USUAL_S = 0.04  # from picture to picture, where a film does not tell its rate
_JUST_S = 1e-6  # times come as fractions and are compared as floats

TICKS_HZ = 60_000  # whole for the rates of cameras, and within the 16 bits of MPEG-4 part 2
KEYFRAME_EVERY = 50  # pictures: what is lost at the end of a film that was broken off
CODECS = ("h264", "mpeg4")  # the first that libav was built with
# Readable however it ends, and as any other file where it ends well (FFmpeg, formats, "hybrid_fragmented").
UNBREAKABLE = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
FAST = {"preset": "veryfast", "crf": "23"}


def is_video(source: Any) -> bool:
    """Whether a path, an Excerpt or bytes begin as moving pictures do; False for what can not be opened."""
    try:
        with open_source(source) as file:
            return detect_file_type(file.read(HEADER_BYTES)) in MOVING
    except InputError:
        return False


def pictures(source: Any, most_pixels: int, every_s: float | None = None) -> Iterator[tuple[float, Pixels]]:
    """(seconds from the film's beginning, (H, W, 3) upright): every picture, or the first of each `every_s`.

    Of an Excerpt those within it. Raises InputError where there is none; after the last one, where the file ends before
    the film or the film before the excerpt.
    """
    with name_errors(source, "film"), open_source(source) as file:
        check_libav(_kind(file))
        with closing(decode_items("film", file, source, most_pixels=most_pixels, every_s=every_s)) as shown:
            yield from ((at_s, pixels) for at_s, pixels in shown if pixels is not None)


def decode(
    file: BinaryIO, excerpt: Excerpt | None, most_pixels: int, every_s: float | None
) -> Iterator[tuple[float, Pixels | None]]:
    """The same of an open film, in this process; None for each picture that is not wanted."""
    kind = _kind(file)
    start_s, end_s = (excerpt.start_s, excerpt.end_s) if excerpt is not None else (0.0, math.inf)
    shown_s: list[float] = []  # when the last two were
    due = _due(every_s)
    with container(file, kind) as video:
        stream = picture_stream(video, most_pixels)
        for at_s, frame in _from(video, stream, start_s):
            if at_s >= end_s:
                return
            shown_s = [*shown_s[-1:], at_s]
            yield at_s, upright(frame) if due(at_s) else None
    until_s = shown_s[-1] + (shown_s[-1] - shown_s[0] or USUAL_S) if shown_s else 0.0
    if excerpt is not None and until_s < end_s - END_TOLERANCE_S:
        raise beyond_end_error(excerpt, until_s)
    if not shown_s:
        raise no_frame()
    check_not_truncated(file, kind)


def _kind(file: BinaryIO) -> str:
    kind = detect_file_type(file.read(HEADER_BYTES))
    if kind not in MOVING:
        raise InputError(
            f"not a film but {describe_file_type(kind)}", allowed="an mp4, mov, mkv, webm, avi, mpeg or ogv"
        )
    return kind


def _from(video: Any, stream: Any, start_s: float) -> Iterator[tuple[float, Any]]:
    """What is shown from then on. Some containers jump to behind where they were told to; then from the beginning."""
    if start_s > 0:
        video.seek((stream.start_time or 0) + int(start_s / stream.time_base), stream=stream)
        timed = _timed(video, stream)
        first = next(timed, None)
        if first is not None and first[1].pts is not None and first[0] <= start_s:
            yield from (each for each in chain([first], timed) if each[0] >= start_s - _JUST_S)
            return
        video.seek(0, stream=stream)
    yield from (each for each in _timed(video, stream) if each[0] >= start_s - _JUST_S)


def _timed(video: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """(second, frame). A frame without a time, or whose time goes back, comes as long after the last as is usual."""
    usual_s = float(1 / stream.average_rate) if stream.average_rate else USUAL_S
    origin, before_s = stream.start_time or 0, -usual_s
    for frame in frames(video, stream, most_packets=math.inf):
        said_s = -1.0 if frame.pts is None else max(0.0, float((frame.pts - origin) * stream.time_base))
        before_s = said_s if said_s > before_s else before_s + usual_s
        yield before_s, frame


def _due(every_s: float | None) -> Callable[[float], bool]:
    """Whether the next picture, which comes at a second, is wanted: all, or the first of each `every_s`."""
    next_s = 0.0

    def due(at_s: float) -> bool:
        nonlocal next_s
        if at_s < next_s - _JUST_S:
            return False
        if every_s is not None:
            next_s = (math.floor(at_s / every_s + _JUST_S) + 1) * every_s
        return True

    return due


class VideoWriter:
    """An mp4 that is written picture by picture, for the length of a `with`; nothing is there before the first one.

    Pictures of another size than the first are scaled to it, and sides to even numbers of pixels. A film that is
    broken off can be seen up to the last KEYFRAME_EVERY pictures.
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
        """Times rise from picture to picture."""
        import av

        if self._out is None:
            self._begin(*picture.size)
        frame = av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), format="rgb24")
        frame.pts, frame.time_base = round(time_s * TICKS_HZ), Fraction(1, TICKS_HZ)
        self._out.mux(self._stream.encode(frame))

    def _begin(self, width: int, height: int) -> None:
        import av

        self._file = self._path.open("wb", buffering=0)
        self._out = av.open(self._file, "w", format="mp4", options=UNBREAKABLE)
        codec = next(name for name in CODECS if _writes(name))
        self._stream = self._out.add_stream(codec, rate=round(1 / USUAL_S), options=FAST if codec == CODECS[0] else {})
        self._stream.width, self._stream.height = (max(2, side // 2 * 2) for side in (width, height))
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.gop_size, context.max_b_frames = Fraction(1, TICKS_HZ), KEYFRAME_EVERY, 0


def _writes(codec: str) -> bool:
    import av

    try:
        return bool(av.Codec(codec, "w"))
    except av.codec.codec.UnknownCodecError:
        return False
