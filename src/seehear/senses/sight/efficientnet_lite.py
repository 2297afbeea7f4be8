"""EfficientNet-Lite as a sight encoder, with the names and the padding of the published weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.layers.exporting import is_exporting
from seehear.layers.frozen_norm import FrozenBatchNorm
from seehear.layers.parameter_groups import ParameterGroups, pretrained_parameters
from seehear.senses.sight.architectures import LITE_HEAD, LITE_STEM, STEM_STRIDE, Bottleneck, EfficientNetLite
from seehear.senses.sight.encoder import PretrainedSightEncoder
from seehear.senses.sight.plan import SightSpec

MEAN, SCALE = 127.0, 128.0  # of the pixels in its training
EPSILON = 1e-3


class EfficientNetLiteEncoder(PretrainedSightEncoder):
    """See `SightEncoder`. Cells come from the last bottleneck of each pitch, the coarsest from the head."""

    def __init__(self, spec: SightSpec, architecture: EfficientNetLite) -> None:
        super().__init__(spec)
        self._conv_stem = Convolution(3, LITE_STEM, 3, STEM_STRIDE, clip=True)
        self._bn0 = FrozenBatchNorm(LITE_STEM, EPSILON)
        self._shapes = list(architecture.bottlenecks())
        self._blocks = nn.ModuleList(map(InvertedBottleneck, self._shapes))
        self._conv_head = Convolution(self._shapes[-1].after, LITE_HEAD, 1, clip=True)
        self._bn1 = FrozenBatchNorm(LITE_HEAD, EPSILON)
        if architecture.frozen:
            for module in (self._conv_stem, self._bn0, *self._blocks[: architecture.frozen]):
                module.requires_grad_(False)

    def parameter_groups(self) -> ParameterGroups:
        stem, head = nn.ModuleList([self._conv_stem, self._bn0]), nn.ModuleList([self._conv_head, self._bn1])
        return pretrained_parameters([stem, *self._blocks, head])

    @torch.no_grad()
    def fold(self) -> None:
        """Fold all normalisations into the convolutions, for export."""
        self._conv_stem.absorb(self._bn0)
        for block in self._blocks:
            block.fold()  # type: ignore[operator]
        self._conv_head.absorb(self._bn1)

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        x = (planes - MEAN) / SCALE
        if x.shape[1] == 1:
            x = torch.cat([x, x, x], 1)
        x = self._conv_stem(x, self._bn0)
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

    def __init__(self, shape: Bottleneck) -> None:
        super().__init__()
        self.shape = shape
        inner = shape.before * shape.expansion
        if shape.expansion > 1:
            self._expand_conv = Convolution(shape.before, inner, 1, clip=True)
            self._bn0 = FrozenBatchNorm(inner, EPSILON)
        self._depthwise_conv = Convolution(inner, inner, shape.kernel, shape.stride, groups=inner, clip=True)
        self._bn1 = FrozenBatchNorm(inner, EPSILON)
        self._project_conv = Convolution(inner, shape.after, 1, clip=False)
        self._bn2 = FrozenBatchNorm(shape.after, EPSILON)

    def fold(self) -> None:
        if self.shape.expansion > 1:
            self._expand_conv.absorb(self._bn0)
        self._depthwise_conv.absorb(self._bn1)
        self._project_conv.absorb(self._bn2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self.shape.expansion > 1:
            y = self._expand_conv(y, self._bn0)
        y = self._depthwise_conv(y, self._bn1)
        y = self._project_conv(y, self._bn2)
        unchanged = self.shape.stride == 1 and self.shape.before == self.shape.after
        return x + y if unchanged else y


class Convolution(nn.Conv2d):
    """A convolution without bias, the normalisation after it, and ReLU6 if `clip`; padded as TensorFlow's "SAME"."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, *, groups: int = 1, clip: bool) -> None:
        super().__init__(before, after, kernel, stride, groups=groups, bias=False)
        self.clip = clip
        nn.init.kaiming_normal_(self.weight, mode="fan_out" if groups == 1 else "fan_in", nonlinearity="relu")

    def absorb(self, norm: FrozenBatchNorm) -> None:
        """Fold the normalisation into this layer for good."""
        kernel, bias = norm.fold(self.weight)
        self.weight, self.bias = nn.Parameter(kernel), nn.Parameter(bias)

    def forward(self, x: Tensor, norm: FrozenBatchNorm) -> Tensor:  # type: ignore[override]
        kernel, bias = norm.fold(self.weight) if self.bias is None else (self.weight, self.bias)
        (top, bottom), (left, right) = self._padding(x.shape[2]), self._padding(x.shape[3])
        if is_exporting():
            return self._export(x, kernel, bias, (top, left, bottom, right))
        if (top, left) == (bottom, right):
            x = F.conv2d(x, kernel, bias, self.stride, (top, left), groups=self.groups)
        else:
            x = F.conv2d(F.pad(x, (left, right, top, bottom)), kernel, bias, self.stride, groups=self.groups)
        return F.relu6(x, inplace=True) if self.clip else x

    def _padding(self, side: int) -> tuple[int, int]:
        """Zeros before and after; if their number is odd, one more after."""
        outputs = -(-side // self.stride[0])
        missing = max(0, (outputs - 1) * self.stride[0] + self.kernel_size[0] - side)
        return missing // 2, missing - missing // 2

    def _export(self, x: Tensor, kernel: Tensor, bias: Tensor, pads: tuple[int, int, int, int]) -> Tensor:
        """Emit ONNX operators: torch would take 0.1 s to infer the shape of each."""
        shape = (x.shape[0], len(kernel), *(-(-side // self.stride[0]) for side in x.shape[2:]))
        x = torch.onnx.ops.symbolic(
            "Conv",
            (x, kernel, bias),
            {"group": self.groups, "kernel_shape": self.kernel_size, "pads": pads, "strides": self.stride},
            dtype=x.dtype,
            shape=shape,
        )
        if not self.clip:
            return x
        limits = (torch.zeros(()), torch.full((), 6.0))
        return torch.onnx.ops.symbolic("Clip", (x, *limits), dtype=x.dtype, shape=shape)
