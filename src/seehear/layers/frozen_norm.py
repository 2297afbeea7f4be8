"""Batch normalisation with fixed statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FrozenBatchNorm(nn.Module):
    """Batch normalisation with the statistics of the pretraining; gain and bias can be trained.

    It is linear, so it is folded into the convolution before it, which saves a pass over the activations.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def fold(self, kernel: Tensor) -> tuple[Tensor, Tensor]:
        """kernel (D, ...) of a convolution without bias -> kernel and bias with the normalisation folded in."""
        scale = self.weight * (self.running_var + self.epsilon).rsqrt()  # (D,)
        return kernel * scale[:, None, None, None], self.bias - self.running_mean * scale
