"""Values that are not finite: found, named, and kept out of the weights.

Some of oneDNN's bfloat16 kernels multiply scratch memory that was never written by zero. That is harmless unless the
memory happens to hold NaN or infinity, which is likely when the process keeps freed memory (`learn/loop/memory.py`).
The loss then becomes NaN at some step, on some processors, for some shapes. Two measures: before a long training the
network runs once on memory filled with NaN, and a step whose loss or gradient is not finite changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seehear.learn.loop.memory import keep_freed_memory

LARGEST = 1 << 20  # float32 values in a block of poison, or 3 or 5 times as many: up to 20 MB


class Statistics:
    """The batch statistics of a network, saved so that a skipped step can be undone."""

    def __init__(self, network: nn.Module) -> None:
        self._own = _batch_statistics(network)
        self.save()

    def save(self) -> None:
        self._saved = [buffer.clone() for buffer in self._own]

    def restore(self) -> None:
        for own, saved in zip(self._own, self._saved, strict=True):
            own.copy_(saved)


def get_trained_tensors(network: nn.Module) -> list[Tensor]:
    """Trainable weights and batch statistics, without the counts of batches."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    return weights + [buffer for buffer in _batch_statistics(network) if buffer.is_floating_point()]


def _batch_statistics(network: nn.Module) -> list[Tensor]:
    layers = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    return [buffer for layer in layers for buffer in layer.buffers()]


def are_finite(tensors: Iterable[Tensor]) -> bool:
    return bool(torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors])).isfinite().all())


def describe_non_finite(network: nn.Module, loss: Callable[[], Tensor]) -> str:
    """Compute and differentiate the loss -> the first thing that is not finite, in words; "" if everything is.

    Clears gradients. Restores batch statistics.
    """
    found: list[str] = []
    hooks = [
        module.register_forward_hook(_recorder(name, found))
        for name, module in network.named_modules()
        if not any(True for _ in module.children())
    ]
    statistics = Statistics(network)
    try:
        value = loss()
        if found:
            return f"values that are not finite in {found[0]}"
        if not bool(value.isfinite()):
            return f"a loss of {float(value.detach())}"
        value.backward()  # type: ignore[no-untyped-call]
        weights = [(name, weight.grad) for name, weight in network.named_parameters() if weight.grad is not None]
        name = next((name for name, gradient in weights if not bool(gradient.isfinite().all())), "")
        return name and f"a gradient that is not finite in {name}"
    finally:
        for hook in hooks:
            hook.remove()
        network.zero_grad(set_to_none=True)
        statistics.restore()


def _recorder(name: str, found: list[str]) -> Callable[[nn.Module, Any, Any], None]:
    def record(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and not bool(output.isfinite().all()):
            found.append(name)

    return record


def poison(largest: int = LARGEST) -> None:
    """Fill free memory with NaN, so that reads of unwritten memory show. For use inside `keep_freed_memory`."""
    powers = range(6, largest.bit_length())
    blocks = [torch.full((factor << power,), float("nan")) for factor in (1, 3, 5) for power in powers]
    del blocks


@contextmanager
def poison_memory(network: nn.Module, largest: int = LARGEST) -> Iterator[None]:
    """Poison free memory before every layer with weights, in the forward and the backward pass."""

    def before_backward(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(lambda _gradient: poison(largest))  # type: ignore[no-untyped-call]

    layers = [module for module in network.modules() if _has_matrix(module)]
    hooks = [layer.register_forward_pre_hook(lambda *_: poison(largest)) for layer in layers]
    hooks += [layer.register_forward_hook(before_backward) for layer in layers]
    with keep_freed_memory():
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def _has_matrix(module: nn.Module) -> bool:
    tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    return any(tensor.ndim > 1 for tensor in tensors) and not any(True for _ in module.children())
