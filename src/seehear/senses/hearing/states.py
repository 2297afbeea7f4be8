"""What pretrained encoders do with their states of 20 ms: attend to them, cut them into windows, average them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.senses.hearing.plan import CELL_S, CELL_SAMPLES, RATE_HZ, WINDOW_S

STATE_SAMPLES = CELL_SAMPLES // 2  # 20 ms
WINDOW_STATES = int(WINDOW_S * RATE_HZ) // STATE_SAMPLES  # attention to all of a longer recording needs too much memory


def attend(query: Tensor, key: Tensor, value: Tensor, keys: Tensor, head_channels: int) -> Tensor:
    """Projected states (B, N, D), keys (B, N): True where a state may be attended to -> (B, N, D)."""
    query, key, value = (
        x.unflatten(2, (-1, head_channels)).transpose(1, 2)  # type: ignore[no-untyped-call]
        for x in (query, key, value)
    )
    # Plain products: the bfloat16 gradient of torch's fused kernel makes thousands of tiny ones.
    scores = query @ key.transpose(2, 3) / math.sqrt(head_channels)  # (B, heads, N, N)
    attended = scores.masked_fill(~keys[:, None, None], -1e4).softmax(3) @ value
    return attended.transpose(1, 2).flatten(2)


def cut_windows(x: Tensor, window: int) -> Tensor:
    """Split (B, N, D) into (B * windows, window, D), the last window of each example padded with zeros."""
    windows = (x.shape[1] + window - 1) // window
    return F.pad(x, (0, 0, 0, windows * window - x.shape[1])).reshape(-1, window, x.shape[2])


def average_pairs(states: Tensor, valid_states: Tensor) -> Cells:
    """States (B, 2 N, D), the first valid_states (B,) valid -> N cells, the mean of each pair's valid states."""
    valid = (torch.arange(states.shape[1], device=states.device) < valid_states[:, None]).to(states)
    weights = valid.reshape(valid.shape[0], -1, 2)  # (B, N, 2)
    count = weights.sum(2)
    pairs = states.reshape(states.shape[0], -1, 2, states.shape[2])
    mean = (pairs * weights[:, :, :, None]).sum(2) / count.clamp_min(1)[:, :, None]
    return Cells(mean, count > 0, Grid((mean.shape[1],), CELL_S, "s"))


def ceil_divide(x: Tensor, by: int) -> Tensor:
    return (x + by - 1) // by


class Standardise(nn.Module):
    """Scales x (..., D) to mean 0 and variance 1. The graph's operator requires a gain, so it gets ones."""

    gain: Tensor
    bias: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("gain", torch.ones(width), persistent=False)
        self.register_buffer("bias", torch.zeros(width), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.gain.shape, self.gain.to(x), self.bias.to(x))
