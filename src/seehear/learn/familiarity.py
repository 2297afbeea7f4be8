"""How unlike the training examples an input is, judged in the space of its encoder's cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells

BANK = 1024  # training examples remembered
NEIGHBOURS = 5


class Familiarity(nn.Module):
    """Cells -> (B,): distance to the NEIGHBOURS-th nearest of BANK training examples; larger is stranger.

    Deep nearest neighbours (Sun 2022, arXiv:2204.06507), on the normalised mean and spread of the cells.
    """

    bank: Tensor
    centre: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(2 * width))
        self.register_buffer("bank", torch.zeros(BANK, 2 * width))

    def features(self, cells: Cells) -> Tensor:
        """(B, 2 D): mean and standard deviation over the real cells."""
        real = cells.real[:, :, None].to(cells.x.dtype)
        count = real.sum(1).clamp_min(1)
        mean = (cells.x * real).sum(1) / count
        variance = ((cells.x - mean[:, None]).square() * real).sum(1) / count
        return torch.cat([mean, (variance + 1e-6).sqrt()], 1)

    @torch.no_grad()
    def remember(self, features: Tensor) -> None:
        """features (n, 2 D) of training examples; when there are fewer than BANK they are repeated."""
        self.centre.copy_(features.mean(0))
        chosen = torch.linspace(0, len(features) - 1, BANK).round().long()
        self.bank.copy_(F.normalize(features[chosen] - self.centre, dim=1))

    def forward(self, cells: Cells) -> Tensor:
        query = F.normalize(self.features(cells) - self.centre, dim=1)
        similar = query @ self.bank.T  # (B, BANK)
        return 1 - similar.topk(NEIGHBOURS, dim=1).values[:, -1]
