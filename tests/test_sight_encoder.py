"""What the pyramid for sight promises beyond the contract of all encoders."""

from __future__ import annotations

import pytest
import torch

from seehear.senses.sight.encoder import Pyramid
from seehear.senses.sight.plan import SightSpec

PICTURES = torch.randint(0, 256, (3, 24, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def levels(mirror: bool, pictures: torch.Tensor) -> list[torch.Tensor]:
    """The cells of every level, on their grids (B, rows, columns, D)."""
    torch.manual_seed(0)
    spec = SightSpec(height=24, width=32, channels=3, stages=(8, 16), mirror=mirror)
    with torch.no_grad():
        cells = Pyramid(spec).eval()(pictures)
    return [level.x.unflatten(1, level.grid.shape) for level in (*cells.finer, cells)]


@pytest.mark.parametrize("mirror", [True, False])
def test_left_and_right_are_seen_alike_where_they_mean_the_same(mirror: bool) -> None:
    straight, turned = levels(mirror, PICTURES), levels(mirror, PICTURES.flip(2))
    alike = [torch.allclose(a, b.flip(2), atol=1e-6) for a, b in zip(straight, turned, strict=True)]
    assert alike == [mirror] * 2
