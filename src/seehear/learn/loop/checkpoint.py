"""Checkpoints: a run killed at any moment resumes from one and reaches the same weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seehear.errors import TrainingError
from seehear.files import write_atomically
from seehear.learn.run_directory import START_ANEW

OPTIMIZER = "optimizer."  # begins the names of an optimiser's tensors


@dataclass
class TrainingProgress:
    """The progress of a run. `loss` is a running mean, for display."""

    step: int = 0
    elapsed_s: float = 0.0
    allowed_s: float = 0.0  # for the whole fit
    loss: float = float("nan")
    precision: str = "float32"  # of the last step
    skipped: int = 0  # steps without a finite gradient
    skipped_in_a_row: int = 0
    bfloat16_failed: bool = False


def number_checkpoint(first: Path, number: int) -> Path:
    """The checkpoint of one of several networks, beside that of the first, whose number is 0."""
    return first.with_stem(f"{first.stem}-{number}") if number else first


def save(
    path: Path, progress: TrainingProgress, network: nn.Module, average: nn.Module, optimizers: Sequence[Optimizer]
) -> None:
    """Write a checkpoint atomically, without pickle."""
    tensors = _named(network, average, optimizers)
    content = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, {"progress": json.dumps(asdict(progress))}
    )
    write_atomically(path, content)


def restore(path: Path, network: nn.Module, average: nn.Module, optimizers: Sequence[Optimizer]) -> TrainingProgress:
    """Load a checkpoint. Raises TrainingError if the file is damaged or belongs to another network."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            progress = TrainingProgress(**json.loads(file.metadata()["progress"]))
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"the checkpoint cannot be read: {error}", where=str(path), hint=START_ANEW) from None
    started = any(name.startswith(OPTIMIZER) for name in found)  # not if it was saved before the first step
    for optimizer in optimizers:
        if started:
            _create_state(optimizer)
        else:
            optimizer.state.clear()
    tensors = _named(network, average, optimizers)
    if _shapes(tensors) != _shapes(found):
        raise TrainingError("the checkpoint belongs to another network", where=str(path), hint=START_ANEW)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(found[name])
    return progress


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _named(network: nn.Module, average: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """All tensors of a run by name, not copied: writing to them restores the run."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for i, optimizer in enumerate(optimizers):
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for j, weight in enumerate(weights):
            tensors |= {f"{OPTIMIZER}{i}.{j}.{key}": value for key, value in optimizer.state[weight].items()}
    return tensors


def _create_state(optimizer: Optimizer) -> None:
    """Take a step that changes no weight: optimisers create their state in their first step."""
    rates = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = group["weight_decay"] = 0.0
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    optimizer.step()
    optimizer.zero_grad()
    for group, (lr, weight_decay) in zip(optimizer.param_groups, rates, strict=True):
        group["lr"], group["weight_decay"] = lr, weight_decay
