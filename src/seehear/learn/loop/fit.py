"""From a recipe and a shelf of examples to trained weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seehear.amounts import counted
from seehear.answers import ANSWERS
from seehear.errors import TrainingError
from seehear.events import Advanced, Finished, Listener, Said, Started
from seehear.learn.data.batching import batches_of
from seehear.learn.data.cache import Batch, DatasetCache
from seehear.learn.data.concatenation import concatenate
from seehear.learn.data.time_stretch import sample_time_stretch
from seehear.learn.loop import checkpoint
from seehear.learn.loop.checkpoint import Progress
from seehear.learn.loop.execution import Autotuner, Execution, computing, executions
from seehear.learn.loop.finite import Statistics, all_finite, find_non_finite, learned_tensors, poisoned
from seehear.learn.loop.memory import memory_kept
from seehear.learn.loop.optimizers import optimizers
from seehear.learn.model.network import Network, Tensors
from seehear.recipe import Training
from seehear.senses import SENSES

TASK = "training"
WARM_UP = 0.05  # share of the run in which the learning rate rises
LONGEST_GRADIENT = 1.0
AVERAGED = 0.06  # share of the steps so far over which weights are averaged
MIXED = 0.5  # share of the batches that are mixed with themselves, at full augmentation
BEGIN_EXAMPLES = 1024
SAVE_EVERY_S = 20.0
TELL_EVERY_S = 0.5
SKIPPED_IN_A_ROW = 3  # steps without a finite gradient, after which more of them would change nothing


@dataclass(frozen=True)
class Clock:
    """How far a run is, 0 to 1: by its steps if they are given, otherwise by the time it may take."""

    training: Training
    seconds: float

    def done(self, progress: Progress) -> float:
        if self.training.steps is not None:
            return progress.step / self.training.steps
        return progress.elapsed_s / self.seconds


def fit(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], clock: Clock, *, saved: Path, listen: Listener
) -> tuple[Network, Progress]:
    """Train on these rows of the shelf -> the network with averaged weights, and how far it came.

    Goes on from `saved` where it exists. Every step is seeded by its number, so a run told its steps gives the same
    weights again on the same machine, whether it was interrupted or not.
    """
    run = Run.start(network, dataset, rows, clock, saved)
    total, unit = (clock.training.steps, "steps") if clock.training.steps else (run.clock.seconds, "s")
    listen(Started(TASK, total, unit))
    last_saved_s, last_told_s = -SAVE_EVERY_S, time.monotonic()
    with memory_kept() as kept:
        for batch in run.batches():
            run.step(batch)
            run.check_kernels(batch, listen)
            if run.progress.skipped_in_a_row >= SKIPPED_IN_A_ROW:
                run.recover(batch, saved, listen)
            now_s = time.monotonic()
            if now_s - last_saved_s > SAVE_EVERY_S and run.finite():
                checkpoint.save(saved, run.progress, network, run.average, run.optimizers)
                kept.bound()
                last_saved_s = now_s
            if now_s - last_told_s > TELL_EVERY_S:
                done = run.progress.step if clock.training.steps else run.progress.elapsed_s
                listen(Advanced(TASK, done, f"loss {run.progress.loss:.3f}"))
                last_told_s = now_s
    if run.finite():
        checkpoint.save(saved, run.progress, network, run.average, run.optimizers)
    else:
        run.restore(saved)
    listen(Finished(TASK, f"{counted(run.progress.step, 'step')} in {run.autotuner.current}"))
    return run.average.eval(), run.progress


class Run:
    """A training in progress: what changes from step to step."""

    def __init__(self, network: Network, dataset: DatasetCache, rows: NDArray[np.int64], clock: Clock) -> None:
        self.network, self.dataset, self.rows, self.clock = network.train(), dataset, rows, clock
        self.training = clock.training
        self.device = next(network.parameters()).device
        self.average = deepcopy(network).to(self.device)  # which packs recurrent weights together, as CUDA wants them
        self.optimizers = optimizers(network, self.training)
        self.rates = [group["lr"] for optimizer in self.optimizers for group in optimizer.param_groups]
        self.progress = Progress(allowed_s=clock.seconds)
        self.autotuner = Autotuner(executions(self.training, self.device))
        self._checked: set[Execution] = set()
        senses = network.recipe.senses
        self.augments: dict[str, Any] = {name: SENSES[name].build_augmentation(spec) for name, spec in senses.items()}
        supports_mixup = ANSWERS[network.recipe.kind].supports_mixup
        self.mixed = MIXED * supports_mixup * min(float(spec.augmentation_strength) for spec in senses.values())  # type: ignore[attr-defined]
        self._averaged = learned_tensors(self.average), learned_tensors(network)
        self._statistics = Statistics(network)

    @classmethod
    def start(cls, network: Network, dataset: DatasetCache, rows: NDArray[np.int64], clock: Clock, saved: Path) -> Run:
        device = next(network.parameters()).device
        if not saved.exists():
            random = np.random.default_rng(clock.training.seed)
            for sense in network.encoders:
                own = random.permutation(rows[dataset.has_sense(sense)[rows]])
                network.begin(sense, _to(device, dataset.inputs(sense, own[: dataset.batch_limit(BEGIN_EXAMPLES)])))
        run = cls(network, dataset, rows, clock)
        if saved.exists():
            run.progress = checkpoint.restore(saved, network, run.average, run.optimizers)
            run.clock = replace(clock, seconds=run.progress.allowed_s)  # the learning rate goes on where it was
            if run.progress.bfloat16_failed:
                run.autotuner.leave_bfloat16()
        return run

    def batches(self) -> Iterator[Batch]:
        """Batches until the clock says that it is over; the time since the last one counts."""
        last_s = time.monotonic()
        for rows in islice(self._orders(), self.progress.step, None):
            if self.clock.done(self.progress) >= 1:
                return
            yield self._batch(rows)
            now_s = time.monotonic()
            self.progress.elapsed_s += now_s - last_s
            last_s = now_s

    def _orders(self) -> Iterator[NDArray[np.int64]]:
        """The rows of every batch, pass after pass."""
        for number in count():
            yield from batches_of(self.rows, self.dataset.lengths, self.training.batch, (self.training.seed, number))

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        random = np.random.default_rng((self.training.seed, self.progress.step))
        return self.dataset.collate(concatenate(self.dataset.examples(rows), self.network.recipe, random))

    def step(self, batch: Batch) -> None:
        """One update of the weights; none where the loss or its gradient is not finite."""
        torch.manual_seed(self.training.seed * 1_000_003 + self.progress.step)
        self._set_rates()
        self._statistics.save()
        start_s, execution = time.perf_counter(), self.autotuner.current
        with computing(execution, self.device):
            loss = self._loss(batch)
            self._clear_gradients()
            loss.backward()  # type: ignore[no-untyped-call]
            longest = nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
            value = float(loss.detach())
            if bool(longest.isfinite()) and np.isfinite(value):
                self._update(execution)
                self.progress.skipped_in_a_row = 0
            else:
                self._skip()
        self.progress.step += 1
        self.progress.precision = execution.precision
        self.autotuner.took(time.perf_counter() - start_s, sum(array.numel() for array in batch.inputs.values()))
        if np.isfinite(value):
            known = np.isfinite(self.progress.loss)
            self.progress.loss = 0.95 * self.progress.loss + 0.05 * value if known else value

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
        """Leave everything as it was before the step."""
        self._statistics.restore()
        self.progress.skipped += 1
        self.progress.skipped_in_a_row += 1

    def finite(self) -> bool:
        """Whether every weight, and every average of one, is a number."""
        return all_finite([*self.network.parameters(), *self.average.parameters()])

    def check_kernels(self, batch: Batch, listen: Listener) -> None:
        """Try this batch with poisoned memory once bfloat16 was chosen; compute in float32 where that fails."""
        chosen = self.autotuner.chosen
        if chosen is None or chosen.precision == "float32" or chosen in self._checked or self.device.type != "cpu":
            return
        self._checked.add(chosen)
        with computing(chosen, self.device), poisoned(self.network):
            found = find_non_finite(self.network, lambda: self._loss(batch))
        if found:
            self._leave_bfloat16(f"this processor's bfloat16 kernels give {found}", listen)

    def recover(self, batch: Batch, saved: Path, listen: Listener) -> None:
        """Go on in float32 from the last good state. Raises TrainingError where float32 is what failed."""
        execution = self.autotuner.current
        with computing(execution, self.device):
            found = find_non_finite(self.network, lambda: self._loss(batch)) or "a loss or gradient that is not finite"
        what = f"{SKIPPED_IN_A_ROW} steps in a row, up to step {self.progress.step:,}, gave no finite gradient: {found}"
        if execution.precision == "float32":
            raise TrainingError(what, hint="train with a lower learning_rate in the recipe (see `seehear plan`)")
        self.restore(saved)
        self._leave_bfloat16(what, listen)

    def restore(self, saved: Path) -> None:
        """Go back to the weights of the last checkpoint, which are finite; the time and the steps stay spent."""
        if saved.exists():
            checkpoint.restore(saved, self.network, self.average, self.optimizers)

    def _leave_bfloat16(self, why: str, listen: Listener) -> None:
        self.autotuner.leave_bfloat16()
        self.progress.bfloat16_failed, self.progress.skipped_in_a_row = True, 0
        listen(Said(f"{why}; going on in float32"))

    def _loss(self, batch: Batch) -> Tensor:
        """Mean loss over the batch and over every set of senses one may have: sense dropout, all cases at once."""
        inputs: Tensors = {}
        target, present = _to(self.device, batch.target), batch.present.to(self.device)
        partner = torch.randperm(len(present)) if torch.rand(()) < self.mixed else None
        share = torch.rand(()) if partner is not None else torch.ones(())
        stretch = sample_time_stretch(len(present), self.network.recipe.senses, self.device)
        for name, augment in self.augments.items():
            own, warps = augment(_to(self.device, self.network.own(name, batch.inputs)), stretch)
            if warps is not None:
                target = self.network.moved(target, warps)
            if partner is not None:
                own, share = augment.mix(own, partner.to(self.device), share)
            inputs |= own
        cells = self.network.encode(inputs)
        losses = []
        for way in self.network.ways(len(present)):
            here = way.to(self.device) & present
            raw = self.network.answer(cells, here)
            loss = self.network.loss(raw, target)
            if partner is not None:
                other = {key: value[partner.to(value.device)] for key, value in target.items()}
                loss = share * loss + (1 - share) * self.network.loss(raw, other)
            some = here.any(1)
            losses.append((loss * some).sum() / some.sum().clamp_min(1))
        return torch.stack(losses).mean()

    def _set_rates(self) -> None:
        """A linear rise over WARM_UP, then a linear fall to nothing at the end of the run."""
        done = self.clock.done(self.progress)
        scale = min((done + 1e-3) / WARM_UP, (1 - done) / (1 - WARM_UP))
        groups = (group for optimizer in self.optimizers for group in optimizer.param_groups)
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate * max(0.0, scale)

    @torch.no_grad()
    def _average(self) -> None:
        """Polynomial-decay averaging (Shamir & Zhang 2013): the window grows with the run, so no constant to tune."""
        torch._foreach_lerp_(*self._averaged, 1 / (1 + AVERAGED * self.progress.step))


def _to(device: torch.device, tensors: Tensors) -> Tensors:
    return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
