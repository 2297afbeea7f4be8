"""EfficientNet-Lite and MobileNet as sight encoders, with the names of the weights published for the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.layers.frozen_norm import FrozenBatchNorm
from seehear.layers.parameter_groups import ParameterGroups
from seehear.senses.sight.bottleneck_architectures import STEM_STRIDE, Bottleneck, BottleneckNetwork
from seehear.senses.sight.convolution import Convolution
from seehear.senses.sight.encoder import PretrainedSightEncoder
from seehear.senses.sight.plan import SightSpec


class BottleneckEncoder(PretrainedSightEncoder):
    """See `SightEncoder`. Cells come from the last bottleneck of each pitch, the coarsest from the head."""

    def __init__(self, spec: SightSpec, architecture: BottleneckNetwork) -> None:
        super().__init__(spec, architecture.normalisation)
        symmetric, epsilon, activation = architecture.symmetric, architecture.epsilon, architecture.activation
        stem, head = architecture.stem, architecture.head
        self._conv_stem = Convolution(3, stem, 3, STEM_STRIDE, activation=activation, symmetric=symmetric)
        self._bn0 = FrozenBatchNorm(stem, epsilon)
        self._shapes = list(architecture.bottlenecks())
        self._blocks = nn.ModuleList(InvertedBottleneck(shape, symmetric, epsilon) for shape in self._shapes)
        self._conv_head = Convolution(self._shapes[-1].after, head, 1, activation=activation)
        self._bn1 = FrozenBatchNorm(head, epsilon)
        if architecture.frozen:
            for module in (self._conv_stem, self._bn0, *self._blocks[: architecture.frozen]):
                module.requires_grad_(False)

    def parameter_groups(self) -> ParameterGroups:
        stem, head = nn.ModuleList([self._conv_stem, self._bn0]), nn.ModuleList([self._conv_head, self._bn1])
        return self.group_blocks([stem, *self._blocks, head])

    @torch.no_grad()
    def fold(self) -> None:
        """Fold all normalisations into the convolutions, for export."""
        self._conv_stem.absorb(self._bn0)
        for block in self._blocks:
            block.fold()  # type: ignore[operator]
        self._conv_head.absorb(self._bn1)

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        x = self._conv_stem(self.normalise(planes), self._bn0)
        pitch = STEM_STRIDE
        for block, shape in zip(self._blocks, self._shapes, strict=True):
            if shape.stride > 1:
                yield from self._select_level(x, pitch)
                pitch *= shape.stride
            x = block(x)
        yield self._conv_head(x, self._bn1)

    def _select_level(self, x: Tensor, pitch: int) -> Sequence[Tensor]:
        return [x] if pitch in self.pitches_px else []


class InvertedBottleneck(nn.Module):
    """(B, before, H, W) -> (B, after, H/stride, W/stride): more channels, a convolution in each, fewer channels."""

    def __init__(self, shape: Bottleneck, symmetric: bool, epsilon: float) -> None:
        super().__init__()
        self.shape, inner = shape, shape.inner
        if shape.inner != shape.before:
            self._expand_conv = Convolution(shape.before, inner, 1, activation=shape.activation)
            self._bn0 = FrozenBatchNorm(inner, epsilon)
        self._depthwise_conv = Convolution(
            inner, inner, shape.kernel, shape.stride, groups=inner, activation=shape.activation, symmetric=symmetric
        )
        self._bn1 = FrozenBatchNorm(inner, epsilon)
        if shape.squeeze:
            self._se_reduce = nn.Conv2d(inner, shape.squeeze, 1)
            self._se_expand = nn.Conv2d(shape.squeeze, inner, 1)
        self._project_conv = Convolution(inner, shape.after, 1)
        self._bn2 = FrozenBatchNorm(shape.after, epsilon)

    def fold(self) -> None:
        if self.shape.inner != self.shape.before:
            self._expand_conv.absorb(self._bn0)
        self._depthwise_conv.absorb(self._bn1)
        self._project_conv.absorb(self._bn2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self.shape.inner != self.shape.before:
            y = self._expand_conv(y, self._bn0)
        y = self._depthwise_conv(y, self._bn1)
        if self.shape.squeeze:
            y = y * F.hardsigmoid(self._se_expand(F.relu(self._se_reduce(y.mean((2, 3), keepdim=True)))))
        y = self._project_conv(y, self._bn2)
        unchanged = self.shape.stride == 1 and self.shape.before == self.shape.after
        return x + y if unchanged else y
