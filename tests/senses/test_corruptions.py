"""Corruptions are deterministic, keep shape and dtype, and get stronger with severity."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from seehear.senses import SENSES
from seehear.senses.corruption import make_generator
from signals import USUAL, picture, sound

IN_TIME = ("faster", "slower")  # changes the length, which shows how strong it is
EVERY = [(sense, name) for sense in SENSES for name in SENSES[sense].corruptions()]


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
    "lips": {"one frame": picture(9, 12, "L")[None, :, :, 0], "black": np.zeros((5, 9, 12), np.uint8)},
}


def corrupted(sense: str, name: str, signal: np.ndarray, severity: int, example: int = 0) -> np.ndarray:
    return SENSES[sense].corruptions()[name](signal, severity, make_generator(0, example, name))


@pytest.mark.parametrize(("sense", "name"), EVERY)
def test_a_corruption_is_deterministic_and_does_not_change_its_input(sense, name):
    before = USUAL[sense].copy()
    first, again = (corrupted(sense, name, USUAL[sense], 3) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(before, USUAL[sense])
    assert not np.array_equal(first, before)


@pytest.mark.parametrize(("sense", "name"), EVERY)
def test_higher_severities_are_further_from_the_original(sense, name):
    severities = SENSES[sense].corruptions()[name].severities
    signals = [corrupted(sense, name, USUAL[sense], severity) for severity in severities]
    if name in IN_TIME:
        distances = [abs(len(signal) - len(USUAL[sense])) for signal in signals]
    else:
        distances = [np.square(signal.astype(float) - USUAL[sense]).mean() for signal in signals]
    assert all(nearer < further for nearer, further in pairwise(distances)), distances


@pytest.mark.parametrize(("sense", "name"), EVERY)
def test_shape_and_dtype_are_kept(sense, name):
    for what, signal in ODD[sense].items():
        for severity in (
            SENSES[sense].corruptions()[name].severities[:: len(SENSES[sense].corruptions()[name].severities) - 1]
        ):
            given = corrupted(sense, name, signal, severity)
            assert given.dtype == signal.dtype, what
            assert given.shape == signal.shape or (name in IN_TIME and given.ndim == 1 and len(given)), what
            assert np.array_equal(SENSES[sense].read(given), given) or sense == "audio", what
            assert np.isfinite(given).all() and (sense != "audio" or np.abs(given).max() <= 1), what


@pytest.mark.parametrize(("sense", "name"), [("image", "gaussian noise"), ("audio", "white noise")])
def test_examples_get_different_noise(sense, name):
    first, second = (corrupted(sense, name, USUAL[sense], 3, example) for example in (0, 1))
    assert not np.array_equal(first, second)


def test_the_fifteen_common_corruptions_are_complete():
    from seehear.senses.picture_corruptions import COMMON

    assert len(COMMON) == 15 and COMMON.keys() <= SENSES["image"].corruptions().keys()
