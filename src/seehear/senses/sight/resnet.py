"""ResNet as a sight encoder, with the names of the weights that torchvision and timm publish."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.layers.frozen_norm import FrozenBatchNorm
from seehear.layers.parameter_groups import ParameterGroups
from seehear.senses.sight.architectures import IMAGENET_MEAN, IMAGENET_SCALE, RESNET_STEM, ResNet
from seehear.senses.sight.convolution import Convolution
from seehear.senses.sight.encoder import PretrainedSightEncoder
from seehear.senses.sight.plan import SightSpec

EPSILON = 1e-5


class ResNetEncoder(PretrainedSightEncoder):
    """See `SightEncoder`. Each stage gives a level of cells; the finest may be the stem's."""

    def __init__(self, spec: SightSpec, architecture: ResNet) -> None:
        super().__init__(spec, (IMAGENET_MEAN, IMAGENET_SCALE))
        self.conv1, self.bn1 = Convolution(3, RESNET_STEM, 7, 2, symmetric=True), FrozenBatchNorm(RESNET_STEM, EPSILON)
        before = RESNET_STEM
        for number, (blocks, inner) in enumerate(architecture.stages(), start=1):
            stage = nn.Sequential()
            for i in range(blocks):
                stride = 2 if number > 1 and i == 0 else 1
                stage.append(ResidualBlock(before, inner, inner * architecture.expansion, stride))
                before = inner * architecture.expansion
            self.add_module(f"layer{number}", stage)

    def parameter_groups(self) -> ParameterGroups:
        return self.group_blocks([nn.ModuleList([self.conv1, self.bn1]), *self._blocks()])

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        x = F.relu(self.conv1(self.normalise(planes), self.bn1))
        if 2 in self.pitches_px:
            yield x
        x = F.max_pool2d(x, 3, 2, 1)
        for stage, pitch in zip(self._stages(), (4, 8, 16, 32), strict=True):
            x = stage(x)
            if pitch in self.pitches_px:
                yield x

    @torch.no_grad()
    def fold(self) -> None:
        """Fold all normalisations into the convolutions, for export."""
        self.conv1.absorb(self.bn1)
        for block in self._blocks():
            for convolution, norm in block.pairs():
                convolution.absorb(norm)

    def _stages(self) -> list[nn.Sequential]:
        return [self.get_submodule(f"layer{number}") for number in (1, 2, 3, 4)]  # type: ignore[misc]

    def _blocks(self) -> list[ResidualBlock]:
        return [block for stage in self._stages() for block in stage]  # type: ignore[misc]


class ResidualBlock(nn.Module):
    """(B, before, H, W) -> (B, after, H/stride, W/stride): two 3x3 convolutions, or one between two of 1x1."""

    def __init__(self, before: int, inner: int, after: int, stride: int) -> None:
        super().__init__()
        shapes = [(before, inner, 3, stride), (inner, inner, 3, 1)]
        if after != inner:
            shapes = [(before, inner, 1, 1), (inner, inner, 3, stride), (inner, after, 1, 1)]
        self.layers = len(shapes)
        for number, (channels, wider, kernel, step) in enumerate(shapes, start=1):
            self.add_module(f"conv{number}", Convolution(channels, wider, kernel, step, symmetric=True))
            self.add_module(f"bn{number}", FrozenBatchNorm(wider, EPSILON))
        self.downsample = None
        if stride > 1 or before != after:
            projection = Convolution(before, after, 1, stride, symmetric=True)
            self.downsample = nn.ModuleList([projection, FrozenBatchNorm(after, EPSILON)])

    def pairs(self) -> list[tuple[Convolution, FrozenBatchNorm]]:
        """Each convolution with the normalisation after it, in order; the skip connection comes last."""
        names = [(f"conv{number}", f"bn{number}") for number in range(1, self.layers + 1)]
        names += [("downsample.0", "downsample.1")] if self.downsample is not None else []
        return [(self.get_submodule(a), self.get_submodule(b)) for a, b in names]  # type: ignore[misc]

    def forward(self, x: Tensor) -> Tensor:
        pairs, skip = self.pairs(), x
        if self.downsample is not None:
            projection, norm = pairs[-1]
            skip = projection(x, norm)
        for number, (convolution, norm) in enumerate(pairs[: self.layers], start=1):
            x = convolution(x, norm)
            x = F.relu(x + skip if number == self.layers else x)
        return x
