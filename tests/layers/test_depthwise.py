"""The gradients of depthwise convolutions, beside those of PyTorch in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from seehear.layers import depthwise
from seehear.layers.depthwise import convolve_depthwise

CHANNELS = 3


def differentiate(x: Tensor, kernel: Tensor, bias: Tensor, stride: int, padding: int) -> list[Tensor]:
    """The output in bfloat16, and the gradients of a weighted sum of it."""
    leaves = [each.clone().requires_grad_() for each in (x, kernel, bias)]
    x, kernel, bias = leaves
    with torch.autocast("cpu", torch.bfloat16):
        output = convolve_depthwise(x, kernel, bias, (stride, stride), (padding, padding))
    (output.double() * make_weights(output)).sum().backward()
    return [output.detach(), *(each.grad for each in leaves if each.grad is not None)]


def differentiate_exactly(x: Tensor, kernel: Tensor, bias: Tensor, stride: int, padding: int) -> list[Tensor]:
    """The same by PyTorch in float64, from values rounded to bfloat16."""
    leaves = [each.bfloat16().double().requires_grad_() for each in (x, kernel, bias)]
    x, kernel, bias = leaves
    output = F.conv2d(x, kernel, bias, stride, padding, groups=CHANNELS)
    (output * make_weights(output)).sum().backward()
    return [output.detach(), *(each.grad for each in leaves if each.grad is not None)]


def make_weights(output: Tensor) -> Tensor:
    """Exact in bfloat16."""
    return torch.arange(output.numel()).reshape(output.shape).double() % 7 - 3


@given(
    height=st.integers(5, 14),
    width=st.integers(5, 14),
    side=st.sampled_from([3, 5, 7]),
    stride=st.sampled_from([1, 2]),
    padding=st.integers(0, 3),
    batch=st.integers(1, 3),
    channels_last=st.booleans(),
)
@settings(max_examples=60)
def test_gradients(
    height: int, width: int, side: int, stride: int, padding: int, batch: int, channels_last: bool
) -> None:
    height, width = max(height, side), max(width, side)
    random = torch.Generator().manual_seed(height + 31 * width)
    x = torch.randn(batch, CHANNELS, height, width, generator=random)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    kernel, bias = torch.randn(CHANNELS, 1, side, side, generator=random), torch.randn(CHANNELS, generator=random)
    ours = differentiate(x, kernel, bias, stride, padding)
    exact = differentiate_exactly(x, kernel, bias, stride, padding)
    assert len(ours) == len(exact) == 4
    for own, other in zip(ours, exact, strict=True):
        assert own.shape == other.shape
        torch.testing.assert_close(own.double(), other, rtol=0.02, atol=0.02 * float(other.abs().max()))


@pytest.mark.parametrize(
    ("bfloat16", "learns", "side", "stride", "ours"),
    [
        (True, True, 5, 1, True),
        (True, True, 3, 2, True),
        (True, True, 3, 1, False),
        (False, True, 5, 2, False),
        (True, False, 5, 2, False),
    ],
)
def test_used_where_pytorch_is_slow(
    monkeypatch: pytest.MonkeyPatch, bfloat16: bool, learns: bool, side: int, stride: int, ours: bool
) -> None:
    used: list[Tensor] = []
    differentiate_kernel = depthwise._differentiate_kernel

    def record(*given: Any) -> Tensor:
        used.append(differentiate_kernel(*given))
        return used[-1]

    monkeypatch.setattr(depthwise, "_differentiate_kernel", record)
    kernel = torch.randn(CHANNELS, 1, side, side, requires_grad=learns)
    x = torch.randn(2, CHANNELS, 8, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        convolve_depthwise(x, kernel, torch.zeros(CHANNELS), (stride, stride), (side // 2, side // 2)).sum().backward()
    assert bool(used) == ours
    assert x.grad is not None
