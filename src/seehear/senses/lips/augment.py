"""Augmentation of lip clips on whole batches: flip, shift, zoom, light, frozen frames and mixup."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import TimeStretch
from seehear.layers.layout import round_up_length
from seehear.senses.lips.plan import RATE_HZ, LipsSpec
from seehear.senses.picture_distort import distort

SHIFT, ZOOM = 0.08, 0.12  # relative to a side, and to the size; about the error of the face detector
BRIGHTNESS, CONTRAST = 0.15, 0.3  # relative to full scale, and to the deviation from the mean, at full strength
FREEZE_S = 0.2  # longest run of frozen frames


class AugmentLips(nn.Module):
    """lips (B, T, H, W) uint8, lips_frames (B,) -> the same, as floats from 0 to 255.

    All frames of a clip get the same change: differences between frames would look like movement.
    """

    def __init__(self, spec: LipsSpec, *, robust: bool = False) -> None:
        super().__init__()
        self.spec, self.robust = spec, robust

    def forward(self, inputs: dict[str, Tensor], stretch: TimeStretch) -> tuple[dict[str, Tensor], None]:
        lips, frames = _apply_stretch(inputs["lips"].float(), inputs["lips_frames"], stretch)
        lips = self._vary_light(self._random_affine(lips))
        if self.robust:
            lips = 255 * distort(lips / 255, coloured=False)
        lips = _freeze(lips, frames, FREEZE_S * self.spec.augmentation_strength * RATE_HZ)
        return {"lips": lips, "lips_frames": frames}, None

    def mix(self, inputs: dict[str, Tensor], partner: Tensor, share: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """mixup (Zhang et al. 2018): `share` () of clip i plus the rest of clip partner[i]."""
        lips, frames = inputs["lips"], inputs["lips_frames"]
        mixed = {"lips": share * lips + (1 - share) * lips[partner]}
        return mixed | {"lips_frames": torch.maximum(frames, frames[partner])}, share

    def _random_affine(self, x: Tensor) -> Tensor:
        batch, strength = len(x), self.spec.augmentation_strength
        mirror = torch.where(torch.rand(batch) < 0.5, -1.0, 1.0)
        zoom = 1 + ZOOM * strength * _uniform(batch)
        shift = 2 * SHIFT * (0.5 + 0.5 * strength) * torch.stack([_uniform(batch), _uniform(batch)], 1)
        nothing = torch.zeros(batch)
        matrix = torch.stack([mirror * zoom, nothing, nothing, zoom], 1).reshape(batch, 2, 2)
        theta = torch.cat([matrix, shift[:, :, None]], 2)  # (B, 2, 3)
        grid = F.affine_grid(theta, [batch, 1, *x.shape[2:]], align_corners=False)
        return F.grid_sample(x, grid.to(x), padding_mode="border", align_corners=False)

    def _vary_light(self, x: Tensor) -> Tensor:
        strength, batch = self.spec.augmentation_strength, (len(x), 1, 1, 1)
        brightness = 255 * BRIGHTNESS * strength * _uniform(*batch)
        contrast = 1 + CONTRAST * strength * _uniform(*batch)
        mean = x.mean((1, 2, 3), keepdim=True)
        return ((x - mean) * contrast.to(x) + mean + brightness.to(x)).clamp(0, 255)


def _apply_stretch(x: Tensor, frames: Tensor, stretch: TimeStretch) -> tuple[Tensor, Tensor]:
    """Resample x (B, T, H, W) in time by its stretch; the lead repeats the first frame. Rounds up the length."""
    lead = stretch.lead_s[:, None] * RATE_HZ
    new_frames = ((frames / stretch.speed).long() + (stretch.lead_s * RATE_HZ).long()).clamp_min(1)
    longest = round_up_length(int(new_frames.max()))
    at = (torch.arange(longest, device=x.device) + 0.5 - lead) * stretch.speed[:, None] - 0.5
    at = torch.minimum(at.clamp_min(0), (frames - 1)[:, None].to(at))  # (B, T'), in frames of the original
    before = at.floor().long()
    after = torch.minimum(before + 1, (frames - 1)[:, None])
    weight = (at - before)[:, :, None, None]
    which = torch.arange(len(x), device=x.device)[:, None]
    return x[which, before] * (1 - weight) + x[which, after] * weight, new_frames


def _freeze(x: Tensor, frames: Tensor, longest: float) -> Tensor:
    """Freeze one run of frames in each clip, up to `longest`, so that the network uses the context."""
    batch, steps = x.shape[:2]
    width = (torch.rand(batch, 1, device=x.device) * longest).long()
    start = (torch.rand(batch, 1, device=x.device) * frames[:, None]).long()
    step = torch.arange(steps, device=x.device).expand(batch, -1)
    frozen = torch.where((step >= start) & (step < start + width), start.clamp_max(steps - 1), step)
    return x[torch.arange(batch, device=x.device)[:, None], frozen]


def _uniform(*shape: int) -> Tensor:
    """Random numbers in [-1, 1)."""
    return torch.rand(shape) * 2 - 1
