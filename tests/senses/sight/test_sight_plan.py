"""Sizing of the sight encoder."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from seehear.senses.model_sizing import SizingInputs
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.bottleneck_architectures import EfficientNetLite
from seehear.senses.sight.plan import SightSpec, mirror_keeps_class, plan_sight


def test_digits_are_not_mirrored() -> None:
    pictures, digits = load_digits(return_X_y=True)
    for seed in range(5):
        chosen = np.random.default_rng(seed).permutation(len(digits))[:100]
        thumbnails = pictures[chosen].reshape(-1, 8, 8).astype(np.float32)
        assert not mirror_keeps_class(thumbnails, [str(digit) for digit in digits[chosen]])


def test_textures_are_mirrored() -> None:
    """Two classes of noise, fine and coarse, that are mirror-symmetric."""
    for seed in range(5):
        random = np.random.default_rng(seed)
        fine = random.standard_normal((200, 8, 8))
        coarse = random.standard_normal((200, 4, 4)).repeat(2, 1).repeat(2, 2)
        thumbnails = np.concatenate([fine, coarse]).astype(np.float32)
        assert mirror_keeps_class(thumbnails, ["fine"] * 200 + ["coarse"] * 200)


def test_nothing_is_mirrored_without_classes() -> None:
    thumbnails = np.random.default_rng(0).random((20, 8, 8)).astype(np.float32)
    assert not mirror_keeps_class(thumbnails, [""] * 20)
    assert not mirror_keeps_class(thumbnails[:2], ["a", "b"])


def planned(height: int, width: int, *, gigaflop: float, output_stride_px: int | None) -> SightSpec:
    facts = [{"height": height, "width": width, "channels": 3, "thumbnail": np.zeros((16, 16), np.float32)}] * 4
    return plan_sight(SizingInputs(facts, [""] * 4, 300, gigaflop, output_stride_px=output_stride_px))


@pytest.mark.parametrize(("height", "width"), [(360, 480), (3000, 4000), (8, 8), (28, 28), (70, 90), (400, 120)])
def test_dense_answers_get_larger_pictures_with_nested_maps(height: int, width: int) -> None:
    spec = planned(height, width, gigaflop=1e6, output_stride_px=4)
    assert isinstance(spec.encoder, FeaturePyramid)
    coarsest_px = spec.encoder.pitches_px(spec.input_size)[-1]
    assert 2 * spec.encoder.stem_stride(spec.input_size) <= 4
    assert spec.height % coarsest_px == spec.width % coarsest_px == 0
    assert max(spec.height, spec.width) <= 480
    assert spec.mirror


def test_a_small_budget_gives_smaller_pictures() -> None:
    sizes = [planned(360, 480, gigaflop=gigaflop, output_stride_px=4).width for gigaflop in (1e2, 1e4, 1e6)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (160, 480)


def test_small_datasets_get_more_steps_before_a_larger_network() -> None:
    facts = [{"height": 32, "width": 32, "channels": 1, "thumbnail": np.zeros((16, 16), np.float32)}] * 4

    def widest(examples: int, batch: int) -> int:
        """For as much work per picture."""
        evidence = SizingInputs(facts, [""] * 4, examples, 10.0 * examples, steps_per_epoch=examples // batch)
        return plan_sight(evidence).cell_width

    assert widest(1_000, 32) < widest(50_000, 256) == 384


@pytest.mark.parametrize(("height", "width"), [(360, 480), (3000, 4000), (9, 8), (1500, 400)])
def test_the_training_size_is_stored(height: int, width: int) -> None:
    """Beyond an aspect ratio of 3, only the area is kept."""
    shape = planned(height, width, gigaflop=1e2, output_stride_px=4).training_shape
    assert shape == ((height, width) if height <= 3 * width else (round((height * width * 3) ** 0.5), 447))
    assert planned(height, width, gigaflop=1e2, output_stride_px=None).training_px is None


def test_labels_of_large_pictures_use_the_largest_size() -> None:
    spec = planned(360, 480, gigaflop=1e6, output_stride_px=None)
    assert isinstance(spec.encoder, FeaturePyramid)
    assert (spec.height, spec.width, len(spec.encoder.stages)) == (192, 256, 3)
    assert spec.encoder.stem_stride(spec.input_size) == 4


# --- Pretrained encoders ---------------------------------------------------------------------------------------------


def planned_pretrained(
    height: int, width: int, *, gigaflop: float = 1e6, output_stride_px: int | None = None
) -> SightSpec:
    facts = [{"height": height, "width": width, "channels": 1, "thumbnail": np.zeros((16, 16), np.float32)}] * 4
    pretrained = {"kind": "efficientnet-lite", "size": 0}
    return plan_sight(
        SizingInputs(facts, [""] * 4, 300, gigaflop, output_stride_px=output_stride_px, pretrained=pretrained)
    )


def test_a_pretrained_encoder_is_used_whatever_the_budget() -> None:
    sizes = [planned_pretrained(32, 32, gigaflop=gigaflop) for gigaflop in (1.0, 4e3, 1e6)]
    assert {spec.encoder for spec in sizes} == {EfficientNetLite(size=0, frozen=6)}  # of 16 bottlenecks
    assert [(spec.height, spec.width) for spec in sizes] == [(96, 96), (128, 128), (160, 160)]
    assert SightSpec.model_validate_json(sizes[0].model_dump_json()) == sizes[0]


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((8, 8), (160, 160)), ((360, 480), (192, 256)), ((3000, 1000), (384, 128)), ((90, 70), (192, 128))],
)
def test_small_pictures_are_enlarged_for_a_pretrained_encoder(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    spec = planned_pretrained(*size)
    assert (spec.height, spec.width) == wanted


@pytest.mark.parametrize(("height", "width"), [(360, 480), (8, 8), (400, 120)])
@pytest.mark.parametrize("output_stride_px", [4, 8])
def test_maps_of_a_pretrained_encoder_nest(height: int, width: int, output_stride_px: int) -> None:
    spec = planned_pretrained(height, width, output_stride_px=output_stride_px)
    pitches = spec.encoder.pitches_px(spec.input_size)
    assert pitches == (4, 8, 16, 32)[-len(pitches) :] and pitches[0] == output_stride_px
    assert spec.height % 32 == spec.width % 32 == 0 and max(spec.height, spec.width) <= 480
    assert len(spec.encoder.widths(spec.input_size)) == len(pitches) and spec.cell_width == 1280
    assert spec.encoder == EfficientNetLite(size=0, frozen=6)
