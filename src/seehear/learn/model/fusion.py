"""How the cells of several senses are combined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.layers.parameter_groups import ParameterGroups, hidden_parameters
from seehear.senses import time_aligned

HEAD_CHANNELS, LAYERS = 32, 2


def make_fusion(specs: Mapping[str, Any], width: int) -> nn.Module:
    """The module that combines the cells of these senses into Cells of this width."""
    widths = [spec.cell_width for spec in specs.values()]
    return AlignedFusion(widths, width) if time_aligned(specs) else AttentionFusion(widths, width)


class AttentionFusion(nn.Module):
    """Self-attention over the cells of all senses: a list of Cells, one per sense -> Cells (B, sum of N, D).

    With one sense, its cells pass through unchanged. The cells of an absent sense are masked as padding is.
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        single = len(widths) == 1
        self.project = nn.ModuleList(nn.Identity() if single else nn.Linear(w, width) for w in widths)
        self.sense_embedding = nn.Parameter(torch.zeros(len(widths), width), requires_grad=not single)
        self.blocks = nn.ModuleList(TransformerLayer(width) for _ in range(0 if single else LAYERS))

    def parameter_groups(self) -> ParameterGroups:
        return hidden_parameters(self, embeddings=[self.sense_embedding])

    def forward(self, cells: Sequence[Cells]) -> Cells:
        if len(cells) == 1:
            return cells[0]
        projected = [
            project(own.x) + embedding
            for project, own, embedding in zip(self.project, cells, self.sense_embedding, strict=True)
        ]
        x = torch.cat(projected, 1)
        valid = torch.cat([own.valid_mask for own in cells], 1)  # (B, N)
        for block in self.blocks:
            x = block(x, valid)
        return Cells(x, valid, Grid((x.shape[1],), 1.0, "cell"))


class AlignedFusion(nn.Module):
    """Gated sum, time step by time step: a list of Cells in time, one per sense -> Cells (B, longest N, D).

    The cells of one time step are projected, weighed channel by channel with gates computed from their sum, and added
    (gated multimodal units, Arevalo 2017, arXiv:1702.01992). A learned vector replaces the cell of a sense that is
    absent or has ended.
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(w, width) for w in widths)
        self.absent_embedding = nn.Parameter(torch.zeros(len(widths), width))
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, len(widths) * width)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def parameter_groups(self) -> ParameterGroups:
        return hidden_parameters(self, embeddings=[self.absent_embedding])

    def forward(self, cells: Sequence[Cells]) -> Cells:
        longest = cells[0].x.shape[1]
        for own in cells[1:]:
            longest = torch.sym_max(longest, own.x.shape[1])  # type: ignore[no-untyped-call]
        padded = [pad_cells(own, longest) for own in cells]
        projected = [
            torch.where(own.valid_mask[:, :, None], project(own.x), absent)
            for project, own, absent in zip(self.project, padded, self.absent_embedding, strict=True)
        ]
        stacked = torch.stack(projected, 2)  # (B, N, S, D)
        gates = 2 * torch.sigmoid(self.gate(self.norm(stacked.sum(2)))).view_as(stacked)
        valid = torch.stack([own.valid_mask for own in padded], 2).any(2)  # (B, N)
        x = (gates * stacked).sum(2) * valid[:, :, None]
        return Cells(x, valid, Grid((longest,), cells[0].grid.pitch, cells[0].grid.unit))


def pad_cells(cells: Cells, length: int) -> Cells:
    """Cells in time, padded at the end to this many."""
    missing = length - cells.x.shape[1]
    return Cells(F.pad(cells.x, (0, 0, 0, missing)), F.pad(cells.valid_mask, (0, missing)), cells.grid)


class TransformerLayer(nn.Module):
    """One pre-norm Transformer layer (Xiong 2020) over (B, N, D). Both branches start at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_CHANNELS)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp_in, self.mlp_out = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        for last in (self.out, self.mlp_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        qkv = self.query_key_value(self.attention_norm(x)).unflatten(
            2, (3, self.heads, -1)
        )  # (B, N, 3, heads, D / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        # Plain products: the bfloat16 gradient of torch's fused kernel makes thousands of tiny ones.
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (B, heads, N, N)
        attended = scores.masked_fill(~valid[:, None, None], -1e4).softmax(3) @ value
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        hidden: Tensor = self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))
        return x + hidden
