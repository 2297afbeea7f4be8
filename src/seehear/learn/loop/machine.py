"""What this machine can do, measured: processor flags tell little of how fast a network learns."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from seehear.errors import UsageError
from seehear.recipe import Precision

DEPTH, CHANNELS, SIDE, EXAMPLES = 2, 64, 32, 16  # of the network by which it is measured: 7 GFLOP a step
MEASURED_S = 0.4
PROBED = 8  # channels and examples of the convolution that tells whether bfloat16 is emulated
BEARABLE = 3.0  # times as long as in float32, up to which bfloat16 may still be faster in larger networks
PARALLEL = 0.9  # of its rate alone, that each of several cores reaches


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


def tried_precisions(device: torch.device) -> list[Precision]:
    """Those worth timing in training: without hardware for it, bfloat16 is emulated, a hundred times slower."""
    x = torch.randn(PROBED, PROBED, SIDE, SIDE, device=device)
    weight = torch.randn(PROBED, PROBED, 3, 3, device=device)
    in_float32_s, in_bfloat16_s = (
        min(_elapsed_s(partial(nn.functional.conv2d, x.to(dtype), weight.to(dtype), padding=1)) for _ in range(4))
        for dtype in (torch.float32, torch.bfloat16)
    )
    return ["float32", "bfloat16"] if in_bfloat16_s < BEARABLE * in_float32_s else ["float32"]


def measure_learning(device: torch.device) -> tuple[float, Precision]:
    """GFLOP/s at which a small convolutional network learns, and the precision in which it does.

    Not the rate of matrix products: where bfloat16 makes those nine times as fast, everything between them is as slow
    as ever. On a processor it follows from the time that one thread computes, so that a busy neighbour changes little.
    """
    rates = {precision: _learning_gigaflops(device, precision) for precision in tried_precisions(device)}
    fastest = max(rates, key=lambda precision: rates[precision])
    return rates[fastest], fastest


def _learning_gigaflops(device: torch.device, precision: Precision) -> float:
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
        taken_s.append(seconds_of(step, device))
    return gigaflop / min(taken_s)


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """How long some work takes; on a processor, how long it would take if nothing else ran."""
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
        result.flatten()[0].item()  # which waits for the device
    return time.perf_counter() - start_s


def _layers() -> tuple[nn.Module, ...]:
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS), nn.GELU()
