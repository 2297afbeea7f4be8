"""Apply a Warp to batches of pictures or feature maps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seehear.geometry import Warps


def warp_batch(x: Tensor, warps: Warps, *, mode: str = "bilinear") -> Tensor:
    """Move each of x (B, C, H, W) by its own warp, in pixels; pixels from outside are zero."""
    batch, _, height, width = x.shape
    size = torch.tensor([width, height])
    # F.affine_grid wants the source of each pixel, in coordinates from -1 to 1.
    back = 1 / warps.scale.cpu()  # (B, 2)
    origin = back - 2 * warps.offset.cpu() * back / size - 1
    zero = torch.zeros(batch)
    rows = [[back[:, 0], zero, origin[:, 0]], [zero, back[:, 1], origin[:, 1]]]
    theta = torch.stack([torch.stack(row, 1) for row in rows], 1)  # (B, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid.to(x), mode=mode, align_corners=False)
