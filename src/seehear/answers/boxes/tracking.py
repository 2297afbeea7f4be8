"""Track the objects of a video from frame to frame.

After ByteTrack (Zhang et al. 2022, arXiv:2110.06864): reported boxes are matched first, to known tracks; low-confidence
boxes are then matched to tracks that would otherwise be lost. Matching is greedy by IoU (Bochinski et al. 2017), with
each track's position predicted at constant velocity. The velocity of an object seen only once is unknown, so there the
boxes are enlarged before they are compared (Yang et al. 2023, arXiv:2211.14317).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.answer import Boxes, format_counts, to_corners
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.exchange import COLUMNS, to_row
from seehear.answers.boxes.overlap import box_iou

Array = NDArray[Any]

LOWEST_CONFIDENCE = 0.1  # of an unreported box that may continue a track (ByteTrack, section 3)
MIN_IOU, MIN_IOU_UNREPORTED = 0.2, 0.5  # with the predicted position (ByteTrack's implementation)
MAX_HIDDEN_S, MAX_HIDDEN_FRAMES = 1.0, 3  # a track missing for longer than both ends
ENLARGEMENT = 0.5  # share of its sides added to each side of a box whose velocity is unknown
MIN_VELOCITY_WEIGHT = 0.3  # of the newest velocity in the running mean


@dataclass(eq=False)
class Track:
    """One object: where it was last seen, and the velocity (2,) of its centre in px/s."""

    label: str
    xyxy: Array
    last_seen_s: float
    velocity: Array = field(default_factory=lambda: np.zeros(2))
    detections: int = 1
    frames_missed: int = 0
    number: int | None = None  # given at its second detection

    def predict(self, time_s: float) -> Array:
        """Corners (4,) at constant velocity."""
        return self.xyxy + np.tile(self.velocity * (time_s - self.last_seen_s), 2)

    def update(self, box: Box, time_s: float) -> None:
        xyxy = np.array(box.xyxy)
        shift = ((xyxy - self.xyxy)[:2] + (xyxy - self.xyxy)[2:]) / 2
        weight = max(MIN_VELOCITY_WEIGHT, 1 / self.detections)
        self.velocity += weight * (shift / (time_s - self.last_seen_s) - self.velocity)
        self.xyxy, self.last_seen_s = xyxy, time_s
        self.detections, self.frames_missed = self.detections + 1, 0

    def is_alive(self, time_s: float) -> bool:
        """An object seen only once must be seen again in the next frame; a numbered track may be hidden for a while."""
        if self.number is None:
            return self.frames_missed == 0
        return self.frames_missed <= MAX_HIDDEN_FRAMES or time_s - self.last_seen_s <= MAX_HIDDEN_S


@dataclass(eq=False)
class Detection:
    box: Box
    track: Track | None = None


class BoxTracker:
    """Numbers the objects of a video. `counts` holds the number of different objects of each class so far."""

    columns = ("track", *COLUMNS)

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._tracks: list[Track] = []

    def track(self, answers: Iterable[tuple[float, Boxes | None]]) -> Iterator[Boxes | None]:
        """Each answer with track numbers, one frame late: a track starts only when its object is seen again."""
        before: tuple[Boxes | None, Sequence[Detection]] | None = None
        for time_s, answer in answers:
            now = answer, self._detect(answer, time_s) if answer else ()
            if before:
                yield _with_tracks(*before)
            before = now
        if before:
            yield _with_tracks(*before)

    def rows(self, answer: Boxes) -> Iterator[tuple[Any, ...]]:
        return (("" if box.track is None else box.track, *to_row(box)) for box in answer.boxes)

    def to_json(self) -> dict[str, Any]:
        return dict(self.counts)

    def __str__(self) -> str:
        return format_counts({label: (n, 0) for label, n in self.counts.items()})

    def _detect(self, answer: Boxes, time_s: float) -> list[Detection]:
        """The reported boxes, then the others, each with the track it belongs to."""
        reported, unreported = ([Detection(box) for box in boxes] for boxes in (answer.boxes, answer.low_confidence))
        numbered = [track for track in self._tracks if track.number is not None]
        associate(numbered, reported, time_s, MIN_IOU)
        visible = [track for track in numbered if not track.frames_missed]
        likely = [each for each in unreported if each.box.confidence >= LOWEST_CONFIDENCE]
        associate(visible, likely, time_s, MIN_IOU_UNREPORTED)
        associate([track for track in self._tracks if track.number is None], reported, time_s, MIN_IOU, ENLARGEMENT)
        for track in self._tracks:
            self._confirm(track, time_s)
        for each in reported:
            each.track = each.track or Track(each.box.label, np.array(each.box.xyxy), time_s)
        new = [each.track for each in reported if each.track and each.track.detections == 1]
        self._tracks = [track for track in self._tracks if track.is_alive(time_s)] + new
        return [*reported, *unreported]

    def _confirm(self, track: Track, time_s: float) -> None:
        """Number a track that was seen again; count a frame that missed it."""
        if track.last_seen_s < time_s:
            track.frames_missed += 1
        elif track.number is None:
            track.number = self.counts.total() + 1
            self.counts[track.label] += 1


def associate(
    tracks: Sequence[Track], detections: Sequence[Detection], time_s: float, min_iou: float, enlargement: float = 0.0
) -> None:
    """Match tracks not yet seen at this time to unmatched detections of their class, largest IoU first."""
    tracks = [track for track in tracks if track.last_seen_s < time_s]
    detections = [each for each in detections if each.track is None]
    predicted = np.array([track.predict(time_s) for track in tracks]).reshape(-1, 4)
    same_class = np.array([[track.label == each.box.label for each in detections] for track in tracks], np.bool_)
    boxes = to_corners([each.box for each in detections])
    iou = box_iou(_enlarge(predicted, enlargement), _enlarge(boxes, enlargement))
    for row, column in greedy_pairs(np.where(same_class.reshape(iou.shape), iou, 0.0), min_iou):
        detections[column].track = tracks[row]
        tracks[row].update(detections[column].box, time_s)


def _enlarge(boxes: Array, share: float) -> Array:
    """Corners (n, 4), moved outwards by a share of the box's sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] - share * sides, boxes[:, 2:] + share * sides], 1)


def greedy_pairs(iou: Array, min_iou: float) -> Iterator[tuple[int, int]]:
    """(n, m) -> (row, column) pairs, largest IoU first; each row and each column at most once."""
    free = iou.copy()
    while free.size and free.max() >= min_iou:
        row, column = np.unravel_index(free.argmax(), free.shape)
        free[row], free[:, column] = -1, -1
        yield int(row), int(column)


def _with_tracks(answer: Boxes | None, detections: Sequence[Detection]) -> Boxes | None:
    """The boxes with their track numbers; low-confidence boxes that continue a track are reported too."""
    if answer is None:
        return None
    reported, unreported = detections[: len(answer.boxes)], detections[len(answer.boxes) :]
    tracked = [each for each in (*reported, *unreported) if each.track]
    boxes = tuple(replace(each.box, track=each.track.number) for each in tracked if each.track)
    return replace(answer, boxes=boxes, low_confidence=tuple(each.box for each in unreported if not each.track))
