"""Outlines in cells: rasterised as by a slow implementation and by pycocotools, and planned as masks."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from seehear.answers import ANSWERS
from seehear.answers.mask.outlines import decode_rle, fill_polygon, parse_outlines
from seehear.answers.mask.spec import UNKNOWN
from seehear.errors import DataError, InputError

MASK = ANSWERS["mask"]
HEIGHT, WIDTH = 30, 40
CORNER = st.tuples(st.floats(-5, 15), st.floats(-5, 12))
POLYGON = st.lists(CORNER, min_size=3, max_size=8).map(lambda corners: np.round(np.array(corners), 2))
CONVEX = st.lists(st.floats(0, 2 * np.pi), min_size=3, max_size=9, unique=True)

NUMBERS: dict[str | None, int] = {"cat": 1}


def cell(
    *regions: dict[str, Any], background: str | None = "background", size: tuple[int, int] = (HEIGHT, WIDTH)
) -> str:
    return json.dumps({"size": size, "background": background, "outlines": regions})


def rectangle(label: str | None, x1: float, y1: float, x2: float, y2: float) -> dict[str, Any]:
    return {"label": label, "polygons": [[x1, y1, x2, y1, x2, y2, x1, y2]]}


def rasterise(text: str) -> list[str]:
    """The first letter of each pixel's label, row by row; ? where it is unknown."""
    outlines = parse_outlines(text)
    names = ["?", *sorted({*outlines.labels, outlines.background or "?"} - {"?"})]
    numbers: dict[str | None, int] = {None: 0} | {name: place for place, name in enumerate(names)}
    pixels = outlines.rasterise(numbers.__getitem__, numbers[outlines.background])
    return ["".join(names[number][0] for number in row) for row in pixels]


# Rasterising


@settings(max_examples=30)
@given(POLYGON)
def test_fill_polygon_follows_the_even_odd_rule(xy: np.ndarray) -> None:
    slow = np.zeros((9, 12), bool)
    for row, column in np.ndindex(*slow.shape):
        for (x1, y1), (x2, y2) in zip(xy, np.roll(xy, -1, 0), strict=True):
            if (y1 <= row + 0.5) != (y2 <= row + 0.5):
                slow[row, column] ^= x1 + (row + 0.5 - y1) * ((x2 - x1) / (y2 - y1)) <= column + 0.5
    assert np.array_equal(fill_polygon(xy, slow.shape), slow)


@settings(max_examples=50)
@given(CONVEX, st.floats(5, 20), st.floats(5, 20))
def test_the_area_of_a_filled_polygon(angles: list[float], x: float, y: float) -> None:
    xy = np.array([[x + 5 * np.cos(angle), y + 5 * np.sin(angle)] for angle in sorted(angles)])
    after = np.roll(xy, -1, 0)
    area = abs((xy[:, 0] * after[:, 1] - xy[:, 1] * after[:, 0]).sum()) / 2
    rim = np.hypot(*(after - xy).T).sum()
    assert abs(fill_polygon(xy, (HEIGHT, WIDTH)).sum() - area) <= rim + 1
    theirs = coco.decode(coco.frPyObjects([xy.ravel().tolist()], HEIGHT, WIDTH))[:, :, 0]
    assert (fill_polygon(xy, (HEIGHT, WIDTH)) != theirs).sum() <= rim + 4


@settings(max_examples=50)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_run_lengths_equal_pycocotools(height: int, width: int, seed: int, share: float) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < share
    text = coco.encode(np.asfortranarray(inside.astype(np.uint8)))["counts"].decode()
    assert np.array_equal(decode_rle(text, (height, width)), inside)
    down = inside.T.ravel()
    changes = np.flatnonzero(np.diff(down)) + 1
    lengths = np.diff([0, *([0] if down[0] else []), *changes, down.size]).tolist()
    assert np.array_equal(decode_rle(lengths, (height, width)), inside)


def test_smaller_outlines_are_on_top_and_unlabelled_ones_below() -> None:
    small, large = rectangle("cup", 2, 0, 4, 1), rectangle("table", 0, 0, 6, 2)
    crowd = rectangle(None, 5, 0, 8, 2)
    expected = ["ttcctt??", "tttttt??"]
    for order in ([small, large, crowd], [crowd, large, small]):
        assert rasterise(cell(*order, size=(2, 8))) == expected
    assert rasterise(cell(large, size=(3, 7))) == ["ttttttb", "ttttttb", "bbbbbbb"]
    assert rasterise(cell(small, background=None, size=(1, 5))) == ["??cc?"]


def test_several_polygons_and_outlines_beyond_the_picture() -> None:
    two = {"label": "cat", "polygons": [[-5, -5, 2, -5, 2, 9, -5, 9], [3, 0, 9, 0, 9, 1, 3, 1]]}
    assert rasterise(cell(two, size=(2, 5))) == ["ccbcc", "ccbbb"]
    assert rasterise(cell({"label": "cat", "rle": [2, 3, 1]}, size=(2, 3))) == ["bcc", "bcb"]
    assert rasterise(cell(rectangle("cat", 50, 50, 60, 60), {"label": "dog", "polygons": []}, size=(1, 2))) == ["bb"]


# Cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"'\{' does not hold the outlines of a picture. Allowed: \{\"size\""),
        (cell(size=(0, 4)), "does not hold the outlines of a picture"),
        (cell(size=(20_000, 20_000)), "20000 by 20000 pixels are too many"),
        (cell({"label": "cat", "polygons": [[1, 2, 3, 4]]}), "is not an outline. Allowed"),
        (cell({"label": "cat", "polygons": [[1, 2, 3, 4, 5, float("nan")]]}), "is not an outline. Allowed"),
        (cell({"label": 3, "polygons": []}), "is not an outline. Allowed"),
        (cell({"label": "cat"}), "is not an outline. Allowed"),
        (cell({"label": "cat", "rle": [3, 4]}), r"another picture: they cover 7 pixels of 40 x 30 = 1,200"),
        (cell({"label": "cat", "rle": [1300, -100]}), r"another picture: they cover 1,300 pixels of 40 x 30"),
        (cell({"label": "cat", "rle": "\u00e9"}), "is not a string of run lengths"),
        (cell({"label": "cat", "rle": ""}), "is not a string of run lengths"),
        (cell({"label": "cat", "rle": "o"}), "is not a string of run lengths"),
        (cell({"label": "cat", "rle": "ooooooooooooo0"}), "one number has 14 characters"),
        (cell(rectangle("horse", 1, 1, 9, 9)), r"'horse' is not one of the 3 classes. Allowed: background, cat, dog"),
    ],
)
def test_invalid_cells_are_rejected(text: str, message: str) -> None:
    spec = MASK.plan([cell(rectangle("cat", 1, 1, 9, 9), rectangle("dog", 9, 9, 19, 19))], "mask")
    with pytest.raises(InputError, match=message):
        MASK.read(text, spec)


def test_the_background_has_the_first_number() -> None:
    cells = [cell(rectangle("dog", 0, 0, 10, 30)), cell(rectangle("cat", 0, 0, 20, 30)), cell(), "{"]
    spec = MASK.plan(cells, "mask")
    assert (spec.classes, spec.numbers, spec.unknown) == (("background", "cat", "dog"), (0, 1, 2), (255,))
    assert spec.shares == pytest.approx((0.75, 1 / 6, 1 / 12), abs=1e-6)
    assert MASK.read(cells[1], spec).areas == {"background": 600, "cat": 600}
    assert MASK.fits(cells, "x") and not MASK.in_files(cells) and MASK.in_files(["a.png"])


def test_many_large_outlines_need_little_memory() -> None:
    side = 1_000
    text = cell(*(rectangle("cat", 0, 0, side, side - i) for i in range(60)), size=(side, side))
    tracemalloc.start()
    pixels = parse_outlines(text).rasterise(NUMBERS.__getitem__, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pixels.all() and peak < 20 * side**2


@pytest.mark.parametrize("region", [rectangle("cat", 0, 0, 9_000, 9_000), {"label": "cat", "rle": [0, 9_000 * 9_000]}])
def test_too_many_large_outlines_are_rejected(region: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"20 outlines in a picture of 9000 x 9000 px are too many to draw\. Allowed: 1,0"
    ):
        parse_outlines(cell(*[region] * 20, size=(9_000, 9_000))).rasterise(NUMBERS.__getitem__, 0)


def test_unlabelled_regions_are_unknown() -> None:
    void = rectangle("Unlabelled", 0, 0, 40, 10)
    spec = MASK.plan([cell(rectangle("dog", 0, 0, 10, 30), void, rectangle(None, 30, 20, 40, 30))], "mask")
    assert spec.classes == ("background", "dog")
    pixels = MASK.read(cell(void, rectangle(None, 30, 20, 40, 30)), spec).pixels
    assert (pixels[:10] == UNKNOWN).all() and (pixels[20:, 30:] == UNKNOWN).all()
    assert (pixels == UNKNOWN).sum() == 500
    assert (MASK.read(cell(background="elsewhere"), spec).pixels == UNKNOWN).all()


def test_plan_rejects_unusable_outlines() -> None:
    with pytest.raises(DataError, match=r"all pixels of its masks have the same class, 'background'"):
        MASK.plan([cell(), cell()], "mask")
    many = [rectangle(str(number), 0, 0, 9, 9) for number in range(255)]
    with pytest.raises(DataError, match=r"column 'mask': 256 classes. Allowed: up to 255"):
        MASK.plan([cell(*many)], "mask")
    with pytest.raises(DataError, match=r"none of its masks can be read; the first: .* does not hold the outlines"):
        MASK.plan(["{", "{}"], "mask")
