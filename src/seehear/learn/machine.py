"""What this machine can do, measured: the one place where training looks at hardware."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

import torch
from torch import nn

from seehear.errors import UsageError
from seehear.learn.plan import Machine
from seehear.recipe import Precision

DEPTH, CHANNELS, SIDE, EXAMPLES = 2, 64, 32, 16  # of the network by which it is measured: 7 GFLOP a step
MEASURED_S = 0.4


def choose_device(wish: str) -> torch.device:
    """auto, cpu, cuda or cuda:1. Raises UsageError for a device that is not there."""
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wish)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"no device {wish!r} on this machine", allowed="auto, cpu, cuda") from None
    return device


def choose_precision(device: torch.device) -> Precision:
    """bfloat16 where the processor multiplies it in hardware; elsewhere it is emulated, a hundred times slower."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return "bfloat16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "float32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """In which networks compute in that precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def machine_of(device: torch.device) -> Machine:
    precision = choose_precision(device)
    return Machine(learning_gigaflops(device, precision), precision)


def learning_gigaflops(device: torch.device, precision: Precision) -> float:
    """GFLOP/s at which a small convolutional network learns: its best step of a few.

    Not the rate of matrix products alone: where bfloat16 makes those nine times as fast, all that stands between them
    is as slow as ever.
    """
    network = nn.Sequential(*(layer for _ in range(DEPTH) for layer in _layers())).to(device)
    x = torch.randn(EXAMPLES, CHANNELS, SIDE, SIDE, device=device).requires_grad_()
    gigaflop = 6 * DEPTH * 9 * CHANNELS**2 * x[:, 0].numel() / 1e9  # 2 a multiply-add, forward and twice backward
    best_s, end = float("inf"), time.perf_counter() + MEASURED_S
    while time.perf_counter() < end or best_s == float("inf"):
        start = time.perf_counter()
        with autocast(device, precision):
            loss = network(x.to(memory_format=torch.channels_last)).square().mean()
        gradient, *_ = torch.autograd.grad(loss, [x, *network.parameters()])
        gradient[0, 0, 0, 0].item()  # which waits for the device
        best_s = min(best_s, time.perf_counter() - start)
    return gigaflop / best_s


def _layers() -> tuple[nn.Module, ...]:
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS), nn.GELU()
