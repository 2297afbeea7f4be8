"""The convolution of pretrained sight encoders, into which the normalisation after it is folded."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.layers.depthwise import convolve_depthwise
from seehear.layers.exporting import is_exporting
from seehear.layers.frozen_norm import FrozenBatchNorm
from seehear.senses.sight.bottleneck_architectures import Activation

ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "hardswish": F.hardswish}
OPERATORS = {"relu": "Relu", "relu6": "Clip", "hardswish": "HardSwish"}  # of ONNX


class Convolution(nn.Conv2d):
    """A convolution without bias, the normalisation after it, and an activation if given.

    x is padded with zeros so that its outputs are H / stride by W / stride, rounded up. For a side of 8, a kernel of 3
    and stride 2, the one zero needed comes at the end; with `symmetric`, as in PyTorch's own models, each end gets one.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        activation: Activation | None = None,
        symmetric: bool = False,
    ) -> None:
        super().__init__(before, after, kernel, stride, groups=groups, bias=False)
        self.activation, self.symmetric = activation, symmetric
        if activation == "relu6":
            self.register_buffer("lowest", torch.zeros(()), persistent=False)
            self.register_buffer("highest", torch.full((), 6.0), persistent=False)
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
        if (top, left) != (bottom, right):
            x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
        if self.groups > 1:
            x = convolve_depthwise(x, kernel, bias, (self.stride[0], self.stride[1]), (top, left))
        else:
            x = F.conv2d(x, kernel, bias, self.stride, (top, left))
        return x if self.activation is None else ACTIVATIONS[self.activation](x, inplace=True)

    def _padding(self, side: int) -> tuple[int, int]:
        """Zeros before and after; without `symmetric`, one more after if their number is odd."""
        if self.symmetric:
            return self.kernel_size[0] // 2, self.kernel_size[0] // 2
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
        if self.activation is None:
            return x
        # Buffers, as operators that make them would be traced.
        limits = (self.lowest, self.highest) if self.activation == "relu6" else ()
        return torch.onnx.ops.symbolic(OPERATORS[self.activation], (x, *limits), dtype=x.dtype, shape=shape)
