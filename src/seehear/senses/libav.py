"""Videos, and audio formats that libsndfile does not read, through libav (PyAV).

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
_MOST_FRAMES = 1_000  # frames decoded from a keyframe on; encoders place one about every 250 frames
_MOST_DECODED_PIXELS = 2_000_000_000  # that many frames at 1080p, fewer if they are larger


def check_libav(kind: str) -> None:
    """Raises InputError, without `where`, if PyAV is not installed."""
    if find_spec("av") is None:
        raise InputError(
            f"this {kind} needs PyAV, which is not installed",
            allowed="without it: pictures, and wav, flac, ogg, opus, aiff, au and caf recordings",
            hint="pip install 'seehear[media]'",
        )


@contextmanager
def open_container(file: BinaryIO, kind: str) -> Iterator[Any]:
    """Open a file of this type with libav. Raises InputError like `check_libav`."""
    check_libav(kind)
    import av  # takes 0.06 s to import

    file.seek(0)
    with av.open(file, format=DEMUXERS[kind], metadata_errors="replace") as opened:
        yield opened


def read_middle_frame(file: BinaryIO, kind: str, most_pixels: int, excerpt: Excerpt | None = None) -> NDArray[np.uint8]:
    """The middle frame of a video, or of an excerpt -> (H, W, 3), upright."""
    with open_container(file, kind) as video:
        stream = open_video_stream(video, most_pixels)
        middle = _middle(_length(video, stream), stream, excerpt)
        return to_upright_array(_frame_at(video, stream, (stream.start_time or 0) + middle))


def to_upright_array(frame: Any) -> NDArray[np.uint8]:
    """A decoded frame -> (H, W, 3), rotated as its metadata say."""
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), k=round(frame.rotation / 90)))


def open_video_stream(video: Any, most_pixels: int) -> Any:
    """The first video stream, decoded in this thread; libav rejects frames of more pixels."""
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


def no_frame_error() -> InputError:
    return InputError("damaged: no frame of this video can be decoded", hint="copy or export it again")


def _middle(length: int, stream: Any, excerpt: Excerpt | None) -> int:
    """The middle, relative to the start, in the stream's time base."""
    if excerpt is None:
        return length // 2
    middle = int((excerpt.start_s + excerpt.end_s) / 2 / stream.time_base)
    if 0 < length <= middle:
        raise beyond_end_error(excerpt, float(length * stream.time_base))
    return middle


def _length(video: Any, stream: Any) -> int:
    """Length of a stream in its time base; 0 if unknown, so that the first frame is the middle."""
    if stream.duration:
        return int(stream.duration)
    return int(video.duration / 1_000_000 / stream.time_base) if video.duration else 0


def _frame_at(video: Any, stream: Any, wanted: int) -> Any:
    """The first frame at or after a time in the stream's time base; if there is none, the last before it.

    Some containers seek to a place where decoding cannot start; then decode from the beginning.
    """
    most = min(_MOST_FRAMES, 1 + _MOST_DECODED_PIXELS // max(1, stream.width * stream.height))
    for begin in (wanted, 0):
        video.seek(begin, stream=stream)
        frame = None
        for frame in islice(decode_frames(video, stream), most):
            if frame.pts is None or frame.pts >= wanted:
                break
        if frame is not None:
            return frame
    raise no_frame_error()


def decode_frames(video: Any, stream: Any, most_packets: float = _MOST_PACKETS) -> Iterator[Any]:
    """Decoded frames. Damaged packets are skipped, as players do."""
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
