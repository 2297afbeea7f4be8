"""The sight encoder, beyond the contract tests of all encoders."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from seehear.senses.sight import SIGHT, encoder
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec

PICTURES = torch.randint(0, 256, (3, 24, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def levels(mirror: bool, pictures: torch.Tensor) -> list[torch.Tensor]:
    """The cells of every level, on their grids (B, rows, columns, D)."""
    torch.manual_seed(0)
    spec = SightSpec(height=24, width=32, channels=3, encoder=FeaturePyramid(stages=(8, 16)), mirror=mirror)
    with torch.no_grad():
        cells = SIGHT.build_encoder(spec).eval()(pictures)
    return [level.x.unflatten(1, level.grid.shape) for level in (*cells.finer, cells)]


@pytest.mark.parametrize("mirror", [True, False])
def test_features_are_mirror_invariant_if_mirror(mirror: bool) -> None:
    straight, turned = levels(mirror, PICTURES), levels(mirror, PICTURES.flip(2))
    alike = [torch.allclose(a, b.flip(2), atol=1e-6) for a, b in zip(straight, turned, strict=True)]
    assert alike == [mirror] * 2


def test_fit_statistics_bounds_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches are subsampled, and the stem still whitens all of them."""
    torch.manual_seed(0)
    planes = F.interpolate(torch.rand(48, 3, 16, 16), size=64, mode="bicubic")
    numbers: list[int] = []
    unfold = F.unfold

    def counted(*args: Any, **more: Any) -> torch.Tensor:
        patches = unfold(*args, **more)
        numbers.append(patches.numel())
        return patches

    monkeypatch.setattr(encoder, "MOST_PATCH_NUMBERS", 1_000_000)
    monkeypatch.setattr(F, "unfold", counted)
    stem = encoder.Stem(3, 4)
    stem.fit_statistics(planes)
    assert 500_000 < numbers[0] <= 1_000_000
    with torch.no_grad():
        said = stem.conv((planes - planes.mean((0, 2, 3), keepdim=True)) / planes.std((0, 2, 3))[:, None, None])
    spread = said[:, : stem.directions, 1:-1, 1:-1].std((0, 2, 3))
    assert ((spread > 0.5) & (spread < 1.5)).all(), spread
