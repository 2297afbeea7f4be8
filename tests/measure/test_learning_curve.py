"""Learning curves: a known law is found again, and the advice names the class that lacks examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.measure.learning_curve import Curve, LearningCurve
from seehear.measure.power_law import PowerLaw

SIZES = 800 * np.array([0.125, 0.25, 0.5, 1.0])
EXACT = 1e-8 * np.eye(4)


def law(floor: float, exponent: float, error: float = 0.2, sizes: np.ndarray = SIZES) -> np.ndarray:
    found: np.ndarray = error * (floor + (1 - floor) * (sizes / sizes[-1]) ** -exponent)
    return found


@settings(max_examples=20)
@given(st.floats(0.0, 0.8), st.floats(0.2, 1.2))
def test_a_curve_without_noise_is_continued(floor: float, exponent: float) -> None:
    forecast = PowerLaw.fit(SIZES, law(floor, exponent), EXACT).forecast_error(1600)
    true = 0.2 * (floor + (1 - floor) * 2**-exponent)
    assert forecast.value == pytest.approx(true, abs=0.004)  # exponents and floors are tried in steps of 0.01
    assert forecast.low <= forecast.value <= forecast.high


@settings(max_examples=20)
@given(st.lists(st.floats(0.01, 0.9), min_size=4, max_size=4), st.integers(1, 10_000))
def test_more_examples_are_never_forecast_to_harm(errors: list[float], more: int) -> None:
    found = PowerLaw.fit(SIZES, np.array(errors), 1e-4 * np.eye(4))
    gain = found.forecast_gain(800, 800 + more)
    assert 0 <= gain.low <= gain.value <= gain.high <= 1


def test_intervals_hold_nine_of_ten_outcomes() -> None:
    random = np.random.default_rng(0)
    inside = []
    for _ in range(60):
        floor, exponent, error = random.uniform(0, 0.6), random.uniform(0.2, 0.7), random.uniform(0.05, 0.2)
        true = law(floor, exponent, error)
        deviation = np.sqrt(true * (1 - true) / 1000)
        covariance = np.outer(deviation, deviation) * (0.6 + 0.4 * np.eye(4))
        measured = random.multivariate_normal(true, covariance)
        forecast = PowerLaw.fit(SIZES, measured, covariance).forecast_error(1200)
        inside.append(forecast.low <= error * (floor + (1 - floor) * 1.5**-exponent) <= forecast.high)
    assert np.mean(inside) >= 0.85


def test_fewer_examples_widen_the_interval() -> None:
    few, many = (PowerLaw.fit(SIZES, law(0.3, 0.5), scale * EXACT).forecast_error(1600) for scale in (1e5, 1e2))
    assert few.high - few.low > 2 * (many.high - many.low)


def curve_of(floor: float, sizes: np.ndarray = SIZES) -> Curve:
    return Curve(sizes, law(floor, 0.6, sizes=sizes), 1e-6 * np.eye(len(sizes)))


def test_the_class_that_lacks_examples_is_named() -> None:
    of_class = 80 * np.array([0.25, 0.5, 1.0])
    curves = {"platelets": curve_of(0.1, of_class), "red cells": curve_of(0.95, of_class)}
    found = LearningCurve("accuracy", True, 1000, curve_of(0.5), curves, {"platelets": 80, "red cells": 920})
    first, *_, of_all = found.advise()
    assert first.of == "platelets" and of_all.of == ""
    assert "more of 'platelets' would help most: accuracy +" in found.describe()[0]
    assert "points" in found.describe()[1]


def test_classes_that_are_alike_are_not_told_apart() -> None:
    of_class = 80 * np.array([0.25, 0.5, 1.0])
    noisy = Curve(of_class, law(0.4, 0.6, sizes=of_class), 4e-3 * np.eye(3))
    found = LearningCurve("accuracy", True, 400, curve_of(0.5), dict.fromkeys("abcd", noisy), dict.fromkeys("abcd", 80))
    assert "it is not clear" in found.describe()[0]


def test_an_error_falls_and_a_share_rises() -> None:
    rises, falls = (
        LearningCurve(name, higher, 800, curve_of(0.3), {}, {}) for name, higher in (("accuracy", True), ("mae", False))
    )
    assert rises.forecast(1600).value > 0.8
    assert rises.describe()[0].startswith("300 more examples of all kinds: accuracy +")
    assert falls.forecast(1600).value < 0.2
    assert "mae -" in falls.describe()[0]
