"""Depthwise convolutions, with fast gradients in bfloat16.

In bfloat16, oneDNN is slow at the gradient of a kernel larger than 3 x 3, and at that of the input if there is a
stride: 10 to 100 times as slow as here. See docs/decisions/094-depthwise-gradients.md.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

FAST = 3  # side of the largest kernels at whose gradient oneDNN is fast

Pair = tuple[int, int]


def convolve_depthwise(x: Tensor, kernel: Tensor, bias: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """x (B, D, H, W), kernel (D, 1, K, K), K odd, bias (D,) -> (B, D, H', W'), each channel with its own kernel."""
    if _is_slow(x, kernel, stride):
        output: Tensor = _FastGradient.apply(x.bfloat16(), kernel.bfloat16(), bias.bfloat16(), stride, padding)  # type: ignore[no-untyped-call]
        return output
    return F.conv2d(x, kernel, bias, stride, padding, groups=len(kernel))


def _is_slow(x: Tensor, kernel: Tensor, stride: Pair) -> bool:
    """Whether gradients will be needed that oneDNN is slow at."""
    bfloat16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    learns = torch.is_grad_enabled() and kernel.requires_grad
    large = kernel.shape[2] > FAST or stride != (1, 1)
    return large and bfloat16 and learns and x.device.type == "cpu"


class _FastGradient(torch.autograd.Function):
    """A depthwise convolution, whose gradients are computed by operations for which oneDNN is fast."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, kernel, bias, stride, padding, groups=len(kernel))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        x, kernel = ctx.saved_tensors
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = _differentiate_input(gradient, x.shape, kernel, ctx.stride, ctx.padding)
        of_kernel = _differentiate_kernel(gradient, x, kernel, ctx.stride, ctx.padding)
        return of_x, of_kernel, gradient.sum((0, 2, 3)), None, None


def _differentiate_input(gradient: Tensor, shape: torch.Size, kernel: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of x with this shape, from that of the output: a convolution with the mirrored kernel."""
    side = kernel.shape[2]
    if stride != (1, 1):
        gradient = _spread(gradient, stride)
    before = side - 1 - padding[0], side - 1 - padding[1]
    window = _cut(gradient, before, (shape[2] + side - 1, shape[3] + side - 1))
    return F.conv2d(window, kernel.flip(2, 3), groups=len(kernel))


def _spread(x: Tensor, stride: Pair) -> Tensor:
    """x (B, D, H, W) with zeros between its rows and columns."""
    height, width = ((length - 1) * step + 1 for length, step in zip(x.shape[2:], stride, strict=True))
    spread = torch.zeros_like(x[:, :, :1, :1].expand(-1, -1, height, width), memory_format=torch.channels_last)
    spread[:, :, :: stride[0], :: stride[1]] = x
    return spread


def _differentiate_kernel(gradient: Tensor, x: Tensor, kernel: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of the kernel, from that of the output: those of 3 x 3 kernels that cover it.

    Four cover a kernel of 5 x 5. They overlap in its middle row and column, where they have the same values.
    """
    found = torch.empty_like(kernel)
    tile = kernel[:, :, :FAST, :FAST].contiguous()  # only its shape matters
    starts = range(0, kernel.shape[2] - FAST + 1, FAST - 1)
    height, width = ((gradient.shape[2 + axis] - 1) * stride[axis] + FAST for axis in (0, 1))
    for top in starts:
        for left in starts:  # what the elements of the kernel from here on are multiplied with
            seen = _cut(x, (padding[0] - top, padding[1] - left), (height, width))
            found[:, :, top : top + FAST, left : left + FAST] = torch.ops.aten.convolution_backward(
                gradient, seen, tile, None, stride, (0, 0), (1, 1), False, (0, 0), len(kernel), (False, True, False)
            )[1]
    return found


def _cut(x: Tensor, before: Pair, size: Pair) -> Tensor:
    """A window of this height and width that begins so many rows and columns before x, with zeros outside it."""
    (top, left), (height, width) = before, size
    return F.pad(x, [left, width - left - x.shape[3], top, height - top - x.shape[2]])
