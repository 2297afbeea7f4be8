"""Masks and numbers as Label Studio stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from seehear.answers.mask import Mask, MaskSpec
from seehear.answers.mask.outlines import fill_polygon
from seehear.answers.score import Score
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.serve.label_studio.brush import encode_brush
from seehear.serve.label_studio.labeling_config import Control, FileTag
from seehear.serve.label_studio.polygons import trace_polygons
from seehear.serve.label_studio.regions import FORMS, Match, to_results

Array = NDArray[Any]
SPEC = MaskSpec(classes=("sky", "cat"), numbers=(0, 1), shares=(0.5, 0.5), colors=("#000000", "#ff0000"))
IMAGE = FileTag("img", "picture", "image")


def decode_brush(rle: list[int], shape: tuple[int, int]) -> Array:
    """Label Studio's decoder, as its documentation describes it: one bit after another."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    position = 0

    def read(count: int) -> int:
        nonlocal position
        position += count
        return int(bits[position - count : position], 2)

    number, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < number:
        repeated, length = read(1), read(sizes[read(2)]) + 1
        values += [read(word)] * length if repeated else [read(word) for _ in range(length)]
    return np.array(values).reshape(*shape, 4)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_a_brush_is_decoded_as_it_was(inside: Array) -> None:
    decoded = decode_brush(encode_brush(inside), inside.shape)
    assert np.array_equal(decoded, np.repeat(inside[..., None] * 255, 4, 2))


def test_long_runs_of_a_brush() -> None:
    inside = np.zeros((300, 400), np.bool_)
    inside[100:250] = True
    assert np.array_equal(decode_brush(encode_brush(inside), inside.shape)[..., 3] > 0, inside)


@settings(max_examples=200)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_polygons_are_near_the_edges_of_regions(inside: Array) -> None:
    covered = np.zeros_like(inside)
    for corners in trace_polygons(inside, 1):
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


def test_polygons_of_simple_shapes() -> None:
    inside = np.zeros((40, 60), np.bool_)
    inside[10:30, 5:25] = True
    inside[12:14, 40:50] = True
    square, small = trace_polygons(inside, 1)
    assert square.tolist() == [[5, 10], [25, 10], [25, 30], [5, 30]]
    assert small.tolist() == [[40, 12], [50, 12], [50, 14], [40, 14]]
    assert len(list(trace_polygons(inside, 100))) == 1
    inside[15:20, 10:15] = False
    (around,) = trace_polygons(inside, 100)
    assert around.tolist() == square.tolist(), "holes are filled"


def results(answer: Any, kind: str, values: tuple[str, ...] = (), size: tuple[int, int] = (8, 8)) -> list[Any]:
    control = Control("c", kind, ["img"], values)
    to_values = next(forms[kind] for forms in FORMS.values() if kind in forms)
    prediction = Prediction(ExampleSource("a"), answer, 0.9, True)
    return to_results(prediction, Match(control, {"image": IMAGE}, to_values), size)


def test_masks() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[2:6, 1:5] = 1
    mask = Mask.from_pixels(pixels, SPEC)
    (brush,) = results(mask, "brushlabels", ("cat",))
    assert brush["value"]["brushlabels"] == ["cat"], "a class without a label is the background"
    assert np.array_equal(decode_brush(brush["value"]["rle"], (8, 8))[..., 3] > 0, pixels == 1)
    (polygon,) = results(mask, "polygonlabels", ("cat",))
    assert polygon["value"]["points"] == [[12.5, 25], [62.5, 25], [62.5, 75], [12.5, 75]]
    assert results(mask.reject_items(), "brushlabels", ("cat",)) == [], "a class whose pixels are not accepted"
    wide = results(mask, "brushlabels", ("cat",), size=(8, 8))
    assert wide[0]["original_width"] == 8


@pytest.mark.parametrize(("kind", "value"), [("number", 3.6), ("rating", 4)])
def test_numbers(kind: str, value: float) -> None:
    (region,) = results(Score(3.6, "", 3, 4), kind)
    assert region["value"] == {kind: value}
