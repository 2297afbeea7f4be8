"""Outlines of pixels: exact without simplification, close with it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seehear.answers.mask.outlines import fill_polygon
from seehear.answers.mask.tracing import TOLERANCE, trace

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(MASKS)
def test_an_exact_outline_is_filled_with_the_same_pixels(inside: np.ndarray) -> None:
    filled = np.zeros_like(inside)
    for polygon in trace(inside, tolerance=0):
        region = fill_polygon(polygon, inside.shape)
        assert not (filled & region).any(), "regions overlap"
        filled |= region
    assert (filled == inside).all()


def test_a_hole_is_left_out_and_an_island_in_it_is_a_region_of_its_own() -> None:
    inside = np.zeros((40, 40), np.bool_)
    inside[5:35, 5:35] = True
    inside[10:30, 10:30] = False
    inside[15:25, 15:25] = True
    ring, island = sorted(trace(inside), key=len, reverse=True)
    assert (fill_polygon(ring, inside.shape) | fill_polygon(island, inside.shape) == inside).all()
    assert len(island) == 4


def test_a_disk_has_few_corners_and_its_pixels_stay() -> None:
    y, x = np.mgrid[:200, :300]
    inside = np.hypot(x - 150, y - 100) < 80
    (polygon,) = trace(inside)
    assert len(polygon) < 60
    assert np.count_nonzero(fill_polygon(polygon, inside.shape) ^ inside) < TOLERANCE * 2 * np.pi * 80


def test_specks_are_left_out_and_a_large_mask_is_traced_coarsely() -> None:
    inside = np.zeros((3000, 4000), np.bool_)
    inside[500:2500, 1000:3000] = True
    inside[10, 10] = True
    (polygon,) = trace(inside, least_area=100)
    assert np.abs(polygon - [(1000, 500), (3000, 500), (3000, 2500), (1000, 2500)]).max() <= 4
