"""Where the senses meet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid

HEADS, LAYERS = 4, 2


class Fusion(nn.Module):
    """list of Cells, one per sense -> Cells (B, sum of N, D): all cells of all senses, having attended to each other.

    One sense passes through untouched. A sense withheld from an example is padding there: nobody attends to it.
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        alone = len(widths) == 1
        self.bring = nn.ModuleList(nn.Identity() if alone else nn.Linear(w, width) for w in widths)
        self.sense = nn.Parameter(torch.zeros(len(widths), width), requires_grad=not alone)
        self.blocks = nn.ModuleList(Block(width) for _ in range(0 if alone else LAYERS))

    def forward(self, cells: Sequence[Cells]) -> Cells:
        if len(cells) == 1:
            return cells[0]
        x = torch.cat([bring(c.x) + s for bring, c, s in zip(self.bring, cells, self.sense, strict=True)], 1)
        real = torch.cat([c.real for c in cells], 1)  # (B, N)
        for block in self.blocks:
            x = block(x, real)
        return Cells(x, real, Grid((x.shape[1],), 1.0, "cell"))


class Block(nn.Module):
    """One pre-norm Transformer layer (Xiong 2020) over (B, N, D), its branches starting at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before_mix, self.before_think = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for last in (self.out, self.narrow):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        qkv = self.query_key_value(self.before_mix(x)).unflatten(2, (3, HEADS, -1))  # (B, N, 3, heads, D / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None, :])
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        thought: Tensor = self.narrow(F.gelu(self.widen(self.before_think(x))))
        return x + thought
