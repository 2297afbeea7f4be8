"""The machine that a benchmark runs on: its name, its rate of matrix products, and standard minutes.

Why minutes are measured in matrix products: docs/decisions/003-standard-minutes.md.
"""

from __future__ import annotations

import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seehear.learn.loop.machine import usable_precisions
from seehear.runtime.onnx_session import threads

STANDARD_GIGAFLOPS = 400.0
CPU = "cpu"
SIDE = 2048
MEASURED_S = 3.0


@dataclass(frozen=True)
class Pace:
    """GFLOP/s of matrix products at one moment, in the faster precision."""

    gigaflops: float
    precision: str

    def minutes(self, standard_minutes: float) -> float:
        """Minutes on this machine that equal this many standard minutes."""
        return standard_minutes * STANDARD_GIGAFLOPS / self.gigaflops

    def __str__(self) -> str:
        return f"{self.gigaflops:.0f} GFLOP/s in {self.precision}"


def pace(measured_s: float = MEASURED_S, device: str = CPU) -> Pace:
    """In the faster precision; the median over some seconds, because the machine may be shared."""
    precisions = usable_precisions(torch.device(device))
    paces = [_pace(measured_s / len(precisions), device, precision) for precision in precisions]
    return max(paces, key=lambda each: each.gigaflops)


def _pace(measured_s: float, device: str, precision: str) -> Pace:
    a = torch.ones(SIDE, SIDE, dtype=getattr(torch, precision), device=device)
    (a @ a)[0, 0].item()
    taken_s: list[float] = []
    while sum(taken_s) < measured_s:
        start_s = time.perf_counter()
        (a @ a)[0, 0].item()  # which waits for the device
        taken_s.append(time.perf_counter() - start_s)
    return Pace(2 * SIDE**3 / statistics.median(taken_s) / 1e9, precision)


def describe(device: str = CPU) -> dict[str, Any]:
    accelerator = {} if device == CPU else {"accelerator": torch.cuda.get_device_name(device)}
    return {
        "processor": _processor(),
        "cores": threads(),
        "memory_gib": round(_meminfo_kib("MemTotal") / 2**20),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        **accelerator,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def _meminfo_kib(field: str) -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
