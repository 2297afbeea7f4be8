"""The training speed of this machine, measured: processor flags say little about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from seehear.errors import UsageError
from seehear.recipe import Precision

DEPTH, CHANNELS, SIDE, EXAMPLES = 2, 64, 32, 16  # of the network used for measuring: 7 GFLOP a step
MEASURED_S = 0.4
PROBE = 8  # channels and examples of the convolution that shows whether bfloat16 is emulated
EMULATED = 3.0  # times the duration in float32; below it, bfloat16 may be faster in larger networks
PARALLEL = 0.9  # speed of each of several cores, relative to one core alone


def choose_device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:1. Raises UsageError for a device that this machine does not have."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"no device {name!r} on this machine", allowed="auto, cpu, cuda") from None
    return device


def usable_precisions(device: torch.device) -> list[Precision]:
    """The precisions worth timing: without hardware support bfloat16 is emulated, a hundred times slower.

    Several threads would hide that on a busy machine, where they wait longer for each other than they compute.
    """
    x = torch.randn(PROBE, PROBE, SIDE, SIDE, device=device)
    weight = torch.randn(PROBE, PROBE, 3, 3, device=device)
    in_float32_s, in_bfloat16_s = (
        min(
            measure_seconds(partial(nn.functional.conv2d, x.to(dtype), weight.to(dtype), padding=1), device)
            for _ in range(4)
        )
        for dtype in (torch.float32, torch.bfloat16)
    )
    return ["float32", "bfloat16"] if in_bfloat16_s < EMULATED * in_float32_s else ["float32"]


def measure_training_speed(device: torch.device) -> tuple[float, Precision]:
    """GFLOP/s of training a small convolutional network, and the precision that reached them.

    Not the speed of matrix products alone: bfloat16 can make those nine times as fast, but nothing in between. On a
    CPU it is derived from the CPU time of one thread, so that other programs change it little.
    """
    rates = {precision: _training_gigaflops(device, precision) for precision in usable_precisions(device)}
    fastest = max(rates, key=lambda precision: rates[precision])
    return rates[fastest], fastest


def _training_gigaflops(device: torch.device, precision: Precision) -> float:
    network = nn.Sequential(*(layer for _ in range(DEPTH) for layer in _layers())).to(device)
    x = torch.randn(EXAMPLES, CHANNELS, SIDE, SIDE, device=device).requires_grad_()
    gigaflop = 6 * DEPTH * 9 * CHANNELS**2 * x[:, 0].numel() / 1e9  # 2 a multiply-add, forward and twice backward

    def step() -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            loss = network(x.to(memory_format=torch.channels_last)).square().mean()
        return torch.autograd.grad(loss, [x, *network.parameters()])[0]

    end_s = time.perf_counter() + MEASURED_S
    taken_s: list[float] = []
    while time.perf_counter() < end_s or len(taken_s) < 2:
        taken_s.append(measure_seconds(step, device))
    return gigaflop / min(taken_s)


def measure_seconds(work: Callable[[], object], device: torch.device) -> float:
    """The duration of some work; on a CPU, an estimate of it without other programs running."""
    if device.type != "cpu":
        return _elapsed_s(work)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        start_s = time.process_time()
        work()
        alone_s = time.process_time() - start_s
    finally:
        torch.set_num_threads(threads)
    return alone_s / (PARALLEL * threads if threads > 1 else 1.0)


def _elapsed_s(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    result = work()
    if isinstance(result, Tensor):
        result.flatten()[0].item()  # waits for the device
    return time.perf_counter() - start_s


def _layers() -> tuple[nn.Module, ...]:
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS), nn.GELU()
