"""Image augmentation on whole batches: flips, affine maps, colour jitter, Cutout, CutMix and photometric changes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import TimeStretch, Warps
from seehear.layers.warping import warp_batch
from seehear.senses.picture_distort import distort
from seehear.senses.sight.plan import SightSpec

SHIFT = 1 / 16  # of a side; twice that at full strength
ROTATION_DEGREES, ZOOM, STRETCH = 15.0, 0.2, 0.15  # at full strength
LOG2_SCALES = (
    -0.5,
    1.0,
)  # range of log2 scale at full strength, for answers with positions
BRIGHTNESS, CONTRAST, SATURATION = 0.25, 0.35, 0.4
PHOTOMETRIC_SHARE = 0.25  # chance of each photometric change that imitates another camera
SHARPNESS = (0.0, 2.0)  # 0: blurred, 1: unchanged, 2: unsharp mask
TONE_CURVE = 0.8  # strength of the tone curve, which keeps black and white
CONTRASTS = (0.3, 1.6)
HAZE, NOISE = 0.5, 0.12  # largest haze density, and largest standard deviation of noise, relative to full scale
CUTOUT = 0.4  # side of the blanked square at full strength, relative to the shorter side


class AugmentSight(nn.Module):
    """image (B, H, W, C) uint8 -> the same shape, float 0 to 255, and the Warps for answers with positions.

    Flip and shift always apply; rotation, zoom, stretch, colour jitter and Cutout (DeVries & Taylor, arXiv:1708.04552)
    grow with `spec.augmentation_strength`. For answers with positions there is no rotation, which a Warp cannot
    express, and no Cutout, which would hide labelled objects, but a wide range of scales.
    """

    def __init__(self, spec: SightSpec, *, robust: bool = False) -> None:
        super().__init__()
        self.spec, self.robust = spec, robust

    def forward(self, inputs: dict[str, Tensor], stretch: TimeStretch) -> tuple[dict[str, Tensor], Warps | None]:
        x, warps = inputs["image"].permute(0, 3, 1, 2).float(), None  # (B, C, H, W)
        if self.spec.output_stride_px is None:
            x = self._random_affine(x)
        else:
            warps = self._random_warps(len(x), width=x.shape[3], height=x.shape[2])
            ground = x.mean((2, 3), keepdim=True)
            x = warp_batch(x - ground, warps) + ground
        if self.spec.augmentation_strength > 0:
            x = self._colour_jitter(x)
            x = x if warps else _cutout(x, CUTOUT * self.spec.augmentation_strength)
        x = _vary_photometry(x, PHOTOMETRIC_SHARE)
        if self.robust:
            x = 255 * distort(x / 255, coloured=self.spec.channels > 1)
        return {"image": x.permute(0, 2, 3, 1)}, warps

    def mix(self, inputs: dict[str, Tensor], partner: Tensor, share: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """CutMix (Yun et al. 2019): paste a box of example partner[i] into example i; about `share` () remains.

        Returns the inputs and the remaining share of the area.
        """
        image = inputs["image"]  # (B, H, W, C)
        height, width = image.shape[1:3]
        box_height, box_width = (int(side * math.sqrt(1 - float(share))) for side in (height, width))
        top = int(torch.randint(0, height - box_height + 1, ()))
        left = int(torch.randint(0, width - box_width + 1, ()))
        mixed = image.clone()
        rows, columns = slice(top, top + box_height), slice(left, left + box_width)
        mixed[:, rows, columns] = image[partner][:, rows, columns]
        return {"image": mixed}, torch.tensor(1 - box_height * box_width / (height * width))

    def _random_affine(self, x: Tensor) -> Tensor:
        if self.spec.augmentation_strength == 0:
            return _random_shift(self._random_flip(x), SHIFT)
        batch, strength = len(x), self.spec.augmentation_strength
        turn = _uniform(batch) * math.radians(ROTATION_DEGREES) * strength
        zoom = 1 + _uniform(batch) * ZOOM * strength
        stretch = 1 + _uniform(batch) * STRETCH * strength
        shift = 2 * SHIFT * (1 + strength) * torch.stack([_uniform(batch), _uniform(batch)], 1)
        cos, sin = torch.cos(turn), torch.sin(turn)
        aspect = x.shape[3] / x.shape[2]
        matrix = torch.stack([cos * zoom * stretch, -sin * zoom / aspect, sin * zoom * aspect, cos * zoom / stretch], 1)
        theta = torch.cat([matrix.reshape(batch, 2, 2), shift[:, :, None]], 2)  # (B, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(self._random_flip(x), grid.to(x), padding_mode="reflection", align_corners=False)

    def _random_warps(self, batch: int, *, width: int, height: int) -> Warps:
        """Random scale, slight stretch, random position within or around the frame, and a horizontal flip."""
        strength, size = self.spec.augmentation_strength, torch.tensor([width, height])
        least, most = LOG2_SCALES
        zoom = 2 ** (strength * (least + (most - least) * torch.rand(batch, 1)))
        stretch = 1 + _uniform(batch, 1) * STRETCH * strength
        scale = torch.cat([zoom * stretch, zoom / stretch], 1)  # (B, 2)
        offset = torch.rand(batch, 2) * size * (1 - scale) + SHIFT * size * _uniform(batch, 2)
        if strength == 0:
            offset = offset.round()  # fractions of a pixel would blur
        if self.spec.mirror:
            flip = torch.rand(batch, 1) < 0.5
            mirrored = torch.tensor([-1.0, 1.0])
            offset = torch.where(flip, torch.tensor([width, 0]) + mirrored * offset, offset)
            scale = torch.where(flip, mirrored * scale, scale)
        return Warps(scale, offset)

    def _random_flip(self, x: Tensor) -> Tensor:
        if not self.spec.mirror:
            return x
        flip = torch.rand(len(x)) < 0.5
        return torch.where(flip[:, None, None, None].to(x.device), x.flip(3), x)

    def _colour_jitter(self, x: Tensor) -> Tensor:
        strength = self.spec.augmentation_strength
        batch = (len(x), 1, 1, 1)
        brightness = 255 * BRIGHTNESS * strength * _uniform(*batch)
        contrast = 1 + CONTRAST * strength * _uniform(*batch)
        saturation = 1 + SATURATION * strength * _uniform(*batch)
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * contrast.to(x) + mean + brightness.to(x)
        grey = x.mean(1, keepdim=True)
        return ((x - grey) * saturation.to(x) + grey).clamp(0, 255)


def _random_shift(x: Tensor, share: float) -> Tensor:
    """Shift each picture by whole pixels, up to `share` of its sides, with reflected borders."""
    batch, _, height, width = x.shape
    reach_y, reach_x = max(1, round(height * share)), max(1, round(width * share))
    padded = F.pad(x, (reach_x, reach_x, reach_y, reach_y), mode="reflect")
    rows = torch.randint(0, 2 * reach_y + 1, (batch, 1)) + torch.arange(height)  # (B, H)
    columns = torch.randint(0, 2 * reach_x + 1, (batch, 1)) + torch.arange(width)  # (B, W)
    which = torch.arange(batch)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cutout(x: Tensor, share: float) -> Tensor:
    """Cutout: replace a random square of half of the pictures by their mean colour."""
    batch, _, height, width = x.shape
    half = share * min(height, width) / 2
    y, x_centre = torch.rand(batch, 1) * height, torch.rand(batch, 1) * width
    in_rows = (torch.arange(height) - y).abs() < half  # (B, H)
    in_columns = (torch.arange(width) - x_centre).abs() < half  # (B, W)
    hole = in_rows[:, None, :, None] & in_columns[:, None, None, :] & (torch.rand(batch, 1, 1, 1) < 0.5)
    return torch.where(hole.to(x.device), x.mean((2, 3), keepdim=True), x)


def _vary_photometry(x: Tensor, share: float) -> Tensor:
    """Photometric augmentation of x (B, C, H, W), 0 to 255: sharpness, tone curve, haze and noise, each on a random
    share of the pictures. Imitates other cameras and light; measured in docs/decisions/025-shifts.md.
    """
    x = x / 255
    for change in (_vary_sharpness, _vary_tone, _add_haze, _add_noise):
        chosen = (torch.rand(len(x)) < share).nonzero()[:, 0].to(x.device)
        if len(chosen):
            x[chosen] = change(x[chosen]).clamp(0, 1)
    return 255 * x


def _vary_sharpness(x: Tensor) -> Tensor:
    blurred = x
    for _ in range(2):
        blurred = F.avg_pool2d(blurred, 3, 1, padding=1, count_include_pad=False)
    least, most = SHARPNESS
    return torch.lerp(blurred, x, least + (most - least) * _per_picture(x))


def _vary_tone(x: Tensor) -> Tensor:
    """A random tone curve, then random contrast and brightness."""
    bent = x + TONE_CURVE * _per_picture(x, -1) * x * (1 - x)
    least, most = CONTRASTS
    contrast = torch.exp(math.log(least) + math.log(most / least) * _per_picture(x))
    mean = bent.mean((1, 2, 3), keepdim=True)
    return mean + BRIGHTNESS * _per_picture(x, -1) + contrast * (bent - mean)


def _add_haze(x: Tensor) -> Tensor:
    """Blend with a random grey, at a density that varies smoothly over the picture."""
    cover = F.interpolate(torch.rand(len(x), 1, 4, 4), x.shape[2:], mode="bilinear", align_corners=False)
    return torch.lerp(x, _per_picture(x).expand_as(x), HAZE * _per_picture(x) * cover.to(x))


def _add_noise(x: Tensor) -> Tensor:
    return x + NOISE * _per_picture(x) * torch.randn_like(x)


def _per_picture(x: Tensor, least: float = 0.0) -> Tensor:
    """One uniform random number per picture (B, 1, 1, 1), from `least` to 1."""
    return (least + (1 - least) * torch.rand(len(x), 1, 1, 1)).to(x)


def _uniform(*shape: int) -> Tensor:
    """Random numbers in [-1, 1)."""
    return torch.rand(shape) * 2 - 1
