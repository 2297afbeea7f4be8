"""The sight encoder, a convolutional feature pyramid.

After the small residual networks of Page's DAWNBench entry and Jordan's "94% on CIFAR-10 in 3.29 seconds"
(arXiv:2404.00498): a stem initialised to whiten the training patches, then stages of 3x3 convolutions with one
max-pooling each. Larger pictures get a stem with a larger stride, so that the first map is 32 to 63 cells wide, unless
an answer with positions needs a finer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.layers.parameter_groups import (
    PRETRAINED_DENSE_RATE,
    PRETRAINED_RATE,
    ParameterGroups,
    hidden_parameters,
    pretrained_parameters,
)
from seehear.layers.pretrained import load_weights
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec

STEM_DIRECTIONS = 12  # leading principal components of the patches; each is used with both signs
MOST_PATCH_NUMBERS = 60_000_000  # most values to compute them from, about 0.7 GB
WHITENING_FLOOR = 5e-4  # added to patch variances: keeps the stem from amplifying noise (Jordan 2024, section 3.1)


class SightEncoder(nn.Module):
    """image (B, H, W, C) uint8 -> Cells of the coarsest map, with all finer maps in `finer`.

    The base class of all encoders of pictures, which implement `compute_maps`.
    """

    def __init__(self, spec: SightSpec) -> None:
        super().__init__()
        self.spec = spec
        self.widths = spec.encoder.widths(spec.input_size)  # channels of each level of cells, finest first
        self.pitches_px = spec.encoder.pitches_px(spec.input_size)
        self.dynamic_axes: dict[str, dict[int, str]] = {}  # variable axes besides the batch

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        """planes (B, C, H, W), 0 to 255 -> the map of each level (B, D, H / pitch, W / pitch), finest first."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Cells:
        """Test-time augmentation: if `mirror`, average the features of a picture and its mirror image.

        This removes a tenth of the errors. Not in training, which flips at random, nor for answers with positions,
        where a second pass over a large picture is not worth its cost.
        """
        average_flip = self.spec.mirror and not self.training and self.spec.output_stride_px is None
        planes = _to_planes(image)
        maps = self.compute_maps(torch.cat([planes, planes.flip(3)]) if average_flip else planes)
        *finer, coarsest = (
            _to_cells(_average_flip(x) if average_flip else x, pitch_px)
            for x, pitch_px in zip(maps, self.pitches_px, strict=True)
        )
        return replace(coarsest, finer=tuple(finer))


class PretrainedSightEncoder(SightEncoder):
    """An encoder whose tensors have the names of published weights.

    normalisation   mean and scale of the pixels of each colour, 0 to 255, in its pretraining
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, spec: SightSpec, normalisation: Sequence[Sequence[float]]) -> None:
        super().__init__(spec)
        for name, values in zip(("mean", "scale"), normalisation, strict=True):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def normalise(self, planes: Tensor) -> Tensor:
        """planes (B, 1 or 3, H, W), 0 to 255 -> (B, 3, H, W)."""
        return (planes.expand(-1, 3, -1, -1) - self.mean) / self.scale

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Raises ValueError if a tensor is missing or has another shape."""
        load_weights(self, tensors, str(self.spec.encoder))

    def fit_statistics(self, inputs: dict[str, Tensor]) -> None:
        """Nothing to set: pictures are normalised as in its pretraining."""

    def group_blocks(self, blocks: Sequence[nn.Module]) -> ParameterGroups:
        """The parameters of its blocks, from input to output."""
        dense = self.spec.output_stride_px is not None
        return pretrained_parameters(blocks, PRETRAINED_DENSE_RATE if dense else PRETRAINED_RATE)


class PyramidEncoder(SightEncoder):
    """A stem that is fitted to the training pictures, and stages of convolutions: see `FeaturePyramid`."""

    def __init__(self, spec: SightSpec, architecture: FeaturePyramid) -> None:
        super().__init__(spec)
        self.stem = Stem(spec.channels, architecture.stem_stride(spec.input_size))
        widths = (self.stem.width, *self.widths)
        self.stages = nn.ModuleList(PooledStage(*each, architecture.depth) for each in pairwise(widths))

    def parameter_groups(self) -> ParameterGroups:
        return hidden_parameters(self)

    @torch.no_grad()
    def fit_statistics(self, inputs: dict[str, Tensor]) -> None:
        """Fit normalisation and whitening to training pictures, before the first step."""
        self.stem.fit_statistics(_to_planes(inputs["image"]) / 255)

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        x = self.stem(planes / 255)
        for stage in self.stages:
            x = stage(x)  # halved
            yield x


class Stem(nn.Module):
    """Normalises, then projects each patch on the whitened principal components of the training patches."""

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        size = 3 if stride == 1 else 2 * stride
        self.directions = min(STEM_DIRECTIONS, channels * size * size)
        self.width = 2 * self.directions
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.conv = nn.Conv2d(channels, self.width, size, stride, padding=(size - stride + 1) // 2)
        self.conv.weight.requires_grad_(False)  # fitted once by fit_statistics

    def fit_statistics(self, planes: Tensor) -> None:
        """planes (B, C, H, W): training pictures. Large sets are subsampled."""
        self.mean.copy_(planes.mean((0, 2, 3)))
        self.scale.copy_(1 / planes.std((0, 2, 3)).clamp_min(1e-3))
        size = self.conv.kernel_size[0]
        step = 1 if planes.numel() * size**2 <= MOST_PATCH_NUMBERS else self.conv.stride[0]
        some = planes[: max(1, MOST_PATCH_NUMBERS * step**2 // (planes[0].numel() * size**2))]
        patches = F.unfold(self._normalise(some), size, stride=step)  # (B, C*size*size, patches of each)
        patches = patches.transpose(1, 2).flatten(0, 1)  # (patches, C*size*size)
        variances, vectors = torch.linalg.eigh(torch.cov(patches.T.double()))
        leading = vectors[:, -self.directions :] / (variances[-self.directions :] + WHITENING_FLOOR).sqrt()
        kernels = leading.T.reshape(self.directions, *self.conv.weight.shape[1:]).float()
        self.conv.weight.copy_(torch.cat([kernels, -kernels]))
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, planes: Tensor) -> Tensor:
        return F.gelu(self.conv(self._normalise(planes)))

    def _normalise(self, planes: Tensor) -> Tensor:
        return (planes - self.mean[:, None, None]) * self.scale[:, None, None]


class PooledStage(nn.Module):
    """(B, D, H, W) -> (B, D', H/2, W/2): `depth` convolutions, with residual connections after the second."""

    def __init__(self, before: int, after: int, depth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(before if i == 0 else after, after, 3, padding=1, bias=False) for i in range(depth)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _ in range(depth))
        for conv in self.convs:
            nn.init.dirac_(conv.weight[: conv.weight.shape[1]])  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:
        skip = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = conv(x)
            if i == 0 and min(y.shape[-2:]) > 1:
                y = F.max_pool2d(y, 2)
            y = norm(y)
            x = F.gelu(y + skip if i >= 2 else y)
            if i == 1:
                skip = x
        return x


def _average_flip(x: Tensor) -> Tensor:
    """(2 B, D, H, W), mirror images last -> (B, D, H, W)."""
    ways: Tensor = x.unflatten(0, (2, -1))  # type: ignore[no-untyped-call]
    mean: Tensor = (ways[0] + ways[1].flip(3)) / 2
    return mean


def _to_planes(image: Tensor) -> Tensor:
    """(B, H, W, C) uint8 or float 0..255 -> (B, C, H, W) float 0..255, laid out channels last in memory."""
    return image.permute(0, 3, 1, 2).float()


def _to_cells(x: Tensor, pitch_px: int) -> Cells:
    batch, _, height, width = x.shape
    valid_mask = torch.ones(batch, height * width, dtype=torch.bool, device=x.device)
    return Cells(x.flatten(2).transpose(1, 2), valid_mask, Grid((height, width), float(pitch_px), "px"))
