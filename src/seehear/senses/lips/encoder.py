"""The lips encoder: a spatiotemporal convolution, a residual CNN per frame, and a bidirectional GRU.

After LipNet (Assael et al. 2016, arXiv:1611.01599) and Stafylakis & Tzimiropoulos (2017, arXiv:1703.04105).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.layers.layout import keep_channels_last
from seehear.layers.parameter_groups import ParameterGroups, hidden_parameters
from seehear.layers.recurrence import BidirectionalGRU
from seehear.senses.lips.plan import CELL_S, FRONT_PX, SEEN_FRAMES, LipsSpec


class LipsEncoder(nn.Module):
    """lips (B, T, H, W), uint8 or float 0 to 255, lips_frames (B,) -> Cells, one per frame.

    Padding is masked, so that a clip gets the same cells alone or in a batch.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, spec: LipsSpec) -> None:
        super().__init__()
        self.spec = spec
        self.widths = (spec.width,)  # channels of each level of cells
        self.dynamic_axes = {"lips": {1: "frames"}}  # variable axes besides the batch
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        first, *others = spec.stages
        # A 3D convolution of one channel is a 2D convolution with neighbouring frames as channels.
        self.front = nn.Conv2d(SEEN_FRAMES, first, FRONT_PX, stride=2, padding=FRONT_PX // 2, bias=False)
        self.norm_front = nn.BatchNorm2d(first)
        before = (first, *others[:-1])
        self.stages = nn.ModuleList(FrameStage(*shape) for shape in zip(before, others, strict=True))
        rows, columns = spec.smallest_map
        self.project = nn.Linear(spec.stages[-1] * rows * columns, spec.width)
        self.norm = nn.LayerNorm(spec.width)
        self.recurrent = BidirectionalGRU(spec.width)

    def parameter_groups(self) -> ParameterGroups:
        return hidden_parameters(self)

    @torch.no_grad()
    def fit_statistics(self, inputs: dict[str, Tensor]) -> None:
        """Set the pixel normalisation from training clips, before the first step."""
        lips = inputs["lips"]
        pixels = lips[_valid_mask(inputs["lips_frames"], lips.shape[1])].float()  # (frames, H, W)
        self.mean.copy_(pixels.mean())
        self.scale.copy_(1 / pixels.std().clamp_min(1))

    def forward(self, lips: Tensor, lips_frames: Tensor) -> Cells:
        valid_mask = _valid_mask(lips_frames, lips.shape[1])  # (B, T)
        x = (lips.float() - self.mean) * self.scale * valid_mask[:, :, None, None]
        x = F.gelu(self.norm_front(self.front(_neighbours(x).flatten(0, 1))))  # (B * T, D, H / 2, W / 2)
        for stage in self.stages:
            x = stage(x)
        x = self.norm(F.gelu(self.project(keep_channels_last(x).flatten(1)))).unflatten(0, lips.shape[:2])  # (B, T, D)
        x = (x + self.recurrent(x * valid_mask[:, :, None], lips_frames)) * valid_mask[:, :, None]
        return Cells(x, valid_mask, Grid((x.shape[1],), CELL_S, "s"))


class FrameStage(nn.Module):
    """(B, D, H, W) -> (B, D', H / 2, W / 2): a strided convolution, then a residual one."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norms[0](self.first(x)))
        return x + F.gelu(self.norms[1](self.second(x)))


def _neighbours(x: Tensor) -> Tensor:
    """(B, T, H, W) -> (B, T, SEEN_FRAMES, H, W): each frame with its neighbours, zeros at the ends."""
    reach = SEEN_FRAMES // 2
    frames = x.shape[1]
    padded = F.pad(x, (0, 0, 0, 0, reach, reach))
    return torch.stack([padded[:, i : i + frames] for i in range(SEEN_FRAMES)], 2)


def _valid_mask(lengths: Tensor, steps: int) -> Tensor:
    """(B, T): True before each length."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]
