"""Distortions for robust training: inputs stay inputs, nothing moves, and several changes come together."""

from __future__ import annotations

import pytest
import torch

from seehear.senses import picture_distort
from seehear.senses.hearing import distort as hearing_distort
from seehear.senses.hearing.plan import RATE_HZ


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(40, 3, 32, 32), (8, 1, 28, 28), (4, 3, 48, 20), (3, 12, 16, 24)])
def test_distorted_pictures_are_pictures(shape: tuple[int, ...]) -> None:
    x = torch.rand(shape)
    distorted = picture_distort.distort(x, coloured=shape[1] == 3)
    assert distorted.shape == x.shape and distorted.dtype == x.dtype
    assert bool(distorted.isfinite().all()) and float(distorted.min()) >= 0 and float(distorted.max()) <= 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_picture_of_one_colour_is_distorted_to_finite_values(level: float) -> None:
    assert bool(picture_distort.distort(torch.full((64, 3, 16, 16), level), coloured=True).isfinite().all())


def test_most_pictures_are_distorted_and_some_are_not() -> None:
    x = 0.2 + 0.6 * torch.rand(400, 3, 16, 16)
    changed = (picture_distort.distort(x, coloured=True) - x).abs().amax((1, 2, 3)) > 1e-6
    expected = 1 - (1 - picture_distort.SHARE) ** 5
    assert abs(float(changed.float().mean()) - expected) < 0.08


def test_the_same_seed_distorts_alike() -> None:
    x = torch.rand(8, 3, 32, 32)
    both = []
    for _ in range(2):
        torch.manual_seed(3)
        both.append(picture_distort.distort(x, coloured=True))
    assert torch.equal(*both)


def test_a_filter_moves_nothing_and_keeps_the_mean() -> None:
    side, x = 33, torch.zeros(50, 1, 33, 33)
    x[:, :, side // 2, side // 2] = 1
    filtered = picture_distort._filter(x)
    assert torch.allclose(filtered, filtered.flip((2, 3)), atol=1e-4), "symmetric about the point"
    grey = torch.full((50, 1, 32, 32), 0.5)
    assert torch.allclose(picture_distort._filter(grey), grey, atol=1e-4)


def test_a_curve_keeps_black_and_white() -> None:
    ends = torch.stack([torch.zeros(20, 3, 2, 2), torch.ones(20, 3, 2, 2)])
    assert all(torch.allclose(picture_distort._bend(end, 3), end, atol=1e-5) for end in ends)


def test_distorted_recordings_are_recordings() -> None:
    audio = 0.3 * torch.sin(2 * torch.pi * 440 * torch.arange(RATE_HZ) / RATE_HZ).repeat(40, 1)
    audio[0] = 0
    distorted = hearing_distort.distort(audio, torch.full((40,), RATE_HZ))
    assert distorted.shape == audio.shape and bool(distorted.isfinite().all())
    changed = (distorted - audio).abs().amax(1) > 1e-4
    assert changed[1:].float().mean() > 0.8


def test_rooms_begin_with_the_direct_sound() -> None:
    rooms = hearing_distort._draw_room(torch.zeros(20, 10), RATE_HZ // 2)
    assert bool((rooms[:, 0] == 1).all())
    reverberant_db = -10 * torch.log10(rooms[:, 1:].square().sum(1).clamp_min(1e-9))
    low, high = hearing_distort.DIRECT_DB
    assert low - 0.1 <= float(reverberant_db.min()) and float(reverberant_db.max()) <= high + 0.1


def test_microphones_pass_the_middle_and_cut_the_edges() -> None:
    response = hearing_distort._draw_response(torch.zeros(200, 10), 8192)  # (B, F)
    hz = torch.fft.rfftfreq(8192, 1 / RATE_HZ)
    middle, lowest = response[:, (hz > 700) & (hz < 1000)], response[:, hz < 10]
    assert float(middle.median()) == pytest.approx(1, abs=0.2) and float(lowest.median()) < 0.2
