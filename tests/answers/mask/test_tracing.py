"""Outlines of pixels: exact without simplification, close with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from seehear.answers.mask.outlines import fill_polygon
from seehear.answers.mask.tracing import TOLERANCE, trace, trace_filled

Array = NDArray[Any]
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


@settings(max_examples=200)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_filled_polygons_are_near_the_edges_of_regions(inside: Array) -> None:
    covered = np.zeros_like(inside)
    for corners in trace_filled(inside, 1):
        assert len(corners) >= 3
        assert (corners >= 0).all()
        assert (corners <= inside.shape[::-1]).all()
        covered |= fill_polygon(corners, inside.shape)
    filled = inside | _fill_holes(inside)
    assert not (covered & ~_spread(filled, np.any)).any(), "nothing far from a region"
    assert not (_spread(inside, np.all) & ~covered).any(), "all that is not near an edge"


def _spread(inside: Array, join: Any) -> Array:
    """Pixels with any, or all, of the pixels up to two away inside."""
    padded = np.pad(inside, 3)
    moved = [np.roll(padded, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)]
    return np.asarray(join(moved, 0)[3:-3, 3:-3])


def _fill_holes(inside: Array) -> Array:
    """What the border cannot reach."""
    free = np.pad(~inside, 1, constant_values=True)
    reached = np.zeros_like(free)
    reached[0] = reached[-1] = True
    reached[:, 0] = reached[:, -1] = True
    while True:
        grown = reached.copy()
        for axis in (0, 1):
            for step in (-1, 1):
                grown |= np.roll(reached, step, axis)
        grown &= free
        if (grown == reached).all():
            return np.asarray(~reached[1:-1, 1:-1])
        reached = grown


def test_filled_polygons_of_simple_shapes() -> None:
    inside = np.zeros((40, 60), np.bool_)
    inside[10:30, 5:25] = True
    inside[12:14, 40:50] = True
    square, small = trace_filled(inside, 1)
    assert square.tolist() == [[5, 10], [25, 10], [25, 30], [5, 30]]
    assert small.tolist() == [[40, 12], [50, 12], [50, 14], [40, 14]]
    assert len(trace_filled(inside, 100)) == 1
    inside[15:20, 10:15] = False
    (around,) = trace_filled(inside, 100)
    assert around.tolist() == square.tolist(), "holes are filled"
