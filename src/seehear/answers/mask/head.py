"""From cells on several grids to a class for each of the finest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.head import Smooth, map_of
from seehear.answers.mask.spec import UNKNOWN
from seehear.geometry import Cells, Warps
from seehear.layers.linear import Float32Linear
from seehear.layers.warping import moved

if TYPE_CHECKING:
    from seehear.answers.mask.spec import MaskSpec

SHARE, NARROWEST, WIDEST = 4, 16, 96  # channels while decoding, of those of the coarsest cells


class Head(nn.Module):
    """Cells with finer ones -> {"logits": (B, C, h, w) on the finest grid, "cell_px": (B,) pixels each}.

    A feature pyramid (Lin 2017, arXiv:1612.03144): from the coarsest grid, which is also told what the whole picture
    holds (Liu 2015, arXiv:1506.04579), each finer one is added to what came from above, and both are smoothed.
    """

    weights: Tensor

    def __init__(self, spec: MaskSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = max(NARROWEST, min(WIDEST, widths[-1] // SHARE))
        self.whole = Float32Linear(2 * widths[-1], width)
        self.lateral = nn.ModuleList(Smooth(own, width, size=1) for own in widths)
        self.smooth = nn.ModuleList(Smooth(width, width, size=3) for _ in widths)
        self.classify = Float32Linear(width, len(spec.classes))
        nn.init.zeros_(self.classify.weight)
        self.register_buffer("weights", torch.tensor(spec.weights, dtype=torch.float32), persistent=False)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        levels = (*cells.finer, cells)
        own = [lateral(map_of(level)) for lateral, level in zip(self.lateral, levels, strict=True)]
        whole = self.whole(torch.cat([cells.x.mean(1), cells.x.amax(1)], 1))[:, :, None, None]  # (B, D, 1, 1)
        x = self.smooth[-1](own[-1] + whole)
        for finer, smooth in zip(own[-2::-1], self.smooth[:-1][::-1], strict=True):
            x = smooth(finer + F.interpolate(x, size=finer.shape[2:], mode="bilinear"))
        logits = self.classify(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return {"logits": logits, "cell_px": torch.full_like(logits[:, 0, 0, 0], levels[0].grid.pitch)}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Cross-entropy (B,) over the pixels whose class is known, rare classes weighing more."""
        truth = target["classes"].long()  # (B, H, W)
        logits = F.interpolate(raw["logits"], size=truth.shape[1:], mode="bilinear")
        lost = F.cross_entropy(logits, truth, self.weights, ignore_index=UNKNOWN, reduction="none")  # (B, H, W)
        known = truth != UNKNOWN
        weight = self.weights[truth.clamp_max(len(self.weights) - 1)] * known
        mean: Tensor = lost.sum((1, 2)) / weight.sum((1, 2)).clamp_min(1e-6)
        return mean

    def moved(self, target: dict[str, Tensor], warps: Warps) -> dict[str, Tensor]:
        """The classes of pictures that moved, the nearest pixel's; UNKNOWN where nothing was."""
        truth = target["classes"][:, None].float()  # (B, 1, H, W)
        there = moved(UNKNOWN - truth, warps, mode="nearest")  # zeros come in from outside
        return {"classes": (UNKNOWN - there)[:, 0].round().to(torch.uint8)}
