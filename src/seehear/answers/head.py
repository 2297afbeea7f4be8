"""What heads share: pooling for answers of whole examples; maps and convolutions for those that say what is where."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear

VIEWS = 4  # attention weights over the cells, each for its own share of the channels


class Pool(nn.Module):
    """Cells (B, N, D) -> (B, 2 D): what stands out anywhere (the maximum), and what attention gathers.

    Attention pooling after Safari & Hernando, "Self Multi-Head Attention for Speaker Recognition" (2019): every view
    weighs all cells and reads its own channels. It starts as the mean.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % VIEWS:
            raise ValueError(f"Expected a width that {VIEWS} divides, got {width}")
        self.width = 2 * width
        self.score = Float32Linear(width, VIEWS)
        nn.init.zeros_(self.score.weight)

    def forward(self, cells: Cells) -> Tensor:
        x, padded = cells.x, ~cells.valid_mask[:, :, None]
        weights = self.score(x).masked_fill(padded, -1e4).softmax(1)  # (B, N, VIEWS)
        gathered = torch.einsum("bnv,bnvd->bvd", weights, x.unflatten(2, (VIEWS, -1))).flatten(1)
        standing_out = x.masked_fill(padded, -1e4).amax(1)
        return torch.cat([standing_out, gathered], 1)


class Smooth(nn.Sequential):
    """(B, D, h, w) -> (B, D', h, w): one convolution, normalised."""

    def __init__(self, before: int, after: int, *, size: int) -> None:
        super().__init__(
            nn.Conv2d(before, after, size, padding=size // 2, bias=False), nn.BatchNorm2d(after), nn.GELU()
        )


def map_of(cells: Cells) -> Tensor:
    """Cells of a picture (B, N, D) -> (B, D, h, w)."""
    rows, columns = cells.grid.shape
    x: Tensor = cells.x.transpose(1, 2).unflatten(2, (rows, columns))
    return x
