"""A group that is served worse is found; where there is none, seldom anything is claimed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seehear.measure import worse_groups
from seehear.measure.clusters import find_people
from seehear.measure.worse_groups import LEVEL, compare_groups, count_needed


@pytest.fixture(autouse=True)
def few_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worse_groups, "PERMUTATIONS", 199)


def rows_of(sizes: list[int]) -> dict[str, NDArray[np.int64]]:
    ends = np.cumsum(sizes)
    return {str(i): np.arange(end - size, end) for i, (size, end) in enumerate(zip(sizes, ends, strict=True))}


def draw(random: np.random.Generator, shares: list[float], sizes: list[int]) -> NDArray[np.bool_]:
    drawn: NDArray[np.bool_] = random.random(sum(sizes)) < np.repeat(shares, sizes)
    return drawn


@pytest.mark.parametrize("sizes", [[150, 850], [150, 300, 500, 400]])
def test_a_deficit_of_8_points_is_found_and_none_is_claimed_without(sizes: list[int]) -> None:
    """The others have 5 % wrong answers."""
    random = np.random.default_rng(0)
    found = claimed = 0
    for _ in range(60):
        shares = [0.13] + [0.05] * (len(sizes) - 1)
        found += compare_groups(draw(random, shares, sizes), rows_of(sizes), np.arange(sum(sizes)))["0"].worse
        equal = compare_groups(draw(random, [0.1] * len(sizes), sizes), rows_of(sizes), np.arange(sum(sizes)))
        claimed += any(each.worse for each in equal.values())
    assert found >= 0.8 * 60
    assert claimed <= (LEVEL + 0.09) * 60  # as 60 draws vary by two standard deviations


def test_people_count_once_however_many_examples_they_have() -> None:
    """Half of all people are always answered wrongly: with 6 people in a group, that is chance."""
    random = np.random.default_rng(0)
    claimed = 0
    for _ in range(60):
        person = np.repeat(np.arange(12), 20)
        wrong = np.repeat(random.random(12) < 0.5, 20)
        claimed += any(each.worse for each in compare_groups(wrong, rows_of([120, 120]), person).values())
    assert claimed <= (LEVEL + 0.09) * 60


def test_groups_within_people_are_compared_within_them() -> None:
    """Each person has quiet and noisy examples: noise is found to be worse although people differ far more."""
    random = np.random.default_rng(0)
    person = np.tile(np.repeat(np.arange(20), 5), 2)
    hard = np.linspace(0.0, 0.8, 20)[person]
    wrong = random.random(200) < hard + np.repeat([0.0, 0.2], 100)
    found = compare_groups(wrong, {"quiet": np.arange(100), "noisy": np.arange(100, 200)}, person)
    assert found["noisy"].worse and not found["quiet"].worse
    assert found["noisy"].wrong == wrong[100:].mean() and found["noisy"].others == wrong[:100].mean()


def test_small_groups_are_not_tested() -> None:
    wrong = np.arange(60) < 4
    assert list(compare_groups(wrong, rows_of([4, 51, 5]), np.arange(60))) == ["1", "2"]
    assert compare_groups(wrong, rows_of([4, 56]), np.arange(60)) == {}


def test_sums_drawn_at_once_are_distributed_as_those_of_permuted_labels() -> None:
    random = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], [50, 30, 20])
    wrong = (np.arange(100) % 7 == 0).astype(float)
    units = worse_groups._make_units(wrong, label, np.arange(100))
    _, at_once = worse_groups._draw_sums(units, 3)
    permuted = np.array([np.bincount(random.permutation(label), wrong, 3) for _ in range(4000)])
    assert at_once.mean(0) == pytest.approx(permuted.mean(0), abs=0.5)
    assert at_once.std(0) == pytest.approx(permuted.std(0), rel=0.2)


@given(st.integers(0, 2**32 - 1))
def test_permuting_keeps_what_was_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    person, label = random.integers(0, 9, 40), random.integers(0, 3, 40)
    wrong = (random.random(40) < 0.3).astype(float)
    units = worse_groups._make_units(wrong, label, np.unique(person, return_inverse=True)[1])
    assert units.size.sum() == 40 and units.wrong.sum() == wrong.sum()
    shuffled = worse_groups._permute(units, random)
    for stratum in np.unique(units.stratum):
        here = units.stratum == stratum
        assert sorted(shuffled[here]) == sorted(units.label[here])


@pytest.mark.parametrize(("wrong", "groups"), [(0.05, 2), (0.1, 4)])
def test_the_number_of_examples_needed_finds_the_deficit_8_times_in_10(wrong: float, groups: int) -> None:
    sizes = [count_needed(wrong, groups, 500 * (groups - 1))] + [500] * (groups - 1)
    random, found = np.random.default_rng(0), 0
    for _ in range(100):
        drawn = draw(random, [wrong + 0.08] + [wrong] * (groups - 1), sizes)
        found += compare_groups(drawn, rows_of(sizes), np.arange(sum(sizes)))["0"].worse
    assert 65 <= found <= 92


def test_more_examples_are_needed_among_more_groups_and_for_more_mistakes() -> None:
    assert count_needed(0.05, 2, 900) < count_needed(0.05, 8, 900) < count_needed(0.3, 8, 900)
    assert count_needed(0.05, 2, 900) < count_needed(0.05, 2, 90)


def test_the_people_of_a_comparison_are_the_finest_column_but_the_compared_one() -> None:
    columns: dict[str, Any] = {
        "patient": list("aabbccdd"),
        "site": list("xxxxyyyy"),
        "sex": list("fmfmfmfm"),
    }
    assert (
        list(find_people(np.arange(8), columns, "site"))
        == list(find_people(np.arange(8), columns, "sex"))
        == [0, 0, 1, 1, 2, 2, 3, 3]
    )
    assert list(find_people(np.arange(8), columns, "patient")) == [0, 0, 0, 0, 1, 1, 1, 1]
    clusters = np.array([0, 0, 1])
    assert list(find_people(clusters, {"sex": list("fmf")}, "sex")) == [0, 0, 1]
    assert list(find_people(clusters, {"patient": list("aab")}, "patient")) == [0, 1, 2]
