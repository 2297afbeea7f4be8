"""The training loop: from a dataset to trained weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.errors import TrainingError
from seehear.events import Advanced, Finished, Listener, Notice, Started
from seehear.learn.data.batching import make_batches
from seehear.learn.data.cache import Batch, Example, move
from seehear.learn.data.concatenation import concatenate
from seehear.learn.data.time_stretch import sample_time_stretch
from seehear.learn.loop import checkpoint
from seehear.learn.loop.checkpoint import TrainingProgress
from seehear.learn.loop.execution import Autotuner, Execution, candidate_executions, use_execution
from seehear.learn.loop.finite import Statistics, are_finite, describe_non_finite, get_trained_tensors, poison_memory
from seehear.learn.loop.memory import keep_freed_memory
from seehear.learn.loop.optimizers import make_optimizers, scale_rate
from seehear.learn.loop.validation import Validation
from seehear.learn.model.network import Network, Tensors
from seehear.recipe import Training
from seehear.senses import SENSES

TASK = "training"
MAX_GRADIENT_NORM = 1.0
AVERAGED = 0.06  # share of the steps so far over which weights are averaged
MIXUP = 0.5  # probability of mixup for a batch, at full augmentation
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
    of steps gives the same weights again on the same machine, interrupted or not. Raises TrainingError if losses
    are not finite.
    """
    run = Run.start(network, dataset, rows, clock, saved)
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
                checkpoint.save(saved, run.progress, network, run.average, run.optimizers)
                memory.trim()
                last_saved_s = now_s
            if now_s - last_reported_s > REPORT_EVERY_S:
                done = run.progress.step if clock.training.steps else run.progress.elapsed_s
                listen(Advanced(TASK, done, f"loss {run.progress.loss:.3f}"))
                last_reported_s = now_s
                if validation is not None:
                    validation.measure_in_time(run.average, TASK, done)
    if run.is_finite():
        checkpoint.save(saved, run.progress, network, run.average, run.optimizers)
    else:
        run.restore(saved)
    listen(Finished(TASK, f"{format_count(run.progress.step, 'step')} in {run.autotuner.current}"))
    return run.average.eval(), run.progress


class Run:
    """The state of a training: what changes from step to step."""

    def __init__(self, network: Network, dataset: TrainingExamples, rows: NDArray[np.int64], clock: Clock) -> None:
        self.network, self.dataset, self.rows, self.clock = network.train(), dataset, rows, clock
        self.training = clock.training
        self.device = next(network.parameters()).device
        self.average = deepcopy(network).to(self.device)  # .to packs recurrent weights together, as CUDA wants
        self.optimizers = make_optimizers(network.parameter_groups(), self.training)
        self.rates = [group["lr"] for optimizer in self.optimizers for group in optimizer.param_groups]
        self.progress = TrainingProgress(allowed_s=clock.seconds)
        self.autotuner = Autotuner(candidate_executions(self.training, self.device))
        self._checked: set[Execution] = set()
        senses = network.recipe.senses
        robust = self.training.robust
        self.augments: dict[str, Any] = {
            name: SENSES[name].build_augmentation(spec, robust=robust) for name, spec in senses.items()
        }
        supports_mixup = ANSWERS[network.recipe.kind].supports_mixup
        self.mixup = MIXUP * supports_mixup * min(float(spec.augmentation_strength) for spec in senses.values())  # type: ignore[attr-defined]
        self._average_and_current = get_trained_tensors(self.average), get_trained_tensors(network)
        self._statistics = Statistics(network)

    @classmethod
    def start(
        cls, network: Network, dataset: TrainingExamples, rows: NDArray[np.int64], clock: Clock, saved: Path
    ) -> Run:
        """A new run, or the one whose checkpoint exists."""
        if not saved.exists() and not network.initialised:
            _fit_statistics(network, dataset, rows, clock.training.seed)
        run = cls(network, dataset, rows, clock)
        if saved.exists():
            run.progress = checkpoint.restore(saved, network, run.average, run.optimizers)
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
            yield from make_batches(self.rows, self.dataset.lengths, self.training.batch, (self.training.seed, epoch))

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        random = np.random.default_rng((self.training.seed, self.progress.step))
        return self.dataset.collate(concatenate(self.dataset.examples(rows), self.network.recipe, random))

    def step(self, batch: Batch) -> None:
        """One update of the weights, skipped if the loss or its gradient is not finite."""
        torch.manual_seed(self.training.seed * 1_000_003 + self.progress.step)
        self._set_rates()
        self._statistics.save()
        start_s, execution = time.perf_counter(), self.autotuner.current
        with use_execution(execution, self.device):
            loss = self._loss(batch)
            self._clear_gradients()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
            value = float(loss.detach())
            if bool(norm.isfinite()) and np.isfinite(value):
                self._update(execution)
                self.progress.skipped_in_a_row = 0
            else:
                self._skip()
        self.progress.step += 1
        self.progress.precision = execution.precision
        self.autotuner.record(time.perf_counter() - start_s, sum(array.numel() for array in batch.inputs.values()))
        if np.isfinite(value):
            started = np.isfinite(self.progress.loss)
            self.progress.loss = 0.95 * self.progress.loss + 0.05 * value if started else value

    def _clear_gradients(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _update(self, execution: Execution) -> None:
        muon, _ = self.optimizers
        muon.dtype = torch.bfloat16 if execution.precision == "bfloat16" else torch.float32
        for optimizer in self.optimizers:
            optimizer.step()
        self._average()

    def _skip(self) -> None:
        """Restore the batch statistics, which the forward pass has changed."""
        self._statistics.restore()
        self.progress.skipped += 1
        self.progress.skipped_in_a_row += 1

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
            found = describe_non_finite(self.network, lambda: self._loss(batch))
        if found:
            self._switch_to_float32(f"this processor's bfloat16 kernels give {found}", listen)

    def recover(self, batch: Batch, saved: Path, listen: Listener) -> None:
        """Continue in float32 from the last checkpoint. Raises TrainingError if float32 is what failed."""
        execution = self.autotuner.current
        with use_execution(execution, self.device):
            found = (
                describe_non_finite(self.network, lambda: self._loss(batch)) or "a loss or gradient that is not finite"
            )
        what = f"no finite gradient in {MAX_SKIPPED} steps in a row, up to step {self.progress.step:,}: {found}"
        if execution.precision == "float32":
            raise TrainingError(what, hint="train with a lower learning_rate in the recipe (see `seehear plan`)")
        self.restore(saved)
        self._switch_to_float32(what, listen)

    def restore(self, saved: Path) -> None:
        """Return to the weights of the last checkpoint, which are finite. Time and steps stay spent."""
        if saved.exists():
            checkpoint.restore(saved, self.network, self.average, self.optimizers)

    def _switch_to_float32(self, why: str, listen: Listener) -> None:
        self.autotuner.drop_bfloat16()
        self.progress.bfloat16_failed, self.progress.skipped_in_a_row = True, 0
        listen(Notice(f"{why}; continuing in float32"))

    def _loss(self, batch: Batch) -> Tensor:
        """Mean loss over the batch and over the sets of senses: modality dropout, with all cases in every step."""
        inputs: Tensors = {}
        target, present = move(batch.target, self.device), batch.present.to(self.device)
        partner = torch.randperm(len(present)) if torch.rand(()) < self.mixup else None
        share = torch.rand(()) if partner is not None else torch.ones(())
        stretch = sample_time_stretch(len(present), self.network.recipe.senses, self.device)
        for name, augment in self.augments.items():
            own, warps = augment(move(self.network.select_inputs(name, batch.inputs), self.device), stretch)
            if warps is not None:
                target = self.network.warp_target(target, warps)
            if partner is not None:
                own, share = augment.mix(own, partner.to(self.device), share)
            inputs |= own
        cells = self.network.encode(inputs)
        losses = []
        for subset in self.network.sense_subsets(len(present)):
            here = subset.to(self.device) & present
            raw = self.network.apply_head(cells, here)
            loss = self.network.loss(raw, target)
            if partner is not None:
                other = {key: value[partner.to(value.device)] for key, value in target.items()}
                loss = share * loss + (1 - share) * self.network.loss(raw, other)
            counts = here.any(1)
            losses.append((loss * counts).sum() / counts.sum().clamp_min(1))
        return torch.stack(losses).mean()

    def _set_rates(self) -> None:
        done = self.clock.fraction_done(self.progress)
        groups = (group for optimizer in self.optimizers for group in optimizer.param_groups)
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate * scale_rate(done, group["warm_up"])

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
