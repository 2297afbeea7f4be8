"""Things in films keep their numbers while they move, hide and are seen badly; and are counted once each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.answers.boxes import Box, Boxes
from seehear.answers.boxes.follow import FAINT_FROM, HIDDEN_S, Follower, pairs

LANE_PX, SIDE_PX, RATE_HZ = 100.0, 40.0, 25
Where = Callable[[float], tuple[float, float] | None]  # seconds -> the middle of a thing, None where it is hidden


def box(x: float, y: float, label: str = "car", confidence: float = 0.9) -> Box:
    return Box(label, (x - SIDE_PX / 2, y - SIDE_PX / 2, x + SIDE_PX / 2, y + SIDE_PX / 2), confidence)


def followed(films: Sequence[tuple[float, Boxes | None]]) -> tuple[list[Boxes], Follower]:
    follower = Follower()
    return list(follower.follow(films)), follower


def filmed(things: Sequence[tuple[str, Where]], seconds: float, rate_hz: float = RATE_HZ) -> list[tuple[float, Boxes]]:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return [
        (time_s, Boxes(tuple(box(*at, label) for label, where in things if (at := where(time_s)) is not None)))
        for time_s in times.tolist()
    ]


def tracks(answers: Sequence[Boxes], lane: int) -> set[int | None]:
    """The numbers that boxes in a lane were given."""
    low, high = lane * LANE_PX, (lane + 1) * LANE_PX
    return {each.track for answer in answers for each in answer.boxes if low <= each.xyxy[1] < high}


LANES = st.lists(
    st.tuples(
        st.sampled_from(["car", "bus"]),
        st.floats(-15 * RATE_HZ, 15 * RATE_HZ),  # px a second: up to three eighths of a side from picture to picture
        st.floats(0, 4),  # amplitude and
        st.floats(0.5, 2),  # turns a second of a swaying across the lane
        st.floats(0, 0.8),  # second at which it comes
    ),
    max_size=6,
)


def in_lanes(lanes: Sequence[tuple[str, float, float, float, float]]) -> list[tuple[str, Where]]:
    """Things that move smoothly, each in a lane of its own."""

    def thing(number: int, speed: float, sway_px: float, turns_hz: float, comes_s: float) -> Where:
        def where(time_s: float) -> tuple[float, float] | None:
            y = (number + 0.5) * LANE_PX + sway_px * np.sin(2 * np.pi * turns_hz * time_s)
            return None if time_s < comes_s else (500 + speed * time_s, y)

        return where

    return [(label, thing(number, *how)) for number, (label, *how) in enumerate(lanes)]


@given(LANES)
@settings(max_examples=25, deadline=None)
def test_things_that_move_smoothly_and_do_not_meet_keep_their_numbers_and_are_counted_once(lanes) -> None:
    answers, follower = followed(filmed(in_lanes(lanes), 1.2))
    numbers = [tracks(answers, lane) for lane in range(len(lanes))]
    assert all(len(own) == 1 for own in numbers)
    assert set().union(*numbers) == set(range(1, len(lanes) + 1))
    labels = [label for label, *_ in lanes]
    assert follower.to_json() == {label: labels.count(label) for label in labels}


@given(LANES, st.integers(0, 2**16))
@settings(max_examples=15, deadline=None)
def test_a_thing_that_is_missed_jitters_or_is_faint_now_and_then_keeps_its_number(lanes, seed: int) -> None:
    random = np.random.default_rng(seed)
    answers = []
    for time_s, clean in filmed(in_lanes(lanes), 1.2):
        shaken = [
            replace(each, xyxy=tuple((np.array(each.xyxy) + random.normal(0, 1, 4)).tolist())) for each in clean.boxes
        ]
        sure = random.random(len(shaken)) < 0.85
        faint = tuple(replace(each, confidence=0.3) for each, told in zip(shaken, sure, strict=True) if not told)
        seen = tuple(each for each in faint if random.random() < 0.5)
        answers.append((time_s, Boxes(tuple(b for b, told in zip(shaken, sure, strict=True) if told), 0.9, seen)))
    told, follower = followed(answers)
    for lane in range(len(lanes)):
        assert len(tracks(told, lane) - {None}) == 1
    assert follower.counts.total() == len(lanes)


@pytest.mark.parametrize("pictures", [1, 5, 20])
def test_what_is_hidden_for_some_pictures_comes_back_with_its_number(pictures: int) -> None:
    def where(time_s: float) -> tuple[float, float] | None:
        return None if 1 <= time_s < 1 + pictures / RATE_HZ else (100 + 150 * time_s, 50)

    answers, follower = followed(filmed([("car", where)], 3))
    assert tracks(answers, 0) == {1}
    assert follower.to_json() == {"car": 1}


def test_what_was_gone_for_long_is_another_thing() -> None:
    def where(time_s: float) -> tuple[float, float] | None:
        return None if 1 <= time_s < 1.2 + HIDDEN_S else (100, 50)

    answers, follower = followed(filmed([("car", where)], 4))
    assert tracks(answers, 0) == {1, 2}
    assert str(follower) == "2 car"


def test_pictures_far_apart_are_enough_where_things_stand_or_move_little() -> None:
    answers, follower = followed(filmed([("car", lambda time_s: (100 + 20 * time_s, 50))], 40, rate_hz=0.5))
    assert tracks(answers, 0) == {1}
    assert follower.to_json() == {"car": 1}


def test_things_that_meet_go_on_as_they_moved() -> None:
    """Two pass each other in neighbouring lanes that overlap by a third."""
    things = [("car", lambda t: (100 + 200 * t, 50)), ("car", lambda t: (500 - 200 * t, 50 + 0.65 * SIDE_PX))]
    answers, follower = followed(filmed(things, 2))
    ways = {number: [b.xyxy[0] for a in answers for b in a.boxes if b.track == number] for number in (1, 2)}
    assert sorted(np.diff(way).mean() > 0 for way in ways.values()) == [False, True]
    assert all(np.ptp(np.sign(np.diff(way))) == 0 for way in ways.values()), "nobody turned round"
    assert follower.to_json() == {"car": 2}


def test_classes_do_not_go_over_into_each_other() -> None:
    answers = [(i / RATE_HZ, Boxes((box(50, 50, ("car", "bus")[i // 10 % 2]),))) for i in range(20)]
    _, follower = followed(answers)
    assert follower.to_json() == {"car": 1, "bus": 1}


def test_what_is_seen_once_only_has_no_number_and_is_not_counted() -> None:
    answers, follower = followed([(0.0, Boxes((box(50, 50),))), (0.04, Boxes((box(300, 50),))), (0.08, Boxes(()))])
    assert [[b.track for b in answer.boxes] for answer in answers] == [[None], [None], []]
    assert str(follower) == "nothing" and follower.to_json() == {}
    assert "track" not in answers[0].to_json()["boxes"][0]


def test_a_faint_box_is_told_where_a_thing_was_and_nowhere_else() -> None:
    here, elsewhere, fainter = box(52, 50, confidence=0.3), box(400, 50, confidence=0.4), FAINT_FROM - 0.01
    start = [(i / RATE_HZ, Boxes((box(50, 50),))) for i in range(3)]
    dim = (3 / RATE_HZ, Boxes((), 0.5, (elsewhere, here)))
    dimmer = (4 / RATE_HZ, Boxes((), 0.5, (replace(here, confidence=fainter),)))
    *_, seen, lost = followed([*start, dim, dimmer])[0]
    assert seen.boxes == (replace(here, track=1),) and seen.faint == (elsewhere,)
    assert lost.boxes == () and len(lost.faint) == 1


def test_an_answer_is_at_most_one_behind_and_a_picture_without_one_stays_so() -> None:
    asked = 0

    def answers():
        nonlocal asked
        for answer in (Boxes((box(50, 50),)), None, Boxes((box(50, 50),)), Boxes((box(50, 50),))):
            asked += 1
            yield asked / RATE_HZ, answer

    for told, answer in enumerate(Follower().follow(answers()), 1):
        assert asked <= told + 1
        assert (answer is None) == (told == 2)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**16), st.sampled_from([0.2, 0.5]))
@settings(max_examples=40, deadline=None)
def test_pairs_are_those_of_the_sorted_list(n: int, m: int, seed: int, least: float) -> None:
    shared = np.random.default_rng(seed).random((n, m))
    wanted: list[tuple[int, int]] = []
    for row, column in sorted(product(range(n), range(m)), key=lambda at: -shared[at]):
        if shared[row, column] >= least and all(row != r and column != c for r, c in wanted):
            wanted.append((row, column))
    assert list(pairs(shared, least)) == wanted
