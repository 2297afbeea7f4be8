"""The training loop: from a dataset to trained weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.errors import TrainingError
from seehear.events import Advanced, Finished, Listener, Notice, Started
from seehear.learn.data.batching import make_batches
from seehear.learn.data.cache import Batch, Example, move
from seehear.learn.data.concatenation import concatenate
from seehear.learn.loop import checkpoint
from seehear.learn.loop.checkpoint import TrainingProgress
from seehear.learn.loop.execution import Autotuner, Execution, candidate_executions, use_execution
from seehear.learn.loop.finite import are_finite, describe_non_finite, get_trained_tensors, poison_memory
from seehear.learn.loop.memory import keep_freed_memory
from seehear.learn.loop.step import Step, Trainer
from seehear.learn.loop.team import Team
from seehear.learn.loop.validation import Validation
from seehear.learn.model.network import Network
from seehear.recipe import Training

TASK = "training"
AVERAGED = 0.06  # share of the steps so far over which weights are averaged
STATISTICS_EXAMPLES = 1024  # to which the input statistics of encoders are fitted
SAVE_EVERY_S = 20.0
REPORT_EVERY_S = 0.5
MAX_SKIPPED = 3  # steps in a row without a finite gradient, before the loop changes something


@dataclass(frozen=True)
class Clock:
    """The budget of a run: the steps of the recipe if it gives them, otherwise this many seconds.

    until   the fraction of the budget after which the run pauses: a run that resumes from its checkpoint continues,
            on the same schedule of the learning rate
    """

    training: Training
    seconds: float
    until: float = 1.0

    def share(self, fraction: float) -> Clock:
        """A clock with this fraction of the budget."""
        steps = self.training.steps
        training = self.training.model_copy(update={"steps": steps and round(fraction * steps)})
        return replace(self, training=training, seconds=fraction * self.seconds)

    def fraction_done(self, progress: TrainingProgress) -> float:
        steps = self.training.steps
        done, total = (progress.elapsed_s, self.seconds) if steps is None else (progress.step, steps)
        return done / total if total > 0 else 1.0


class TrainingExamples(Protocol):
    """What training needs of a dataset, such as DatasetCache."""

    lengths: NDArray[np.int64]

    def has_sense(self, sense: str) -> NDArray[np.bool_]: ...
    def examples(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Example]: ...
    def collate(self, examples: Sequence[Example]) -> Batch: ...
    def batch_limit(self, most: int) -> int: ...


def fit(
    network: Network,
    dataset: TrainingExamples,
    rows: NDArray[np.int64],
    clock: Clock,
    *,
    validation: Validation | None = None,
    saved: Path,
    listen: Listener,
) -> tuple[Network, TrainingProgress]:
    """Train on these rows of the dataset -> the network with averaged weights, and its progress.

    The time that the validation takes counts as training time.

    Resumes from the checkpoint `saved` if it exists. Each step is seeded by its number, so a run with a given number
    of steps gives the same weights again on the same machine, interrupted or not. If this process leads others, they
    share each step. Raises TrainingError if losses are not finite.
    """
    run = Run.start(network, dataset, rows, clock, saved)
    run.team.share_steps()
    total, unit = (clock.training.steps, "steps") if clock.training.steps else (run.clock.seconds, "s")
    listen(Started(TASK, clock.until * total, unit))
    last_saved_s, last_reported_s = -SAVE_EVERY_S, time.monotonic()
    with keep_freed_memory() as memory:
        for batch in run.batches():
            run.step(batch)
            run.check_kernels(batch, listen)
            if run.progress.skipped_in_a_row >= MAX_SKIPPED:
                run.recover(batch, saved, listen)
            now_s = time.monotonic()
            if now_s - last_saved_s > SAVE_EVERY_S and run.is_finite():
                checkpoint.save(saved, run.progress, network, run.average, run.trainer.optimizers)
                memory.trim()
                last_saved_s = now_s
            if now_s - last_reported_s > REPORT_EVERY_S:
                done = run.progress.step if clock.training.steps else run.progress.elapsed_s
                listen(Advanced(TASK, done, f"loss {run.progress.loss:.3f}"))
                last_reported_s = now_s
                if validation is not None:
                    validation.measure_in_time(run.average, TASK, done)
    if run.is_finite():
        checkpoint.save(saved, run.progress, network, run.average, run.trainer.optimizers)
    else:
        run.restore(saved)
    listen(Finished(TASK, f"{format_count(run.progress.step, 'step')} in {run.autotuner.current}"))
    return run.average.eval(), run.progress


class Run:
    """The state of a training: what changes from step to step."""

    def __init__(self, network: Network, dataset: TrainingExamples, rows: NDArray[np.int64], clock: Clock) -> None:
        self.network, self.dataset, self.rows, self.clock = network, dataset, rows, clock
        self.training = clock.training
        self.trainer = Trainer(network, clock.training)
        self.team = Team(self.trainer)
        self.device = self.trainer.device
        self.average = deepcopy(network).to(self.device)  # .to packs recurrent weights together, as CUDA wants
        self.progress = TrainingProgress(allowed_s=clock.seconds)
        self.autotuner = Autotuner(candidate_executions(self.training, self.device))
        self._checked: set[Execution] = set()
        self._average_and_current = get_trained_tensors(self.average), get_trained_tensors(network)

    @classmethod
    def start(
        cls, network: Network, dataset: TrainingExamples, rows: NDArray[np.int64], clock: Clock, saved: Path
    ) -> Run:
        """A new run, or the one whose checkpoint exists."""
        if not saved.exists() and not network.initialised:
            _fit_statistics(network, dataset, rows, clock.training.seed)
        run = cls(network, dataset, rows, clock)
        if saved.exists():
            run.progress = checkpoint.restore(saved, network, run.average, run.trainer.optimizers)
            run.clock = replace(clock, seconds=run.progress.allowed_s)  # keeps the schedule of the learning rate
            if run.progress.bfloat16_failed:
                run.autotuner.drop_bfloat16()
        return run

    def batches(self) -> Iterator[Batch]:
        """Batches until the run ends or pauses. The time between two of them counts as training time."""
        last_s = time.monotonic()
        for rows in islice(self._epochs(), self.progress.step, None):
            if self.clock.fraction_done(self.progress) >= self.clock.until:
                return
            yield self._batch(rows)
            now_s = time.monotonic()
            self.progress.elapsed_s += now_s - last_s
            last_s = now_s

    def _epochs(self) -> Iterator[NDArray[np.int64]]:
        """The rows of every batch, epoch after epoch."""
        for epoch in count():
            size = self.team.batch_size(self.training.batch)
            yield from make_batches(self.rows, self.dataset.lengths, size, (self.training.seed, epoch))

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        random = np.random.default_rng((self.training.seed, self.progress.step))
        return self.dataset.collate(concatenate(self.dataset.examples(rows), self.network.recipe, random))

    def step(self, batch: Batch) -> None:
        """One update of the weights, skipped if the loss or its gradient is not finite."""
        start_s, progress, execution = time.perf_counter(), self.progress, self.autotuner.current
        seed = self.training.seed * 1_000_003 + progress.step
        value, finite = self.team.take(batch, Step(seed, self.clock.fraction_done(progress), execution))
        if finite:
            self._average()
            progress.skipped_in_a_row = 0
        else:
            progress.skipped += 1
            progress.skipped_in_a_row += 1
        progress.step += 1
        progress.precision = execution.precision
        self.autotuner.record(time.perf_counter() - start_s, sum(array.numel() for array in batch.inputs.values()))
        if np.isfinite(value):
            progress.loss = 0.95 * progress.loss + 0.05 * value if np.isfinite(progress.loss) else value

    def is_finite(self) -> bool:
        """Whether all weights and their averages are finite."""
        return are_finite([*self.network.parameters(), *self.average.parameters()])

    def check_kernels(self, batch: Batch, listen: Listener) -> None:
        """Once bfloat16 is chosen, run this batch on poisoned memory, and switch to float32 if that fails."""
        chosen = self.autotuner.chosen
        if chosen is None or chosen.precision == "float32" or chosen in self._checked or self.device.type != "cpu":
            return
        self._checked.add(chosen)
        with use_execution(chosen, self.device), poison_memory(self.network):
            found = describe_non_finite(self.network, lambda: self.trainer.loss(batch))
        if found:
            self._switch_to_float32(f"this processor's bfloat16 kernels give {found}", listen)

    def recover(self, batch: Batch, saved: Path, listen: Listener) -> None:
        """Continue in float32 from the last checkpoint. Raises TrainingError if float32 is what failed."""
        execution = self.autotuner.current
        with use_execution(execution, self.device):
            found = (
                describe_non_finite(self.network, lambda: self.trainer.loss(batch))
                or "a loss or gradient that is not finite"
            )
        what = f"no finite gradient in {MAX_SKIPPED} steps in a row, up to step {self.progress.step:,}: {found}"
        if execution.precision == "float32":
            raise TrainingError(what, hint="train with a lower learning_rate in the recipe (see `seehear plan`)")
        self.restore(saved)
        self._switch_to_float32(what, listen)

    def restore(self, saved: Path) -> None:
        """Return to the weights of the last checkpoint, which are finite. Time and steps stay spent."""
        if saved.exists():
            checkpoint.restore(saved, self.network, self.average, self.trainer.optimizers)
            self.team.renew()

    def _switch_to_float32(self, why: str, listen: Listener) -> None:
        self.autotuner.drop_bfloat16()
        self.progress.bfloat16_failed, self.progress.skipped_in_a_row = True, 0
        listen(Notice(f"{why}; continuing in float32"))

    @torch.no_grad()
    def _average(self) -> None:
        """Polynomial-decay averaging (Shamir & Zhang 2013): the window grows with the run, so it needs no tuning."""
        torch._foreach_lerp_(*self._average_and_current, 1 / (1 + AVERAGED * self.progress.step))


def _fit_statistics(network: Network, dataset: TrainingExamples, rows: NDArray[np.int64], seed: int) -> None:
    """Fit the input statistics of each encoder to random examples that have its sense."""
    device = next(network.parameters()).device
    random = np.random.default_rng(seed)
    for sense in network.encoders:
        chosen = random.permutation(rows[dataset.has_sense(sense)[rows]])[: dataset.batch_limit(STATISTICS_EXAMPLES)]
        inputs = network.select_inputs(sense, dataset.collate(dataset.examples(chosen)).inputs)
        network.fit_statistics(sense, move(inputs, device))
