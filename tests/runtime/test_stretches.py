"""Stretches of a long recording: cut at pauses, asked about in windows, and joined again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import tiny
from seehear.answers.label import Label
from seehear.errors import UsageError
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.stretches import FoundStretch, Window, find_window_s, join_windows, plan_windows
from seehear.senses.hearing.pauses import MARGIN_S, find_sounds
from seehear.senses.hearing.plan import RATE_HZ

CARD = ExampleSource(str(Path("card.wav")))


def sound(*parts: tuple[float, float]) -> np.ndarray:
    """Noise in parts of (seconds, loudness)."""
    random = np.random.default_rng(0)
    made = [loudness * random.uniform(-1, 1, round(seconds * RATE_HZ)) for seconds, loudness in parts]
    return np.concatenate(made).astype(np.float32)


def answered(*labels: str) -> Sequence[Prediction]:
    """Predictions of these labels; "" for I don't know."""
    return [Prediction(CARD, Label((label or "wren",)), 0.9, accepted=bool(label)) for label in labels]


@pytest.mark.parametrize("noise", (0.0, 0.001, 0.02))
def test_a_recording_is_cut_at_its_pauses(noise: float) -> None:
    samples = sound((1, noise), (0.5, 0.4), (1, noise), (0.3, 0.3), (0.05, noise), (0.3, 0.3), (1, noise))
    (first, second) = find_sounds(samples, pause_s=0.15)
    assert first == pytest.approx((1 - MARGIN_S, 1.5 + MARGIN_S), abs=0.04)
    assert second == pytest.approx((2.5 - MARGIN_S, 3.15 + MARGIN_S), abs=0.04)


def test_margins_do_not_overlap() -> None:
    (first, second) = find_sounds(sound((0.5, 0), (0.4, 0.5), (0.16, 0), (0.4, 0.5), (0.5, 0)), pause_s=0.15)
    assert first[1] == second[0] == pytest.approx(0.98, abs=0.02)


@pytest.mark.parametrize("samples", (sound((3, 0)), np.zeros(0, np.float32), np.zeros(9, np.float32)))
def test_silence_has_no_sound(samples: np.ndarray) -> None:
    assert not find_sounds(samples, pause_s=0.2)


def test_noise_that_never_ends_is_one_sound() -> None:
    (only,) = find_sounds(sound((5, 0.2)), pause_s=0.2)
    assert only == pytest.approx((0.0, 5.0))


def test_long_sounds_are_divided_and_short_ones_are_not() -> None:
    windows, until_s = plan_windows(sound((1, 0), (0.5, 0.4), (1, 0), (4, 0.3), (1, 0)), 2.0, ends=True)
    assert until_s == 7.5
    assert [window.sound for window in windows] == [0, 1, 1, 1, 1]
    assert windows[0].end_s - windows[0].start_s == pytest.approx(0.7, abs=0.05)
    assert [window.end_s - window.start_s for window in windows[1:]] == [pytest.approx(2.0)] * 4
    assert windows[1].start_s == pytest.approx(2.4, abs=0.05)
    assert windows[-1].end_s == pytest.approx(6.6, abs=0.05)


def test_a_sound_that_is_cut_off_is_left_for_the_next_portion() -> None:
    samples = sound((1, 0), (0.5, 0.4), (1, 0), (0.5, 0.3))
    windows, until_s = plan_windows(samples, 2.0, ends=False)
    assert len(windows) == 1
    assert until_s == pytest.approx(2.4, abs=0.05)
    assert len(plan_windows(samples, 2.0, ends=True)[0]) == 2
    windows, until_s = plan_windows(sound((3, 0.4)), 2.0, ends=False)
    assert windows[-1].end_s == until_s == 3.0, "or it would never come to an end"


def test_windows_with_the_same_label_become_one_stretch() -> None:
    windows = [Window(0.0, 2.0, 0), Window(1.0, 3.0, 0), Window(2.0, 4.0, 0), Window(5.0, 6.0, 1)]
    found = join_windows(windows, answered("wren", "wren", "robin", "robin"))
    assert [each[:3] for each in found] == [(0.0, 2.5, "wren"), (2.5, 4.0, "robin"), (5.0, 6.0, "robin")]


def test_doubt_has_no_label_and_what_cannot_be_read_is_left_out() -> None:
    windows = [Window(0.0, 2.0, 0), Window(1.0, 3.0, 0), Window(2.0, 4.0, 0)]
    assert [each[:3] for each in join_windows(windows, answered("wren", "", "wren"))] == [
        (0.0, 1.5, "wren"),
        (1.5, 2.5, ""),
        (2.5, 4.0, "wren"),
    ]
    failed = Prediction.failed(CARD, UsageError("broken"))
    one, _, other = answered("wren", "", "wren")
    assert [each[:2] for each in join_windows(windows, [one, failed, other])] == [(0.0, 1.5), (2.5, 4.0)]


def test_a_window_is_widened_on_both_sides() -> None:
    assert Window(5.0, 5.5, 3).widen(1.0) == Window(4.75, 5.75, 3)
    assert Window(0.1, 0.6, 0).widen(1.0) == Window(0.0, 0.85, 0)
    assert Window(0.0, 2.0, 0).widen(1.0) == Window(0.0, 2.0, 0)


def test_stretches_are_moved_and_compared() -> None:
    found = FoundStretch(1.0, 2.0, "wren", 0.9).move(60)
    assert (found.start_s, found.end_s) == (61.0, 62.0)
    assert found.repeats(61.2, 62.2) and found.repeats(0, 99)
    assert not found.repeats(61.8, 63.0)


def test_only_what_hears_is_asked() -> None:
    assert find_window_s(tiny.recipe("audio")) == 2.0
    with pytest.raises(UsageError, match="recordings, from image"):
        find_window_s(tiny.recipe("image"))
