"""How unlike the training examples an input is, judged by its encoder's cells at every level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells

BANK = 1024  # training examples remembered
NEIGHBOURS = 5
NEAREST, FARTHEST = 0.1, 20.0  # standard deviations between which distances are told apart
FAINTEST = 1e-3  # added to spreads: what varies less does not count as varying


class OodScorer(nn.Module):
    """Cells -> (B,): how much stranger an input is than training examples are to each other; larger is stranger.

    The sum of two distances to the NEIGHBOURS-th nearest of BANK training examples (Sun 2022, arXiv:2204.06507), each
    in standard deviations of what it is among those. One is of texture: the mean and the logarithm of the spread of
    every channel, standardised. The other is of what stands out: the angle between the maxima of all channels. Both
    look at every level of the encoder: the coarsest alone takes a blank picture for an X-ray.
    """

    centre: Tensor
    scale: Tensor
    texture: Tensor
    standout: Tensor
    usual: Tensor
    spread: Tensor

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        size = sum(widths)
        self.register_buffer("centre", torch.zeros(2 * size))
        self.register_buffer("scale", torch.ones(2 * size))
        self.register_buffer("texture", torch.zeros(BANK, 2 * size))
        self.register_buffer("standout", torch.zeros(BANK, size))
        self.register_buffer("usual", torch.zeros(2))  # the mean of both distances among training examples
        self.register_buffer("spread", torch.ones(2))  # and their standard deviation

    def features(self, cells: Cells) -> Tensor:
        """(B, 3 * sum of D): means and log spreads over the real cells of each level, finest first; then the directions
        of the maxima of each, all levels together of length 1."""
        levels = (*cells.finer, cells)
        return torch.cat([*map(_mean_and_spread, levels), *(_standout(x) / len(levels) ** 0.5 for x in levels)], 1)

    @torch.no_grad()
    def remember(self, features: Tensor) -> None:
        """features (n, ...) of training examples; when there are fewer than BANK they are repeated."""
        texture, standout = features.tensor_split([len(self.centre)], 1)
        self.centre.copy_(texture.mean(0))
        self.scale.copy_(self._share(texture) / (texture.std(0) + FAINTEST))
        texture = self._standardised(texture)
        chosen = torch.linspace(0, len(features) - 1, BANK).round().long()
        self.texture.copy_(texture[chosen])
        self.standout.copy_(standout[chosen])
        others = min(NEIGHBOURS + 1, len(features))  # each is its own nearest
        among = torch.stack([_apart(texture, texture, others), _angle(standout, standout, others)], 1)  # (n, 2)
        self.usual.copy_(among.mean(0))
        self.spread.copy_(among.std(0) + FAINTEST)

    def forward(self, cells: Cells) -> Tensor:
        texture, standout = self.features(cells).tensor_split([len(self.centre)], 1)
        apart = _apart(self._standardised(texture), self.texture, NEIGHBOURS)
        angle = _angle(standout, self.standout, NEIGHBOURS)
        return ((torch.stack([apart, angle], 1) - self.usual) / self.spread).sum(1)

    def _standardised(self, texture: Tensor) -> Tensor:
        """In standard deviations, none beyond FARTHEST: larger squares would drown the small ones in rounding."""
        farthest = FARTHEST * self._share(texture)
        return torch.minimum(torch.maximum((texture - self.centre) * self.scale, -farthest), farthest)

    def _share(self, like: Tensor) -> Tensor:
        """(2 * sum of D): what makes every level weigh the same, and the square of all standard deviations 1."""
        shares = [1 / (2 * width * len(self.widths)) for width in self.widths for _ in range(2 * width)]
        return torch.tensor(shares, dtype=like.dtype, device=like.device).sqrt()


def _apart(query: Tensor, bank: Tensor, nearest: int) -> Tensor:
    """(B,) Euclidean distance to the nearest-th of a bank."""
    squares = query.square().sum(1, keepdim=True) - 2 * query @ bank.T + bank.square().sum(1)  # (B, n)
    return squares.topk(nearest, dim=1, largest=False).values[:, -1].clamp_min(NEAREST**2).sqrt()


def _angle(query: Tensor, bank: Tensor, nearest: int) -> Tensor:
    """(B,) 1 - cosine of the angle to the nearest-th of a bank; all of length 1."""
    angle: Tensor = 1 - (query @ bank.T).topk(nearest, dim=1).values[:, -1]
    return angle


def _mean_and_spread(cells: Cells) -> Tensor:
    real = cells.valid_mask[:, :, None].to(cells.x.dtype)
    count = real.sum(1).clamp_min(1)
    mean = (cells.x * real).sum(1) / count
    variance = ((cells.x - mean[:, None]).square() * real).sum(1) / count
    return torch.cat([mean, 0.5 * (variance + FAINTEST**2).log()], 1)


def _standout(cells: Cells) -> Tensor:
    """(B, D) of length 1: the maximum of every channel over the real cells."""
    return F.normalize(cells.x.masked_fill(~cells.valid_mask[:, :, None], -1e4).amax(1), dim=1)
