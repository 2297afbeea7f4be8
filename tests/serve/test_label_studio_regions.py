"""Masks and numbers as Label Studio stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from seehear.answers.mask import Mask, MaskSpec
from seehear.answers.score import Score
from seehear.serve.label_studio.brush import encode_brush
from seehear.serve.label_studio.labeling_config import Control, FileTag
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


def results(answer: Any, kind: str, values: tuple[str, ...] = ()) -> list[Any]:
    control = Control("c", kind, ["img"], values)
    to_values = next(forms[kind] for forms in FORMS.values() if kind in forms)
    return to_results(answer, Match(control, {"image": IMAGE}, to_values), (8, 8))


def test_masks() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[2:6, 1:5] = 1
    mask = Mask.from_pixels(pixels, SPEC)
    (brush,) = results(mask, "brushlabels", ("cat",))
    assert brush["original_width"] == 8
    assert brush["value"]["brushlabels"] == ["cat"], "a class without a label is the background"
    assert np.array_equal(decode_brush(brush["value"]["rle"], (8, 8))[..., 3] > 0, pixels == 1)
    (polygon,) = results(mask, "polygonlabels", ("cat",))
    assert polygon["value"]["points"] == [[12.5, 25], [62.5, 25], [62.5, 75], [12.5, 75]]
    assert results(mask.reject_items(), "brushlabels", ("cat",)) == [], "a class whose pixels are not accepted"


@pytest.mark.parametrize(("kind", "value"), [("number", 3.6), ("rating", 4)])
def test_numbers(kind: str, value: float) -> None:
    (region,) = results(Score(3.6, "", 3, 4), kind)
    assert region["value"] == {kind: value}
