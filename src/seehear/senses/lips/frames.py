"""The pictures of a video, one for every cell of time, small and grey."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.input_file import END_TOLERANCE_S, beyond_end_error
from seehear.senses.libav import container, frames, no_frame, picture_stream
from seehear.senses.lips.plan import CELL_S, LONGEST_S, RATE_HZ

Picture = NDArray[np.uint8]

SIDE_PX = 400  # the longer side of what is kept: a face that fills a third of it has a mouth of 60 px
MOST_PIXELS = 40_000_000  # of one frame
MOST_ASPECT = 8
MOST_CELLS = round(LONGEST_S * RATE_HZ)
_MOST_DECODED_PIXELS = 20_000_000_000  # 60 s of 1080p at 60 frames a second, twice over, or of 2160p at 40


def moving(file: BinaryIO, kind: str, excerpt: Excerpt | None = None) -> list[Picture]:
    """The frame shown in the middle of each CELL_S of a video, or of an excerpt of it -> (H, W) each, upright.

    Time is counted from where the sound begins, where there is any, so that both senses agree about it. Raises
    InputError for what has no moving picture, is longer than LONGEST_S, or ends before the excerpt does.
    """
    with container(file, kind) as video:
        stream = picture_stream(video, MOST_PIXELS)
        begin_s, end_s = (0.0, LONGEST_S) if excerpt is None else (excerpt.start_s, excerpt.end_s)
        if end_s - begin_s > LONGEST_S:
            raise _too_long(f"a stretch of {end_s - begin_s:.0f} s")
        origin_s = _origin_s(video, stream)
        seen, reached_s = _seen(video, stream, origin_s, begin_s, end_s)
        if not seen:
            if excerpt is not None and reached_s > 0:
                raise beyond_end_error(excerpt, reached_s)
            raise no_frame()
        if excerpt is not None and reached_s < end_s - END_TOLERANCE_S:
            raise beyond_end_error(excerpt, reached_s)
        if excerpt is None and reached_s > LONGEST_S + CELL_S:
            raise _too_long(f"a video of more than {LONGEST_S:g} s")
        return seen


def _too_long(what: str) -> InputError:
    return InputError(
        what,
        allowed=f"up to {LONGEST_S:g} s where lips are read",
        hint="name its stretches in a table with start and end",
    )


def _origin_s(video: Any, stream: Any) -> float:
    starts = [own for own in (*video.streams.audio[:1], stream) if own.start_time is not None]
    return float(starts[0].start_time * starts[0].time_base) if starts else 0.0


def _seen(video: Any, stream: Any, origin_s: float, begin_s: float, end_s: float) -> tuple[list[Picture], float]:
    """(a picture for each cell from begin_s to end_s, where the video ended, or where it was left).

    Some containers jump to behind where they were told to. Then it is decoded from the start.
    """
    begins = [begin_s, 0.0] if begin_s > 0 else [0.0]
    seen: list[Picture] = []
    reached_s = 0.0
    for place_s in begins:
        if begin_s > 0:
            video.seek(max(0, int((origin_s + place_s) / stream.time_base)), stream=stream)
        timed = _timed(video, stream, origin_s)
        first = next(timed, None)
        if first is None or (first[0] > begin_s + CELL_S and place_s > 0):
            continue
        seen, reached_s = _cells(first, timed, begin_s, end_s)
        break
    return seen, reached_s


def _timed(video: Any, stream: Any, origin_s: float) -> Iterator[tuple[float, float, Any]]:
    """(second at which it is shown, seconds for which the rate has it shown, frame), as long as the work is bounded."""
    usual_s = float(1 / stream.average_rate) if stream.average_rate else CELL_S
    pixels = 0
    for number, frame in enumerate(frames(video, stream)):
        pixels += frame.width * frame.height
        if pixels > _MOST_DECODED_PIXELS:
            raise _too_long(f"{number:,} frames of {frame.width} by {frame.height} px")
        at_s = number * usual_s if frame.pts is None else float(frame.pts * stream.time_base) - origin_s
        yield at_s, usual_s, frame


def _cells(
    first: tuple[float, float, Any], timed: Iterable[tuple[float, float, Any]], begin_s: float, end_s: float
) -> tuple[list[Picture], float]:
    """What is shown in the middle of each cell. Before the first frame it is what the first one shows."""
    cells = max(1, round((end_s - begin_s) / CELL_S))
    seen: list[Picture] = []
    shown_s, usual_s, shown = first

    def until(time_s: float) -> None:
        small = None
        while len(seen) < cells and begin_s + (len(seen) + 0.5) * CELL_S <= time_s:
            small = _small(shown) if small is None else small
            seen.append(small)

    for at_s, _, frame in timed:
        until(at_s)
        shown_s, shown = at_s, frame
        if at_s > end_s + CELL_S:
            return seen, at_s
    until(shown_s + usual_s)
    return seen, shown_s + usual_s


def _small(frame: Any) -> Picture:
    if max(frame.width, frame.height) > MOST_ASPECT * min(frame.width, frame.height):
        raise InputError(f"frames of {frame.width} by {frame.height} px", allowed=f"sides of up to {MOST_ASPECT} to 1")
    scale = min(1.0, SIDE_PX / max(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    grey = frame.reformat(width=width, height=height, format="gray").to_ndarray()
    return np.ascontiguousarray(np.rot90(grey, k=round(frame.rotation / 90)))
