"""Versions of a picture are found; different pictures, however alike, are not."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photos import photo
from seehear.senses.sight.examine import measure_border, shrink
from seehear.senses.sight.near_duplicates import compare_aligned, find_near_duplicates

PHOTOS = [photo(seed, 96, 96) for seed in range(40)]


def fingerprint(picture: Image.Image) -> np.ndarray:
    return shrink(np.asarray(picture))


def recompress(picture: Image.Image) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=40)
    return Image.open(file).convert("RGB")


VERSIONS = {
    "smaller": lambda picture: picture.resize((40, 40)),
    "larger": lambda picture: picture.resize((200, 200)),
    "recompressed": recompress,
    "cropped": lambda picture: picture.crop((4, 1, 95, 92)),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
}


def test_different_pictures_are_not_versions_of_one() -> None:
    assert find_near_duplicates([fingerprint(picture) for picture in PHOTOS]) == []


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_is_found_among_other_pictures(name: str) -> None:
    fingerprints = [fingerprint(picture) for picture in [*PHOTOS, VERSIONS[name](PHOTOS[7])]]
    (pair,) = find_near_duplicates([*fingerprints[:20], None, *fingerprints[20:]])
    assert (pair.first, pair.second) == (7, 41)
    assert pair.how == ("mirrored" if name == "mirrored" else "")


def test_pictures_that_have_much_in_common_are_not_taken_for_versions() -> None:
    """As X-rays, which have four fifths of their contrast in common."""
    common = np.asarray(photo(99, 96, 96), np.float32)
    alike = [(0.8 * common + 0.2 * np.asarray(picture, np.float32)).astype(np.uint8) for picture in PHOTOS]
    again = Image.fromarray(alike[3]).crop((2, 3, 93, 94))
    (pair,) = find_near_duplicates([shrink(each) for each in (*alike, np.asarray(again))])
    assert (pair.first, pair.second) == (3, 40)


@settings(max_examples=20)
@given(st.floats(0, 0.06), st.floats(0, 0.06), st.integers(0, 39))
def test_any_small_crop_is_aligned(left: float, top: float, number: int) -> None:
    picture = PHOTOS[number]
    box = (96 * left, 96 * top, 96 - 96 * (0.06 - left), 96 - 96 * (0.06 - top))
    cropped = picture.resize((96, 96), Image.Resampling.BICUBIC, box=box)
    one, other = (fingerprint(each)[None] for each in (picture, cropped))
    assert compare_aligned(one, other)[0] > 0.98


@settings(max_examples=20)
@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 255))
def test_the_border_is_as_wide_as_it_was_drawn(above: int, left: int, level: int) -> None:
    framed = np.full((64, 64, 3), level, np.uint8)
    framed[above:, left:] = np.random.default_rng(0).integers(0, 256, (64 - above, 64 - left, 3))
    width_px, found = measure_border(framed)
    assert width_px == max(above, left)
    assert np.isnan(found) if not max(above, left) else found == pytest.approx(level, abs=20 * 64 / 56)
