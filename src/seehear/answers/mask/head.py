"""The segmentation head: a class for each cell of the finest grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.head_layers import Smooth, map_of
from seehear.answers.mask.spec import UNKNOWN
from seehear.geometry import Cells, Warps
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters
from seehear.layers.warping import warp_batch

if TYPE_CHECKING:
    from seehear.answers.mask.spec import MaskSpec

REDUCTION, MIN_CHANNELS, MAX_CHANNELS = 4, 16, 96  # of the decoder: the coarsest cells' channels over REDUCTION


class Head(nn.Module):
    """Cells with finer ones -> {"logits": (B, C, h, w) on the finest grid, "cell_px": (B,) pixels per cell}.

    A feature pyramid (Lin 2017, arXiv:1612.03144): from the coarsest grid, which also gets the pooled context of the
    whole picture (Liu 2015, arXiv:1506.04579), upsampled features are added to each finer grid and smoothed.
    """

    weights: Tensor

    def __init__(self, spec: MaskSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = max(MIN_CHANNELS, min(MAX_CHANNELS, widths[-1] // REDUCTION))
        self.context = Float32Linear(2 * widths[-1], width)
        self.lateral = nn.ModuleList(Smooth(own, width, size=1) for own in widths)
        self.smooth = nn.ModuleList(Smooth(width, width, size=3) for _ in widths)
        self.classify = Float32Linear(width, len(spec.classes))
        nn.init.zeros_(self.classify.weight)
        self.register_buffer("weights", torch.tensor(spec.weights, dtype=torch.float32), persistent=False)

    def parameter_groups(self) -> ParameterGroups:
        return head_parameters(self)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        levels = (*cells.finer, cells)
        lateral = [layer(map_of(level)) for layer, level in zip(self.lateral, levels, strict=True)]
        context = self.context(torch.cat([cells.x.mean(1), cells.x.amax(1)], 1))[:, :, None, None]  # (B, D, 1, 1)
        x = self.smooth[-1](lateral[-1] + context)
        for finer, smooth in zip(lateral[-2::-1], self.smooth[:-1][::-1], strict=True):
            x = smooth(finer + F.interpolate(x, size=finer.shape[2:], mode="bilinear"))
        logits = self.classify(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return {"logits": logits, "cell_px": torch.full_like(logits[:, 0, 0, 0], levels[0].grid.pitch)}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Weighted cross-entropy (B,) over the pixels whose class is known; rare classes weigh more."""
        truth = target["classes"].long()  # (B, H, W)
        logits = F.interpolate(raw["logits"], size=truth.shape[1:], mode="bilinear")
        entropy = F.cross_entropy(logits, truth, self.weights, ignore_index=UNKNOWN, reduction="none")  # (B, H, W)
        known = truth != UNKNOWN
        weight = self.weights[truth.clamp_max(len(self.weights) - 1)] * known
        mean: Tensor = entropy.sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-6)
        return mean

    def warp_target(self, target: dict[str, Tensor], warps: Warps) -> dict[str, Tensor]:
        """The classes of warped pictures, by nearest neighbour; UNKNOWN outside the original."""
        truth = target["classes"][:, None].float()  # (B, 1, H, W)
        warped = warp_batch(UNKNOWN - truth, warps, mode="nearest")  # outside is filled with zeros
        return {"classes": (UNKNOWN - warped)[:, 0].round().to(torch.uint8)}
