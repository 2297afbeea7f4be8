"""Read the frames of a video at a fixed rate, small and grey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.input_file import END_TOLERANCE_S, beyond_end_error
from seehear.senses.libav import decode_frames, no_frame_error, open_container, open_video_stream
from seehear.senses.lips.plan import CELL_S, LONGEST_S, RATE_HZ

Picture = NDArray[np.uint8]

SIDE_PX = 400  # longer side of the kept frames: a face a third as large has a mouth of 60 px
MOST_PIXELS = 40_000_000  # per frame
MOST_ASPECT = 8
MOST_CELLS = round(LONGEST_S * RATE_HZ)
_MOST_DECODED_PIXELS = 20_000_000_000  # 60 s of 1080p at 60 frames a second, twice over, or of 2160p at 40


def read_frames(file: BinaryIO, kind: str, excerpt: Excerpt | None = None) -> list[Picture]:
    """The frame shown in the middle of each CELL_S of a video, or of an excerpt of it -> (H, W) each, upright.

    Times are relative to the start of the sound, if there is any, so that both senses agree. Raises InputError if there
    is no video stream, or it is longer than LONGEST_S, or ends before the excerpt.
    """
    with open_container(file, kind) as video:
        stream = open_video_stream(video, MOST_PIXELS)
        begin_s, end_s = (0.0, LONGEST_S) if excerpt is None else (excerpt.start_s, excerpt.end_s)
        if end_s - begin_s > LONGEST_S:
            raise _too_long(f"an excerpt of {end_s - begin_s:.0f} s")
        origin_s = _origin_s(video, stream)
        seen, reached_s = _read_cells(video, stream, origin_s, begin_s, end_s)
        if not seen:
            if excerpt is not None and reached_s > 0:
                raise beyond_end_error(excerpt, reached_s)
            raise no_frame_error()
        if excerpt is not None and reached_s < end_s - END_TOLERANCE_S:
            raise beyond_end_error(excerpt, reached_s)
        if excerpt is None and reached_s > LONGEST_S + CELL_S:
            raise _too_long(f"a video of more than {LONGEST_S:g} s")
        return seen


def _too_long(what: str) -> InputError:
    return InputError(
        what,
        allowed=f"up to {LONGEST_S:g} s for lips",
        hint="list excerpts in a table with start and end",
    )


def _origin_s(video: Any, stream: Any) -> float:
    starts = [own for own in (*video.streams.audio[:1], stream) if own.start_time is not None]
    return float(starts[0].start_time * starts[0].time_base) if starts else 0.0


def _read_cells(video: Any, stream: Any, origin_s: float, begin_s: float, end_s: float) -> tuple[list[Picture], float]:
    """(a frame for each cell from begin_s to end_s, the time at which reading stopped).

    Some containers seek too far; then decode from the start.
    """
    begins = [begin_s, 0.0] if begin_s > 0 else [0.0]
    seen: list[Picture] = []
    reached_s = 0.0
    for place_s in begins:
        if begin_s > 0:
            video.seek(max(0, int((origin_s + place_s) / stream.time_base)), stream=stream)
        timed = _timestamp_frames(video, stream, origin_s)
        first = next(timed, None)
        if first is None or (first[0] > begin_s + CELL_S and place_s > 0):
            continue
        seen, reached_s = _sample_cells(first, timed, begin_s, end_s)
        break
    return seen, reached_s


def _timestamp_frames(video: Any, stream: Any, origin_s: float) -> Iterator[tuple[float, float, Any]]:
    """Yield (time in seconds, mean frame interval in seconds, frame). The work is bounded."""
    interval_s = float(1 / stream.average_rate) if stream.average_rate else CELL_S
    pixels = 0
    for number, frame in enumerate(decode_frames(video, stream)):
        pixels += frame.width * frame.height
        if pixels > _MOST_DECODED_PIXELS:
            raise _too_long(f"{number:,} frames of {frame.width} by {frame.height} px")
        at_s = number * interval_s if frame.pts is None else float(frame.pts * stream.time_base) - origin_s
        yield at_s, interval_s, frame


def _sample_cells(
    first: tuple[float, float, Any], timed: Iterable[tuple[float, float, Any]], begin_s: float, end_s: float
) -> tuple[list[Picture], float]:
    """The frame shown in the middle of each cell; before the first frame, the first one."""
    cells = max(1, round((end_s - begin_s) / CELL_S))
    seen: list[Picture] = []
    shown_s, interval_s, shown = first

    def fill_until(time_s: float) -> None:
        small = None
        while len(seen) < cells and begin_s + (len(seen) + 0.5) * CELL_S <= time_s:
            small = _shrink(shown) if small is None else small
            seen.append(small)

    for at_s, _, frame in timed:
        fill_until(at_s)
        shown_s, shown = at_s, frame
        if at_s > end_s + CELL_S:
            return seen, at_s
    fill_until(shown_s + interval_s)
    return seen, shown_s + interval_s


def _shrink(frame: Any) -> Picture:
    if max(frame.width, frame.height) > MOST_ASPECT * min(frame.width, frame.height):
        raise InputError(f"frames of {frame.width} by {frame.height} px", allowed=f"sides of up to {MOST_ASPECT} to 1")
    scale = min(1.0, SIDE_PX / max(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    grey = frame.reformat(width=width, height=height, format="gray").to_ndarray()
    return np.ascontiguousarray(np.rot90(grey, k=round(frame.rotation / 90)))
