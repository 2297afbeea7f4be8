"""How unlike the training examples an input is, judged by its encoder's cells at every level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seehear.geometry import Cells

BANK = 1024  # training examples remembered
NEIGHBOURS = 5
NEAREST, FARTHEST = 0.1, 20.0  # standard deviations between which distances are told apart
FAINTEST = 1e-3  # added to spreads: what varies less does not count as varying


class Familiarity(nn.Module):
    """Cells -> (B,): distance to the NEIGHBOURS-th nearest of BANK training examples; larger is stranger.

    Deep nearest neighbours (Sun 2022, arXiv:2204.06507) on the mean and the logarithm of the spread of every channel,
    standardised, at every level of the encoder: the coarsest alone takes a blank picture for an X-ray.
    """

    bank: Tensor
    centre: Tensor
    scale: Tensor
    share: Tensor

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        size = 2 * sum(widths)
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("bank", torch.zeros(BANK, size))
        each = torch.cat([torch.full((2 * width,), 1 / (2 * width * len(widths))) for width in widths])
        self.register_buffer("share", each.sqrt(), persistent=False)  # every level weighs the same

    def features(self, cells: Cells) -> Tensor:
        """(B, 2 * sum of D): mean and log spread over the real cells of each level, finest first."""
        return torch.cat([_mean_and_spread(level) for level in (*cells.finer, cells)], 1)

    @torch.no_grad()
    def remember(self, features: Tensor) -> None:
        """features (n, ...) of training examples; when there are fewer than BANK they are repeated."""
        self.centre.copy_(features.mean(0))
        self.scale.copy_(self.share / (features.std(0) + FAINTEST))
        chosen = torch.linspace(0, len(features) - 1, BANK).round().long()
        self.bank.copy_(self._standardised(features[chosen]))

    def forward(self, cells: Cells) -> Tensor:
        query = self._standardised(self.features(cells))
        apart = query.square().sum(1, keepdim=True) - 2 * query @ self.bank.T + self.bank.square().sum(1)  # (B, BANK)
        return apart.topk(NEIGHBOURS, dim=1, largest=False).values[:, -1].clamp_min(NEAREST**2).sqrt()

    def _standardised(self, features: Tensor) -> Tensor:
        """In standard deviations, none beyond FARTHEST: larger squares would drown the small ones in rounding."""
        farthest = FARTHEST * self.share
        return torch.minimum(torch.maximum((features - self.centre) * self.scale, -farthest), farthest)


def _mean_and_spread(cells: Cells) -> Tensor:
    real = cells.real[:, :, None].to(cells.x.dtype)
    count = real.sum(1).clamp_min(1)
    mean = (cells.x * real).sum(1) / count
    variance = ((cells.x - mean[:, None]).square() * real).sum(1) / count
    return torch.cat([mean, 0.5 * (variance + FAINTEST**2).log()], 1)
