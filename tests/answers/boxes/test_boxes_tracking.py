"""Objects in videos keep their track while they move, are hidden or are detected badly, and each is counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from present import present
from seehear.answers.boxes import Box, Boxes
from seehear.answers.boxes.tracking import LOWEST_CONFIDENCE, MAX_HIDDEN_S, BoxTracker, greedy_pairs

LANE_PX, SIDE_PX, RATE_HZ = 100.0, 40.0, 25
Path = Callable[[float], tuple[float, float] | None]  # seconds -> the centre of an object, None while it is hidden


def box(x: float, y: float, label: str = "car", confidence: float = 0.9) -> Box:
    return Box(label, (x - SIDE_PX / 2, y - SIDE_PX / 2, x + SIDE_PX / 2, y + SIDE_PX / 2), confidence)


def track(frames: Sequence[tuple[float, Boxes | None]]) -> tuple[list[Boxes], BoxTracker]:
    tracker = BoxTracker()
    return [present(answer) for answer in tracker.track(frames)], tracker


def film(objects: Sequence[tuple[str, Path]], seconds: float, rate_hz: float = RATE_HZ) -> list[tuple[float, Boxes]]:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return [
        (time_s, Boxes(tuple(box(*at, label) for label, path in objects if (at := path(time_s)) is not None)))
        for time_s in times.tolist()
    ]


def tracks_in(answers: Sequence[Boxes], lane: int) -> set[int | None]:
    low, high = lane * LANE_PX, (lane + 1) * LANE_PX
    return {each.track for answer in answers for each in answer.boxes if low <= each.xyxy[1] < high}


LANES = st.lists(
    st.tuples(
        st.sampled_from(["car", "bus"]),
        st.floats(-15 * RATE_HZ, 15 * RATE_HZ),  # px/s: up to three eighths of a side from frame to frame
        st.floats(0, 4),  # amplitude (px) and
        st.floats(0.5, 2),  # frequency (Hz) of a sideways oscillation
        st.floats(0, 0.8),  # second at which it appears
    ),
    max_size=6,
)


def drive_in_lanes(lanes: Sequence[tuple[str, float, float, float, float]]) -> list[tuple[str, Path]]:
    """Objects that move smoothly, each in its own lane."""

    def drive(number: int, speed: float, sway_px: float, sway_hz: float, start_s: float) -> Path:
        def path(time_s: float) -> tuple[float, float] | None:
            y = (number + 0.5) * LANE_PX + sway_px * np.sin(2 * np.pi * sway_hz * time_s)
            return None if time_s < start_s else (500 + speed * time_s, y)

        return path

    return [(label, drive(number, *how)) for number, (label, *how) in enumerate(lanes)]


@given(LANES)
@settings(max_examples=25)
def test_smoothly_moving_objects_keep_their_tracks_and_are_counted_once(lanes) -> None:
    answers, tracker = track(film(drive_in_lanes(lanes), 1.2))
    numbers = [tracks_in(answers, lane) for lane in range(len(lanes))]
    assert all(len(own) == 1 for own in numbers)
    assert set().union(*numbers) == set(range(1, len(lanes) + 1))
    labels = [label for label, *_ in lanes]
    assert tracker.to_json() == {label: labels.count(label) for label in labels}


@given(LANES, st.integers(0, 2**16))
@settings(max_examples=15)
def test_tracks_survive_jitter_missed_frames_and_low_confidence(lanes, seed: int) -> None:
    random = np.random.default_rng(seed)
    answers = []
    for time_s, clean in film(drive_in_lanes(lanes), 2.0):  # long enough for each to be sure in two frames in a row
        noisy = [
            replace(each, xyxy=tuple((np.array(each.xyxy) + random.normal(0, 1, 4)).tolist())) for each in clean.boxes
        ]
        is_sure = random.random(len(noisy)) < 0.85
        unsure = tuple(replace(each, confidence=0.3) for each, sure in zip(noisy, is_sure, strict=True) if not sure)
        seen = tuple(each for each in unsure if random.random() < 0.5)
        answers.append((time_s, Boxes(tuple(b for b, sure in zip(noisy, is_sure, strict=True) if sure), 0.9, seen)))
    tracked, tracker = track(answers)
    for lane in range(len(lanes)):
        assert len(tracks_in(tracked, lane) - {None}) == 1
    assert tracker.counts.total() == len(lanes)


@pytest.mark.parametrize("frames", [1, 5, 20])
def test_an_object_hidden_for_some_frames_keeps_its_track(frames: int) -> None:
    def path(time_s: float) -> tuple[float, float] | None:
        return None if 1 <= time_s < 1 + frames / RATE_HZ else (100 + 150 * time_s, 50)

    answers, tracker = track(film([("car", path)], 3))
    assert tracks_in(answers, 0) == {1}
    assert tracker.to_json() == {"car": 1}


def test_an_object_hidden_for_long_starts_a_new_track() -> None:
    def path(time_s: float) -> tuple[float, float] | None:
        return None if 1 <= time_s < 1.2 + MAX_HIDDEN_S else (100, 50)

    answers, tracker = track(film([("car", path)], 4))
    assert tracks_in(answers, 0) == {1, 2}
    assert str(tracker) == "2 car"


def test_slow_objects_are_tracked_at_a_low_frame_rate() -> None:
    answers, tracker = track(film([("car", lambda time_s: (100 + 20 * time_s, 50))], 40, rate_hz=0.5))
    assert tracks_in(answers, 0) == {1}
    assert tracker.to_json() == {"car": 1}


def test_objects_that_pass_each_other_keep_their_directions() -> None:
    """Two pass each other in neighbouring lanes that overlap by a third."""
    objects = [("car", lambda t: (100 + 200 * t, 50)), ("car", lambda t: (500 - 200 * t, 50 + 0.65 * SIDE_PX))]
    answers, tracker = track(film(objects, 2))
    paths = {number: [b.xyxy[0] for a in answers for b in a.boxes if b.track == number] for number in (1, 2)}
    assert sorted(np.diff(path).mean() > 0 for path in paths.values()) == [False, True]
    assert all(np.ptp(np.sign(np.diff(path))) == 0 for path in paths.values()), "a track turned round"
    assert tracker.to_json() == {"car": 2}


def test_a_track_has_one_class() -> None:
    answers = [(i / RATE_HZ, Boxes((box(50, 50, ("car", "bus")[i // 10 % 2]),))) for i in range(20)]
    _, tracker = track(answers)
    assert tracker.to_json() == {"car": 1, "bus": 1}


def test_an_object_seen_in_one_frame_has_no_track_and_is_not_counted() -> None:
    answers, tracker = track([(0.0, Boxes((box(50, 50),))), (0.04, Boxes((box(300, 50),))), (0.08, Boxes(()))])
    assert [[b.track for b in answer.boxes] for answer in answers] == [[None], [None], []]
    assert str(tracker) == "nothing" and tracker.to_json() == {}
    assert "track" not in answers[0].to_json()["boxes"][0]


def test_a_low_confidence_box_is_reported_only_where_it_continues_a_track() -> None:
    here, elsewhere, fainter = box(52, 50, confidence=0.3), box(400, 50, confidence=0.4), LOWEST_CONFIDENCE - 0.01
    start = [(i / RATE_HZ, Boxes((box(50, 50),))) for i in range(3)]
    dim = (3 / RATE_HZ, Boxes((), 0.5, (elsewhere, here)))
    dimmer = (4 / RATE_HZ, Boxes((), 0.5, (replace(here, confidence=fainter),)))
    *_, seen, lost = track([*start, dim, dimmer])[0]
    assert seen.boxes == (replace(here, track=1),) and seen.low_confidence == (elsewhere,)
    assert lost.boxes == () and len(lost.low_confidence) == 1


def test_answers_come_at_most_one_frame_late_and_frames_without_one_stay_empty() -> None:
    requested = 0

    def answers():
        nonlocal requested
        for answer in (Boxes((box(50, 50),)), None, Boxes((box(50, 50),)), Boxes((box(50, 50),))):
            requested += 1
            yield requested / RATE_HZ, answer

    for received, answer in enumerate(BoxTracker().track(answers()), 1):
        assert requested <= received + 1
        assert (answer is None) == (received == 2)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**16), st.sampled_from([0.2, 0.5]))
@settings(max_examples=40)
def test_greedy_pairs_are_those_of_the_sorted_list(n: int, m: int, seed: int, min_iou: float) -> None:
    iou = np.random.default_rng(seed).random((n, m))
    expected: list[tuple[int, int]] = []
    for row, column in sorted(product(range(n), range(m)), key=lambda at: -iou[at]):
        if iou[row, column] >= min_iou and all(row != r and column != c for r, c in expected):
            expected.append((row, column))
    assert list(greedy_pairs(iou, min_iou)) == expected
