"""What this machine can do, measured: the one place where training looks at hardware."""

from __future__ import annotations

import time

import torch

from seehear.errors import UsageError
from seehear.learn.plan import Machine
from seehear.recipe import Precision

SIDE = 1024
MEASURED_S = 0.15


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


def machine_of(device: torch.device) -> Machine:
    precision = choose_precision(device)
    return Machine(matrix_rate(device, precision), precision)


def matrix_rate(device: torch.device, precision: Precision) -> float:
    """GFLOP/s of square matrix products, the best of a few."""
    a = torch.ones(SIDE, SIDE, dtype=getattr(torch, precision), device=device)
    best_s, end = float("inf"), time.perf_counter() + MEASURED_S
    while time.perf_counter() < end or best_s == float("inf"):
        start = time.perf_counter()
        (a @ a)[0, 0].item()  # the item waits for the device
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * SIDE**3 / best_s / 1e9
