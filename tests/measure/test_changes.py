"""Classes and groups that a second model serves better or worse: found if real, seldom claimed if not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seehear.measure import changes
from seehear.measure.changes import Change, find_changes
from seehear.measure.comparison import apply_mcnemar
from seehear.measure.multiplicity import adjust_by_maximum


@pytest.fixture(autouse=True)
def few_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "FLIPS", 399)


def change(
    first: NDArray[Any], second: NDArray[Any], column: list[str], people: NDArray[Any] | None = None
) -> tuple[Change, ...]:
    cluster = np.arange(len(first)) if people is None else people
    return find_changes((first, second), {"site": column}, cluster)


def test_a_group_that_lost_is_found_and_named() -> None:
    sites = ["north"] * 100 + ["south"] * 100
    first = np.ones(200, bool)
    second = np.arange(200) < 180
    (found,) = change(first, second, sites)
    assert (found.value, found.n, found.gained, found.lost) == ("south", 100, 0, 20) and found.significant
    assert str(found).startswith("site south: worse (-20.0 % of 100; 0 became right, 20 wrong), significant: p = 0.00")
    assert found.to_json()["p_value"] == found.p_value


def test_equal_models_seldom_seem_to_change_a_group() -> None:
    random = np.random.default_rng(0)
    sites = [f"s{row % 6}" for row in range(240)]
    claimed = 0
    for _ in range(200):
        first, second = random.random((2, 240)) < 0.8
        claimed += any(each.significant for each in change(first, second, sites))
    assert claimed <= 0.08 * 200  # the level is 0.05 for all six together, plus what 200 draws vary


def test_people_change_as_a_whole() -> None:
    """Each of 8 people changes all of 20 answers at once: that is 8 changes, not 160."""
    random = np.random.default_rng(1)
    claimed = 0
    for _ in range(60):
        better = np.repeat(random.random(8) < 0.5, 20)
        claimed += any(
            each.significant for each in change(~better, better, ["a"] * 80 + ["b"] * 80, np.repeat(np.arange(8), 20))
        )
    assert claimed <= 6


def test_of_a_single_group_of_examples_it_is_nearly_mcnemars_test() -> None:
    first, second = np.zeros(60, bool), np.arange(60) < 12
    first[12:15] = True  # 12 gained, 3 lost
    observed, flips = np.array([9.0]), np.random.default_rng(0).choice((-1, 1), (4000, 15)).sum(1)[:, None]
    assert adjust_by_maximum(observed, np.abs(flips))[0] == pytest.approx(apply_mcnemar(first, second)[0], abs=0.01)


def test_small_groups_and_what_did_not_change_are_left_out() -> None:
    assert change(np.ones(20, bool), np.zeros(20, bool), ["a"] * 16 + ["b"] * 4) == ()
    assert change(np.ones(20, bool), np.ones(20, bool), ["a"] * 10 + ["b"] * 10) == ()


def test_p_values_step_down() -> None:
    random = np.random.default_rng(0)
    resampled = np.abs(random.normal(size=(999, 3)))
    one, two, three = adjust_by_maximum(np.array([5.0, 2.2, 0.1]), resampled)
    alone = adjust_by_maximum(np.array([2.2, 0.1]), resampled[:, 1:])
    assert one == 0.001 and two == alone[0] and three > 0.9
