"""Layers that heads share: pooling for one answer per example, feature maps and convolutions for spatial answers."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from seehear.answers.linear_probe import LinearProbe
from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear

ATTENTION_HEADS = 4  # at most; each weighs the cells for its own share of the channels


class Pool(nn.Module):
    """Cells (B, N, D) -> (B, 2 D): max pooling, and attention pooling.

    Attention pooling after Safari & Hernando, "Self Multi-Head Attention for Speaker Recognition" (2019): each head
    weighs all cells and reads its own channels. It starts as the mean.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = 2 * width
        self.heads = math.gcd(width, ATTENTION_HEADS)
        self.score = Float32Linear(width, self.heads)
        nn.init.zeros_(self.score.weight)

    def forward(self, cells: Cells) -> Tensor:
        x, padded = cells.x, ~cells.valid_mask[:, :, None]
        weights = self.score(x).masked_fill(padded, -1e4).softmax(1)  # (B, N, heads)
        gathered = torch.einsum("bnv,bnvd->bvd", weights, x.unflatten(2, (self.heads, -1))).flatten(1)
        maximum = x.masked_fill(padded, -1e4).amax(1)
        return torch.cat([maximum, gathered], 1)


@torch.no_grad()
def load_probe(probe: LinearProbe, norm: nn.LayerNorm, linear: nn.Linear) -> None:
    """Copy a probe that was fitted to the output of an untrained `norm` into two layers.

    Outputs of `linear` beyond those of the probe keep their weights.
    """
    mean, std, weight, bias = (torch.from_numpy(np.asarray(array, np.float32)) for array in probe[:4])
    norm.weight.copy_(1 / std)
    norm.bias.copy_(-mean / std)
    linear.weight[: len(weight)] = weight.to(linear.weight)
    linear.bias[: len(bias)] = bias.to(linear.bias)


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
