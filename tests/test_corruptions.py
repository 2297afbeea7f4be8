"""The battery of corruptions: the same every time, the same kind of signal, worse with each severity, for any input."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from seehear.senses import SENSES
from seehear.senses.corruption import SEVERITIES, generator
from seehear.senses.hearing.plan import RATE_HZ

IN_TIME = ("faster", "slower")  # changes the length, by which it is told how strong it is
EVERY = [(sense, name) for sense in SENSES for name in SENSES[sense].corruptions()]


def picture(height: int, width: int, mode: str = "RGB") -> np.ndarray:
    """What sight reads of a smooth picture with some edges and grain, saved in that mode."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j] if min(height, width) > 1 else np.zeros((2, height, width))
    base = np.stack([0.5 + 0.3 * np.sin(9 * x + 3 * y + i) + 0.2 * (x > y) for i in range(3)], 2)
    grain = np.random.default_rng(1).normal(0, 0.05, base.shape)
    file = BytesIO()
    Image.fromarray(np.uint8(255 * np.clip(base + grain, 0, 1))).convert(mode).save(file, "PNG")
    return SENSES["image"].read(file.getvalue())


def sound(seconds: float) -> np.ndarray:
    time_s = np.arange(max(1, int(seconds * RATE_HZ))) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * time_s) * np.exp(-3 * time_s) for hz in (150, 440, 1200, 3100, 6000))
    grain = np.random.default_rng(1).normal(0, 0.01, len(time_s))
    return np.float32(0.15 * tones * (1 + np.sin(2 * np.pi * 4 * time_s)) / 2 + grain)


USUAL = {"image": picture(48, 64), "audio": sound(1.0)}
ODD = {
    "image": {
        "8 px": picture(8, 8),
        "1 px wide": picture(40, 1),
        "1 px high": picture(1, 40),
        "grey": picture(20, 24, "L"),
        "alpha": picture(20, 24, "RGBA"),
        "black": np.zeros((9, 9, 3), np.uint8),
        "white": np.full((9, 9, 1), 255, np.uint8),
    },
    "audio": {
        "0.1 s": sound(0.1),
        "one sample": sound(0),
        "silence": np.zeros(4000, np.float32),
        "full scale": np.sign(sound(0.3)),
    },
}


def corrupted(sense: str, name: str, signal: np.ndarray, severity: int, example: int = 0) -> np.ndarray:
    return SENSES[sense].corruptions()[name](signal, severity, generator(0, example, name))


@pytest.mark.parametrize(("sense", "name"), EVERY)
def test_a_corruption_is_the_same_for_the_same_seed_and_leaves_its_input_alone(sense, name):
    before = USUAL[sense].copy()
    first, again = (corrupted(sense, name, USUAL[sense], 3) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(before, USUAL[sense])
    assert not np.array_equal(first, before)


@pytest.mark.parametrize(("sense", "name"), EVERY)
def test_a_higher_severity_is_further_from_the_original(sense, name):
    signals = [corrupted(sense, name, USUAL[sense], severity) for severity in SEVERITIES]
    if name in IN_TIME:
        distances = [abs(len(signal) - len(USUAL[sense])) for signal in signals]
    else:
        distances = [np.square(signal.astype(float) - USUAL[sense]).mean() for signal in signals]
    assert all(nearer < further for nearer, further in pairwise(distances)), distances


@pytest.mark.parametrize(("sense", "name"), EVERY)
def test_any_signal_gives_one_of_its_own_kind(sense, name):
    for what, signal in ODD[sense].items():
        for severity in (SEVERITIES[0], SEVERITIES[-1]):
            given = corrupted(sense, name, signal, severity)
            assert given.dtype == signal.dtype, what
            assert given.shape == signal.shape or (name in IN_TIME and given.ndim == 1 and len(given)), what
            assert np.array_equal(SENSES[sense].read(given), given) or sense == "audio", what
            assert np.isfinite(given).all() and (sense == "image" or np.abs(given).max() <= 1), what


@pytest.mark.parametrize(("sense", "name"), [("image", "gaussian noise"), ("audio", "white noise")])
def test_two_examples_get_noise_of_their_own(sense, name):
    first, second = (corrupted(sense, name, USUAL[sense], 3, example) for example in (0, 1))
    assert not np.array_equal(first, second)


def test_the_fifteen_common_corruptions_of_pictures_are_all_there():
    from seehear.senses.sight.corruptions import COMMON

    assert len(COMMON) == 15 and COMMON.keys() <= SENSES["image"].corruptions().keys()
