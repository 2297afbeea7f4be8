"""Photometric augmentation of pictures."""

from __future__ import annotations

import pytest
import torch

from seehear.senses.sight import augment
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.augment import AugmentSight, _vary_photometry
from seehear.senses.sight.plan import SightSpec

CHANGES = ("_vary_sharpness", "_vary_tone", "_add_haze", "_add_noise")


def pictures(batch: int, side: int, channels: int = 3) -> torch.Tensor:
    """(B, C, H, W) of 0..255 with light, shade and edges."""
    torch.manual_seed(0)
    coarse = 40 + 170 * torch.rand(batch, channels, 4, 4)
    return torch.nn.functional.interpolate(coarse, (side, side), mode="nearest")


def test_a_share_of_zero_changes_nothing():
    x = pictures(8, 32)
    torch.testing.assert_close(_vary_photometry(x.clone(), 0.0), x)


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (8, 3), (33, 1), (64, 3)])
def test_values_stay_in_range(side, channels):
    x = pictures(40, side, channels)
    changed = _vary_photometry(x.clone(), 1.0)
    assert changed.shape == x.shape
    assert float(changed.min()) >= 0 and float(changed.max()) <= 255
    assert ((changed - x).abs().amax((1, 2, 3)) > 1).all()


def test_only_the_share_is_changed():
    x = pictures(400, 16)
    same = ((_vary_photometry(x.clone(), 0.25) - x).abs().amax((1, 2, 3)) < 1e-2).float().mean()
    assert 0.75**4 - 0.08 < float(same) < 0.75**4 + 0.08


@pytest.mark.parametrize("change", CHANGES)
def test_pictures_get_different_changes(change):
    one = pictures(1, 32).expand(16, -1, -1, -1) / 255
    changed = getattr(augment, change)(one)
    distances = (changed - one).square().mean((1, 2, 3))
    assert len(set(distances.tolist())) == 16
    alike = [
        torch.corrcoef(torch.stack([was.flatten(), now.flatten()]))[0, 1] for was, now in zip(one, changed, strict=True)
    ]
    assert min(alike) > 0.5, "what is on it can still be seen"


def test_blurring_and_sharpening_are_balanced():
    x = pictures(400, 32) / 255
    detail = (
        augment._vary_sharpness(x).diff(dim=3).square().mean((1, 2, 3)) > x.diff(dim=3).square().mean((1, 2, 3))
    ).float()
    assert 0.35 < float(detail.mean()) < 0.65


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_inputs_are_not_modified(strength):
    spec = SightSpec(
        height=16, width=16, channels=1, encoder=FeaturePyramid(stages=(8, 8)), augmentation_strength=strength
    )
    image = pictures(8, 16, 1).permute(0, 2, 3, 1).to(torch.uint8).contiguous()
    before = image.clone()
    AugmentSight(spec)({"image": image}, None)
    assert torch.equal(image, before)
