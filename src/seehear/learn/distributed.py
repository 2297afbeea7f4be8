"""The processes of a training that is shared by several, started by torchrun or by Ray.

The first process, the leader, does what a single one does. The others, its helpers, wait for messages from it and
compute gradients. So all decisions are made in one place, by one clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from seehear.errors import TrainingError
from seehear.learn.torchrun import Launch, read_launch

LONGEST_WAIT = timedelta(days=7)  # helpers wait while the leader reads the data, and calibrates


class LostWorkerError(TrainingError):
    """Another process of the training is gone."""


@dataclass(frozen=True)
class Workers:
    """The processes of a training, seen from one of them.

    rank      the number of this one; that of the leader is 0
    messages  the group of processes for what is not a tensor
    """

    rank: int = 0
    size: int = 1
    messages: dist.ProcessGroup | None = None

    @property
    def helps(self) -> bool:
        return self.rank > 0

    def send(self, messages: Sequence[Any]) -> None:
        """Send each helper its message; for the leader."""
        with _explain_lost_workers():
            dist.scatter_object_list([None], [None, *messages], src=0, group=self.messages)

    def receive(self) -> Any:
        """The next message of the leader; for helpers."""
        received = [None]
        with _explain_lost_workers():
            dist.scatter_object_list(received, None, src=0, group=self.messages)
        return received[0]

    def copy(self, value: Any, device: torch.device) -> Any:
        """The leader's value, with its tensors on the device of each process."""
        content = [_to_bytes(value) if self.rank == 0 else b""]
        with _explain_lost_workers():
            dist.broadcast_object_list(content, src=0, group=self.messages)
        return value if self.rank == 0 else _from_bytes(content[0], device)

    @torch.no_grad()
    def average(self, weights: Sequence[nn.Parameter], loss: float, share: float) -> float:
        """Average the gradients over all processes, in place -> the average loss.

        share   of the examples that are this process's own

        A weight keeps no gradient if none of the processes has one.
        """
        trained = [weight for weight in weights if weight.requires_grad]
        device = trained[0].device
        own = torch.tensor([weight.grad is not None for weight in trained], dtype=torch.float32, device=device)
        parts = [torch.zeros_like(weight) if weight.grad is None else share * weight.grad for weight in trained]
        flat = torch.cat([*(part.flatten().float() for part in parts), own, own.new_tensor([share * loss])])
        with _explain_lost_workers():
            dist.all_reduce(flat)
        gradients = torch.split(flat[: -len(trained) - 1], [weight.numel() for weight in trained])
        for weight, gradient, found in zip(trained, gradients, flat[-len(trained) - 1 : -1].tolist(), strict=True):
            weight.grad = torch.empty_like(weight).copy_(gradient.view(weight.shape)) if found else None
        return float(flat[-1])

    @torch.no_grad()
    def align(self, weights: Sequence[nn.Parameter]) -> None:
        """Copy the leader's weights to all processes: rounding differs between processors."""
        flat = torch.cat([weight.flatten() for weight in weights])
        with _explain_lost_workers():
            dist.broadcast(flat, src=0)
        for weight, value in zip(weights, torch.split(flat, [weight.numel() for weight in weights]), strict=True):
            weight.copy_(value.view(weight.shape))


ALONE = Workers()
_joined = ALONE


def current_workers() -> Workers:
    """The processes that this one has joined; it alone if it has joined none."""
    return _joined


@contextmanager
def join_workers() -> Iterator[Workers]:
    """Join the processes that torchrun or Ray started together with this one, if one of them did."""
    global _joined
    begun = dist.is_available() and dist.is_initialized()  # by Ray
    launch = read_launch()
    if _joined is not ALONE or not (begun or launch.size > 1):
        yield _joined
        return
    if not begun:
        _begin(launch)
    _joined = Workers(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo", timeout=LONGEST_WAIT))
    try:
        yield _joined
    finally:
        _joined = ALONE
        if not begun:
            dist.destroy_process_group()


def _begin(launch: Launch) -> None:
    """Find the other processes of torchrun. Each gets a GPU of its own if there are enough."""
    backend = "gloo"
    if torch.cuda.device_count() >= launch.local_size:
        torch.cuda.set_device(launch.local_rank)
        backend = "nccl"
    dist.init_process_group(backend, timeout=LONGEST_WAIT)


@contextmanager
def _explain_lost_workers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # gloo and nccl have no class of their own for it
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LostWorkerError(
            f"another process of this training is gone: {first}",
            hint="see what it printed; repeat the command with --resume to continue from the last checkpoint",
        ) from None


def _to_bytes(value: Any) -> bytes:
    file = BytesIO()
    torch.save(value, file)
    return file.getvalue()


def _from_bytes(content: bytes, device: torch.device) -> Any:
    return torch.load(BytesIO(content), map_location=device, weights_only=False)  # from the leader, which is trusted
