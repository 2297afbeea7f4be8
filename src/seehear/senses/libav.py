"""Containers of moving pictures and of sound that libsndfile does not know, through libav.

`detect_file_type` decides which demuxer to use, so that libav never guesses: its guesses include playlists, which
would open other files and addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.input_file import beyond_end_error

DEMUXERS = {
    "mp4": "mov",
    "matroska": "matroska",
    "avi": "avi",
    "asf": "asf",
    "flv": "flv",
    "mpeg-ps": "mpeg",
    "mpeg-ts": "mpegts",
    "ogg": "ogg",
    "wav": "wav",
    "flac": "flac",
    "mp3": "mp3",
    "aac": "aac",
    "amr": "amr",
    "wavpack": "wv",
}
MOVING = ("mp4", "matroska", "avi", "asf", "flv", "mpeg-ps", "mpeg-ts", "ogg")
_MOST_PACKETS = 1_000_000
_MOST_FRAMES = 1_000  # decoded on the way from a keyframe; encoders place one every 250 frames or so
_MOST_DECODED_PIXELS = 2_000_000_000  # on that way: all of those frames at 1080p, fewer if they are larger


def check_libav(kind: str) -> None:
    """Raises InputError, without `where`, where libav is not installed."""
    if find_spec("av") is None:
        raise InputError(
            f"this {kind} needs PyAV, which is not installed",
            allowed="without it, pictures, and plain wav, flac, ogg, opus, aiff, au and caf recordings",
            hint="pip install 'seehear[media]'",
        )


@contextmanager
def container(file: BinaryIO, kind: str) -> Iterator[Any]:
    """A file of that kind, opened by libav. Raises InputError as `check_libav` does."""
    check_libav(kind)
    import av  # 0.06 s to import: paid by those who need it

    file.seek(0)
    with av.open(file, format=DEMUXERS[kind], metadata_errors="replace") as opened:
        yield opened


def middle_frame(file: BinaryIO, kind: str, most_pixels: int, excerpt: Excerpt | None = None) -> NDArray[np.uint8]:
    """The frame in the middle of a video, or of an excerpt of it -> (H, W, 3), turned upright."""
    with container(file, kind) as video:
        stream = picture_stream(video, most_pixels)
        middle = _middle(_length(video, stream), stream, excerpt)
        return upright(_frame_at(video, stream, (stream.start_time or 0) + middle))


def upright(frame: Any) -> NDArray[np.uint8]:
    """A decoded frame -> (H, W, 3), turned as its film says."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90)))


def picture_stream(video: Any, most_pixels: int) -> Any:
    """The first stream of pictures, decoded in this thread; later frames of more pixels are refused by libav."""
    if not video.streams.video:
        raise InputError("a recording without a picture", hint="use it as audio")
    stream = video.streams.video[0]
    if stream.width * stream.height > most_pixels:
        raise InputError(
            f"frames of {stream.width} by {stream.height} pixels are too many",
            allowed=f"up to {most_pixels / 1e6:g} million",
        )
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(most_pixels)}
    return stream


def no_frame() -> InputError:
    return InputError("damaged: no frame of this video can be decoded", hint="copy or export it again")


def _middle(length: int, stream: Any, excerpt: Excerpt | None) -> int:
    """The time of the middle after the start, in the stream's time base."""
    if excerpt is None:
        return length // 2
    middle = int((excerpt.start_s + excerpt.end_s) / 2 / stream.time_base)
    if 0 < length <= middle:
        raise beyond_end_error(excerpt, float(length * stream.time_base))
    return middle


def _length(video: Any, stream: Any) -> int:
    """How long a stream is, in its time base; 0, so that its first frame is its middle, where nothing says it."""
    if stream.duration:
        return int(stream.duration)
    return int(video.duration / 1_000_000 / stream.time_base) if video.duration else 0


def _frame_at(video: Any, stream: Any, wanted: int) -> Any:
    """The first frame shown at or after a time, in the stream's time base; the last before it where there is none.

    Some containers jump to where decoding can not begin. Then it is decoded from the start.
    """
    most = min(_MOST_FRAMES, 1 + _MOST_DECODED_PIXELS // max(1, stream.width * stream.height))
    for begin in (wanted, 0):
        video.seek(begin, stream=stream)
        frame = None
        for frame in islice(frames(video, stream), most):
            if frame.pts is None or frame.pts >= wanted:
                break
        if frame is not None:
            return frame
    raise no_frame()


def frames(video: Any, stream: Any, most_packets: float = _MOST_PACKETS) -> Iterator[Any]:
    """Decoded frames, however many packets lie; damaged packets are left out, as players do."""
    import av

    packets = 0
    for packet in video.demux(stream):
        packets += 1
        if packets > most_packets:
            raise InputError(f"more than {most_packets} packets")
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue
