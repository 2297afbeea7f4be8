"""Shares the steps of a training among processes: each computes the gradient of a part of the batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch

from seehear.errors import SeehearError, TrainingError
from seehear.learn.data.cache import Batch
from seehear.learn.distributed import ALONE, LostWorkerError, Workers, current_workers
from seehear.learn.loop.step import Step, Trainer
from seehear.runtime.bundle import Bundle

FEWEST = 2  # examples of a process in a step, or none
FEWEST_OF_FULL = 16  # examples of a process in a full batch: fewer make poor batch statistics
ALIGN_EVERY = 200  # steps
SEED_BITS = 40  # of the seed of a step; those above are for the process


class Share(NamedTuple):
    """What a helper does in a step.

    batch   its examples
    share   the weight of its gradient; 0 if the batch is too small for all processes, and others have these examples
    align   whether to copy the leader's weights before
    """

    batch: Batch
    step: Step
    share: float
    align: bool


class NewTrainer(NamedTuple):
    """Announces a copy of the leader's trainer."""


class End(NamedTuple):
    """Announces the end of the training: a copy of the bundle follows if it succeeded."""

    succeeded: bool


class Team:
    """A trainer whose steps are shared with the helpers, if `share_steps` has found some."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._workers = ALONE
        self._steps = 0  # since the helpers got the trainer

    def share_steps(self) -> None:
        """From now on, share steps with the helpers of this process."""
        self._workers = current_workers()
        self.renew()

    def renew(self) -> None:
        """The trainer has changed between steps: the helpers get it again."""
        self._steps = 0

    def batch_size(self, planned: int) -> int:
        """The number of examples in a full batch: at least as many as all processes need."""
        size = self._workers.size
        return planned if size == 1 else max(planned, FEWEST_OF_FULL * size)

    def take(self, batch: Batch, step: Step) -> tuple[float, bool]:
        """As `Trainer.take`."""
        workers = self._workers
        if workers.size == 1:
            return self._trainer.take(batch, step)
        if self._steps == 0:
            workers.send([NewTrainer()] * (workers.size - 1))
            workers.copy(self._trainer, self._trainer.device)
        align = self._steps > 0 and self._steps % ALIGN_EVERY == 0
        self._steps += 1
        own, *others = split_batch(batch, step, workers.size, align)
        workers.send(others)
        return take_share(self._trainer, own, workers)


def split_batch(batch: Batch, step: Step, size: int, align: bool) -> list[Share]:
    """A share for each of `size` processes.

    Every n-th example is in the same share: neighbours have similar lengths.
    """
    examples = len(batch.present)
    used = min(size, max(1, examples // FEWEST))
    shares = []
    for rank in range(size):
        rows = torch.arange(rank % used, examples, used)
        own = step._replace(seed=step.seed + (rank << SEED_BITS))
        shares.append(Share(_select(batch, rows), own, len(rows) / examples if rank < used else 0.0, align))
    return shares


def take_share(trainer: Trainer, share: Share, workers: Workers) -> tuple[float, bool]:
    """One step in this process. All processes get the same gradient, so all update or skip."""
    if share.align:
        workers.align(list(trainer.network.parameters()))
    return trainer.take(share.batch, share.step, partial(workers.average, share=share.share))


def help_train(workers: Workers, device: torch.device) -> Bundle:
    """Take part in the trainings of the leader until it ends -> the bundle that it made.

    Raises TrainingError if it failed.
    """
    trainer: Trainer | None = None
    while not isinstance(message := workers.receive(), End):
        if isinstance(message, NewTrainer):
            trainer = workers.copy(None, device)
        elif trainer is not None:
            take_share(trainer, message, workers)
    if not message.succeeded:
        raise TrainingError("the training failed in the first process, which says why")
    bundle: Bundle = workers.copy(None, device)
    return bundle


@contextmanager
def leading(workers: Workers) -> Iterator[list[Bundle]]:
    """Tell the helpers when the block ends: it puts the bundle into the list.

    If it is interrupted, a helper may be waiting for something else; the end of this process ends them.
    """
    made: list[Bundle] = []
    try:
        yield made
    except LostWorkerError:
        raise
    except SeehearError:
        _end(workers, None)
        raise
    _end(workers, made[0])


def _end(workers: Workers, bundle: Bundle | None) -> None:
    if workers.size > 1:
        workers.send([End(bundle is not None)] * (workers.size - 1))
        if bundle is not None:
            workers.copy(bundle, torch.device("cpu"))


def _select(batch: Batch, rows: torch.Tensor) -> Batch:
    def chosen(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor[rows] for name, tensor in tensors.items()}

    return Batch(chosen(batch.inputs), batch.present[rows], chosen(batch.target))
