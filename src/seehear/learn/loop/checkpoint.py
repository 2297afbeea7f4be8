"""The state of a run on disk: enough to go on to the same weights after being killed at any moment."""

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
from seehear.files import write_whole
from seehear.learn.run_directory import ANEW


@dataclass
class Progress:
    """How far a run has come. `loss` is a running mean, for the person who watches."""

    step: int = 0
    elapsed_s: float = 0.0
    allowed_s: float = 0.0  # what the fit may take in all
    loss: float = float("nan")
    precision: str = "float32"  # of the last step
    skipped: int = 0  # steps without a finite gradient, which changed nothing
    skipped_in_a_row: int = 0
    bfloat16_failed: bool = False


def save(
    path: Path, progress: Progress, network: nn.Module, average: nn.Module, optimizers: Sequence[Optimizer]
) -> None:
    """Written whole or not at all; without pickle."""
    tensors = _named(network, average, optimizers)
    content = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, {"progress": json.dumps(asdict(progress))}
    )
    write_whole(path, content)


def restore(path: Path, network: nn.Module, average: nn.Module, optimizers: Sequence[Optimizer]) -> Progress:
    """Raises TrainingError where the file is damaged or belongs to another network."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            progress = Progress(**json.loads(file.metadata()["progress"]))
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"the run cannot be read: {error}", where=str(path), hint=ANEW) from None
    for optimizer in optimizers:
        _create_state(optimizer)
    tensors = _named(network, average, optimizers)
    if _forms(tensors) != _forms(found):
        raise TrainingError("the run was of another network", where=str(path), hint=ANEW)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(found[name])
    return progress


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _named(network: nn.Module, average: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """Every tensor of a run by name, in place: copying into them restores the run."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for i, optimizer in enumerate(optimizers):
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for j, weight in enumerate(weights):
            tensors |= {f"optimizer.{i}.{j}.{key}": value for key, value in optimizer.state[weight].items()}
    return tensors


def _create_state(optimizer: Optimizer) -> None:
    """An optimizer makes its state in its first step; take one that moves nothing."""
    rates = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = group["weight_decay"] = 0.0
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    optimizer.step()
    optimizer.zero_grad()
    for group, (lr, weight_decay) in zip(optimizer.param_groups, rates, strict=True):
        group["lr"], group["weight_decay"] = lr, weight_decay
