"""Random changes of pictures that leave the answer as it is, as operations on whole batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import TimeStretch, Warps
from seehear.layers.warping import warp_batch
from seehear.senses.sight.plan import SightSpec

SHIFT = 1 / 16  # of a side, plus as much again at full strength
TURN_DEGREES, ZOOM, STRETCH = 15.0, 0.2, 0.15  # at full strength
SIZES = (
    -0.5,
    1.0,
)  # powers of two by which things get smaller or larger at full strength, where it matters what is where
BRIGHTNESS, CONTRAST, SATURATION = 0.25, 0.35, 0.4
ELSEWHERE = 0.25  # share of the pictures that each difference of another camera is given to
SHARPNESS = (0.0, 2.0)  # 0 leaves the blurred picture, 2 adds its detail once more
CURVE = 0.8  # of light: how much brighter or darker what is neither black nor white becomes
CONTRASTS = (0.3, 1.6)
HAZE, GRAIN = 0.5, 0.12  # at most: of a cover of varying thickness, and the standard deviation of noise, of full scale
CUTOUT = 0.4  # side of the square that is blanked, at full strength, in shares of the picture's side


class AugmentSight(nn.Module):
    """image (B, H, W, C) uint8 -> the same shape, float 0..255, and the Warps of an answer that says what is where.

    Mirror and shift always; turn, zoom, stretch, colour and cutout (DeVries & Taylor, arXiv:1708.04552) grow with
    `spec.augmentation_strength`, since what is seen often must be varied. Where it matters what is where, nothing is
    turned, which a Warp cannot say, and nothing blanked, which the answer would still name; but things get much larger
    and smaller.
    """

    def __init__(self, spec: SightSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, inputs: dict[str, Tensor], stretch: TimeStretch) -> tuple[dict[str, Tensor], Warps | None]:
        x, warps = inputs["image"].permute(0, 3, 1, 2).float(), None  # (B, C, H, W)
        if self.spec.output_stride_px is None:
            x = self._moved(x)
        else:
            warps = self._warps(len(x), width=x.shape[3], height=x.shape[2])
            ground = x.mean((2, 3), keepdim=True)
            x = warp_batch(x - ground, warps) + ground
        if self.spec.augmentation_strength > 0:
            x = self._coloured(x)
            x = x if warps else _cut_out(x, CUTOUT * self.spec.augmentation_strength)
        x = _taken_elsewhere(x, ELSEWHERE)
        return {"image": x.permute(0, 2, 3, 1)}, warps

    def mix(self, inputs: dict[str, Tensor], partner: Tensor, share: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Paste a box of example partner[i] into example i (CutMix, Yun 2019): share () is what should remain of i.

        Returns the inputs and the share of the area that did remain.
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

    def _moved(self, x: Tensor) -> Tensor:
        if self.spec.augmentation_strength == 0:
            return _shifted(self._mirrored(x), SHIFT)
        batch, strength = len(x), self.spec.augmentation_strength
        turn = _uniform(batch) * math.radians(TURN_DEGREES) * strength
        zoom = 1 + _uniform(batch) * ZOOM * strength
        stretch = 1 + _uniform(batch) * STRETCH * strength
        shift = 2 * SHIFT * (1 + strength) * torch.stack([_uniform(batch), _uniform(batch)], 1)
        cos, sin = torch.cos(turn), torch.sin(turn)
        aspect = x.shape[3] / x.shape[2]
        matrix = torch.stack([cos * zoom * stretch, -sin * zoom / aspect, sin * zoom * aspect, cos * zoom / stretch], 1)
        theta = torch.cat([matrix.reshape(batch, 2, 2), shift[:, :, None]], 2)  # (B, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(self._mirrored(x), grid.to(x), padding_mode="reflection", align_corners=False)

    def _warps(self, batch: int, *, width: int, height: int) -> Warps:
        """Another size, a little stretched, anywhere that it fits or fills the picture, and half of them mirrored."""
        strength, size = self.spec.augmentation_strength, torch.tensor([width, height])
        least, most = SIZES
        zoom = 2 ** (strength * (least + (most - least) * torch.rand(batch, 1)))
        stretch = 1 + _uniform(batch, 1) * STRETCH * strength
        scale = torch.cat([zoom * stretch, zoom / stretch], 1)  # (B, 2)
        offset = torch.rand(batch, 2) * size * (1 - scale) + SHIFT * size * _uniform(batch, 2)
        if strength == 0:
            offset = offset.round()  # parts of a pixel would blur
        if self.spec.mirror:
            flip = torch.rand(batch, 1) < 0.5
            mirrored = torch.tensor([-1.0, 1.0])
            offset = torch.where(flip, torch.tensor([width, 0]) + mirrored * offset, offset)
            scale = torch.where(flip, mirrored * scale, scale)
        return Warps(scale, offset)

    def _mirrored(self, x: Tensor) -> Tensor:
        if not self.spec.mirror:
            return x
        flip = torch.rand(len(x)) < 0.5
        return torch.where(flip[:, None, None, None].to(x.device), x.flip(3), x)

    def _coloured(self, x: Tensor) -> Tensor:
        strength = self.spec.augmentation_strength
        batch = (len(x), 1, 1, 1)
        brightness = 255 * BRIGHTNESS * strength * _uniform(*batch)
        contrast = 1 + CONTRAST * strength * _uniform(*batch)
        saturation = 1 + SATURATION * strength * _uniform(*batch)
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * contrast.to(x) + mean + brightness.to(x)
        grey = x.mean(1, keepdim=True)
        return ((x - grey) * saturation.to(x) + grey).clamp(0, 255)


def _shifted(x: Tensor, share: float) -> Tensor:
    """Each picture moved by up to `share` of its sides, whole pixels, the border reflected."""
    batch, _, height, width = x.shape
    reach_y, reach_x = max(1, round(height * share)), max(1, round(width * share))
    padded = F.pad(x, (reach_x, reach_x, reach_y, reach_y), mode="reflect")
    rows = torch.randint(0, 2 * reach_y + 1, (batch, 1)) + torch.arange(height)  # (B, H)
    columns = torch.randint(0, 2 * reach_x + 1, (batch, 1)) + torch.arange(width)  # (B, W)
    which = torch.arange(batch)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut_out(x: Tensor, share: float) -> Tensor:
    """Half of the pictures lose one square to their mean colour."""
    batch, _, height, width = x.shape
    half = share * min(height, width) / 2
    y, x_centre = torch.rand(batch, 1) * height, torch.rand(batch, 1) * width
    in_rows = (torch.arange(height) - y).abs() < half  # (B, H)
    in_columns = (torch.arange(width) - x_centre).abs() < half  # (B, W)
    hole = in_rows[:, None, :, None] & in_columns[:, None, None, :] & (torch.rand(batch, 1, 1, 1) < 0.5)
    return torch.where(hole.to(x.device), x.mean((2, 3), keepdim=True), x)


def _taken_elsewhere(x: Tensor, share: float) -> Tensor:
    """x (B, C, H, W) of 0..255 as if other cameras had taken it elsewhere: a share of the pictures, drawn anew for each
    change, is blurred or sharpened, is lit otherwise, lies behind haze, has grain.

    What it is worth is in docs/decisions/025-shifts.md.
    """
    x = x / 255
    for change in (_sharpened, _lit, _hazy, _grainy):
        chosen = (torch.rand(len(x)) < share).nonzero()[:, 0].to(x.device)
        if len(chosen):
            x[chosen] = change(x[chosen]).clamp(0, 1)
    return 255 * x


def _sharpened(x: Tensor) -> Tensor:
    blurred = x
    for _ in range(2):
        blurred = F.avg_pool2d(blurred, 3, 1, padding=1, count_include_pad=False)
    least, most = SHARPNESS
    return torch.lerp(blurred, x, least + (most - least) * _each(x))


def _lit(x: Tensor) -> Tensor:
    """Bent between black and white, then of other contrast and brightness."""
    bent = x + CURVE * _each(x, -1) * x * (1 - x)
    least, most = CONTRASTS
    contrast = torch.exp(math.log(least) + math.log(most / least) * _each(x))
    mean = bent.mean((1, 2, 3), keepdim=True)
    return mean + BRIGHTNESS * _each(x, -1) + contrast * (bent - mean)


def _hazy(x: Tensor) -> Tensor:
    """Behind a cover of one grey that is thick here and thin there."""
    cover = F.interpolate(torch.rand(len(x), 1, 4, 4), x.shape[2:], mode="bilinear", align_corners=False)
    return torch.lerp(x, _each(x).expand_as(x), HAZE * _each(x) * cover.to(x))


def _grainy(x: Tensor) -> Tensor:
    return x + GRAIN * _each(x) * torch.randn_like(x)


def _each(x: Tensor, least: float = 0.0) -> Tensor:
    """A random number for each picture (B, 1, 1, 1), from `least` to 1."""
    return (least + (1 - least) * torch.rand(len(x), 1, 1, 1)).to(x)


def _uniform(*shape: int) -> Tensor:
    """Random numbers in [-1, 1)."""
    return torch.rand(shape) * 2 - 1
