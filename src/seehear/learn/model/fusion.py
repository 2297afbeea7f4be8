"""Where the senses meet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.senses import time_aligned

HEAD_CHANNELS, LAYERS = 32, 2


def fusion(specs: Mapping[str, Any], width: int) -> nn.Module:
    """What joins the cells of these senses -> Cells of this width."""
    widths = [spec.cell_width for spec in specs.values()]
    return FusionInTime(widths, width) if time_aligned(specs) else Fusion(widths, width)


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
        valid_mask = torch.cat([c.valid_mask for c in cells], 1)  # (B, N)
        for block in self.blocks:
            x = block(x, valid_mask)
        return Cells(x, valid_mask, Grid((x.shape[1],), 1.0, "cell"))


class FusionInTime(nn.Module):
    """list of Cells in time, one per sense -> Cells (B, longest N, D): one for each moment, of all who tell of it.

    The cells of a moment are projected, weighed by what they say together, channel by channel, and added (as gated
    multimodal units do, Arevalo 2017, arXiv:1702.01992); a learned vector stands for a sense that is withheld or over.
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.bring = nn.ModuleList(nn.Linear(w, width) for w in widths)
        self.absent = nn.Parameter(torch.zeros(len(widths), width))
        self.norm = nn.LayerNorm(width)
        self.weigh = nn.Linear(width, len(widths) * width)
        nn.init.zeros_(self.weigh.weight)
        nn.init.zeros_(self.weigh.bias)

    def forward(self, cells: Sequence[Cells]) -> Cells:
        longest = cells[0].x.shape[1]
        for own in cells[1:]:
            longest = torch.sym_max(longest, own.x.shape[1])  # type: ignore[no-untyped-call]
        told = [lengthened(own, longest) for own in cells]
        brought = [
            torch.where(own.valid_mask[:, :, None], bring(own.x), absent)
            for bring, own, absent in zip(self.bring, told, self.absent, strict=True)
        ]
        together = torch.stack(brought, 2)  # (B, N, S, D)
        weights = 2 * torch.sigmoid(self.weigh(self.norm(together.sum(2)))).view_as(together)
        valid_mask = torch.stack([own.valid_mask for own in told], 2).any(2)  # (B, N)
        x = (weights * together).sum(2) * valid_mask[:, :, None]
        return Cells(x, valid_mask, Grid((longest,), cells[0].grid.pitch, cells[0].grid.unit))


def lengthened(cells: Cells, steps: int) -> Cells:
    """Cells in time, padded to so many."""
    more = steps - cells.x.shape[1]
    return Cells(F.pad(cells.x, (0, 0, 0, more)), F.pad(cells.valid_mask, (0, more)), cells.grid)


class Block(nn.Module):
    """One pre-norm Transformer layer (Xiong 2020) over (B, N, D), its branches starting at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_CHANNELS)
        self.before_mix, self.before_think = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for last in (self.out, self.narrow):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, valid_mask: Tensor) -> Tensor:
        qkv = self.query_key_value(self.before_mix(x)).unflatten(2, (3, self.heads, -1))  # (B, N, 3, heads, D / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        # Plain products: torch's fused kernel makes thousands of tiny ones in its bfloat16 gradient.
        match = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (B, heads, N, N)
        mixed = match.masked_fill(~valid_mask[:, None, None], -1e4).softmax(3) @ value
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        thought: Tensor = self.narrow(F.gelu(self.widen(self.before_think(x))))
        return x + thought
