"""From cells in time to letters: recurrent layers, then connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells
from seehear.layers import BothWays

if TYPE_CHECKING:
    from seehear.answers.text import TextSpec

LAYERS = 2
DROPOUT = 0.15


class Head(nn.Module):
    """Cells -> {"logp": (B, N, V + 1), "cells": (B,) how many are real, "cell_s": (B,) seconds each}.

    The last of the V + 1 is the blank of CTC (Graves et al. 2006).
    """

    def __init__(self, spec: TextSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = widths[-1]
        self.blank = len(spec.tokens)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(LAYERS))
        self.layers = nn.ModuleList(BothWays(width) for _ in range(LAYERS))
        self.drop = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(width)
        self.classify = nn.Linear(width, self.blank + 1)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        x, length = cells.x, cells.real.sum(1)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = (x + self.drop(layer(norm(x), length))) * cells.real[:, :, None]
        logp = self.classify(self.drop(self.norm(x))).float().log_softmax(2)
        return {"logp": logp, "cells": length.to(logp), "cell_s": torch.full_like(logp[:, 0, 0], cells.grid.pitch)}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,): -log probability of the letters, per letter; 0 where there are more letters than cells for them."""
        length = target["length"]
        loss = F.ctc_loss(
            raw["logp"].transpose(0, 1),
            target["tokens"],
            raw["cells"].long(),
            length,
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        )
        return loss / length.clamp_min(1)
