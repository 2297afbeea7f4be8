from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.errors import InputError
from seehear.senses import SENSES
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ, ConvRecurrent, HearingSpec
from seehear.senses.sight import SIGHT
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec

SIDE = st.integers(8, 90)


def sight_spec(height: int, width: int, channels: int) -> SightSpec:
    return SightSpec(height=height, width=width, channels=channels, encoder=FeaturePyramid(stages=(16, 32, 64)))


def hearing_spec(longest_s: float = 1.0, shortest_s: float = 0.25) -> HearingSpec:
    encoder = ConvRecurrent(top_hz=8_000, stages=(16, 32, 48), width=64)
    return HearingSpec(longest_s=longest_s, shortest_s=shortest_s, encoder=encoder)


def test_every_sense_implements_the_protocol() -> None:
    assert list(SENSES) == ["image", "audio", "lips"]
    assert all(name == sense.name for name, sense in SENSES.items())


@given(
    height=SIDE, width=SIDE, to_height=SIDE, to_width=SIDE, channels=st.sampled_from([1, 3]), to=st.sampled_from([1, 3])
)
@settings(max_examples=60)
def test_any_picture_gets_the_planned_shape_and_the_warp_is_invertible(
    height: int, width: int, to_height: int, to_width: int, channels: int, to: int
) -> None:
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)
    preprocessed, warp = SIGHT.preprocess(pixels, sight_spec(to_height, to_width, to))
    assert preprocessed.shape == (to_height, to_width, to) and preprocessed.dtype == np.uint8
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    there = warp.forward(corners)
    np.testing.assert_allclose(warp.back(there), corners, atol=1e-9)
    assert there.min() >= 0 and (there.max(axis=0) <= np.array([to_width, to_height]) + 1e-9).all()
    inside = there[3] - there[0]
    assert np.isclose(inside, [to_width, to_height]).any()  # it fills its frame one way at least
    same_aspect = inside[0] / inside[1] / (width / height)
    slack = 1 / min(inside)  # sides are whole pixels
    assert 1 / 1.05 - slack < same_aspect < 1.05 + slack


def test_a_fitting_picture_is_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    preprocessed, warp = SIGHT.preprocess(pixels, sight_spec(24, 32, 3))
    assert preprocessed is pixels
    np.testing.assert_array_equal(warp.forward(np.array([5.0, 7.0])), [5.0, 7.0])


def test_the_warp_locates_a_dot() -> None:
    pixels = np.zeros((60, 30, 1), np.uint8)
    pixels[40:44, 10:14] = 255
    preprocessed, warp = SIGHT.preprocess(pixels, sight_spec(32, 64, 1))
    y, x = np.array(np.unravel_index(preprocessed[:, :, 0].argmax(), (32, 64))) + 0.5
    np.testing.assert_allclose(warp.back(np.array([x, y])), [12, 42], atol=1.5)


def test_the_letterbox_has_the_border_colour() -> None:
    pixels = np.full((20, 40, 3), (10, 200, 30), np.uint8)
    pixels[5:15, 5:35] = 0
    preprocessed, _ = SIGHT.preprocess(pixels, sight_spec(40, 40, 3))
    np.testing.assert_array_equal(preprocessed[0, 0], (10, 200, 30))
    np.testing.assert_array_equal(preprocessed[20, 20], (0, 0, 0))


def test_a_nearly_fitting_aspect_is_stretched() -> None:
    pixels = np.full((100, 103, 1), 255, np.uint8)
    preprocessed, warp = SIGHT.preprocess(pixels, sight_spec(50, 50, 1))
    assert warp.scale == (50 / 103, 0.5) and warp.offset == (0.0, 0.0)
    assert (preprocessed == 255).all()


def test_missing_pictures_are_black() -> None:
    pixels = np.full((8, 9, 1), 7, np.uint8)
    image = SIGHT.collate([pixels, None], sight_spec(8, 9, 1))["image"]
    assert image.shape == (2, 8, 9, 1) and image.dtype == np.uint8
    assert (image[0] == 7).all() and (image[1] == 0).all()


@given(samples=st.integers(1, 50_000), silent=st.integers(0, 50_000))
@settings(max_examples=40)
def test_any_recording_gets_a_valid_length_and_the_warp_is_invertible(samples: int, silent: int) -> None:
    spec = hearing_spec()
    wave = np.concatenate([np.zeros(silent), np.sin(np.arange(samples))]).astype(np.float32)
    preprocessed, warp = HEARING.preprocess(wave, spec)
    assert spec.shortest_s <= len(preprocessed) / RATE_HZ <= spec.longest_s and preprocessed.dtype == np.float32
    middle_s = np.array([len(preprocessed) / 2 / RATE_HZ])
    np.testing.assert_allclose(warp.forward(warp.back(middle_s)), middle_s)
    at = round(float(warp.back(middle_s)[0]) * RATE_HZ)
    if at < len(wave):
        assert preprocessed[round(float(middle_s[0]) * RATE_HZ)] == pytest.approx(wave[at])


def test_a_long_recording_is_cut_from_its_onset() -> None:
    wave = np.zeros(4 * RATE_HZ, np.float32)
    wave[2 * RATE_HZ :] = 0.5
    preprocessed, warp = HEARING.preprocess(wave, hearing_spec())
    assert preprocessed.mean() == 0.5 and warp.offset == (-2.0,)
    late = np.zeros(4 * RATE_HZ, np.float32)
    late[-100:] = 0.5
    assert HEARING.preprocess(late, hearing_spec())[1].offset == (-3.0,)
    assert HEARING.preprocess(np.zeros(4 * RATE_HZ, np.float32), hearing_spec())[1].offset == (0.0,)


def test_a_cut_does_not_keep_the_recording_in_memory() -> None:
    cut, _ = HEARING.preprocess(np.ones(10 * RATE_HZ, np.float32), hearing_spec())
    assert cut.base is None


def test_fitting_recordings_are_unchanged_and_short_ones_padded() -> None:
    wave = np.ones(RATE_HZ // 2, np.float32)
    assert HEARING.preprocess(wave, hearing_spec())[0] is wave
    short, _ = HEARING.preprocess(wave[:100], hearing_spec())
    assert len(short) == RATE_HZ // 4 and short[:100].all() and not short[100:].any()


def test_batches_are_padded_and_missing_recordings_silent() -> None:
    fed = HEARING.collate([np.ones(5_000, np.float32), None], hearing_spec())
    assert fed["audio"].shape == (2, 6_400) and fed["audio"].dtype == np.float32
    np.testing.assert_array_equal(fed["audio_samples"], [5_000, 4_000])
    assert fed["audio_samples"].dtype == np.int64
    assert fed["audio"].sum() == 5_000
    assert HEARING.collate([None], hearing_spec())["audio"].shape == (1, 4_800)


def test_a_required_full_input_is_rejected_instead_of_cut() -> None:
    spec = hearing_spec().model_copy(update={"requires_full_input": True})
    assert len(HEARING.preprocess(np.ones(RATE_HZ, np.float32), spec)[0]) == RATE_HZ
    with pytest.raises(InputError, match=r"1\.5 s of sound, all of which is needed\. Allowed: up to 1 s"):
        HEARING.preprocess(np.ones(RATE_HZ * 3 // 2, np.float32), spec)
