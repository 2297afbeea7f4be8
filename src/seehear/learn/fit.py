"""From a recipe and a shelf of examples to trained weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from seehear.amounts import counted
from seehear.answers import ANSWERS
from seehear.errors import TrainingError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.learn import checkpoint
from seehear.learn.checkpoint import Progress
from seehear.learn.joining import joined
from seehear.learn.machine import autocast
from seehear.learn.memory import memory_kept
from seehear.learn.muon import Muon
from seehear.learn.network import Network, Tensors
from seehear.learn.shelf import Batch, Shelf
from seehear.learn.tempo import drawn
from seehear.recipe import Training
from seehear.senses import SENSES

TASK = "training"
WARM_UP = 0.05  # share of the run in which the learning rate rises
MATRIX_RATE, CONVOLUTION_RATE = 10.0, 30.0  # Muon's learning rates for every unit of AdamW's
WEIGHT_DECAY = 0.02
LONGEST_GRADIENT = 1.0
AVERAGED = 0.06  # share of the steps so far over which weights are averaged
MIXED = 0.5  # share of the batches that are mixed with themselves, at full augmentation
BEGIN_EXAMPLES = 1024
SAVE_EVERY_S = 20.0
TELL_EVERY_S = 0.5
LIKE_LENGTHS = 8  # batches among which examples of like length are put together


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
    network: Network, shelf: Shelf, rows: NDArray[np.int64], clock: Clock, *, saved: Path, listen: Listener
) -> tuple[Network, Progress]:
    """Train on these rows of the shelf -> the network with averaged weights, and how far it came.

    Goes on from `saved` where it exists. Every step is seeded by its number, so a run told its steps gives the same
    weights again on the same machine, whether it was interrupted or not.
    """
    run = Run.start(network, shelf, rows, clock, saved)
    total, unit = (clock.training.steps, "steps") if clock.training.steps else (run.clock.seconds, "s")
    listen(Started(TASK, total, unit))
    last_saved_s = last_told_s = time.monotonic()
    with memory_kept() as kept:
        for batch in run.batches():
            run.step(batch)
            now_s = time.monotonic()
            if now_s - last_saved_s > SAVE_EVERY_S:
                checkpoint.save(saved, run.progress, network, run.average, run.optimizers)
                kept.bound()
                last_saved_s = now_s
            if now_s - last_told_s > TELL_EVERY_S:
                done = run.progress.step if clock.training.steps else run.progress.elapsed_s
                listen(Advanced(TASK, done, f"loss {run.progress.loss:.3f}"))
                last_told_s = now_s
    checkpoint.save(saved, run.progress, network, run.average, run.optimizers)
    listen(Finished(TASK, counted(run.progress.step, "step")))
    return run.average.eval(), run.progress


class Run:
    """A training in progress: what changes from step to step."""

    def __init__(self, network: Network, shelf: Shelf, rows: NDArray[np.int64], clock: Clock) -> None:
        self.network, self.shelf, self.rows, self.clock = network.train(), shelf, rows, clock
        self.training = clock.training
        self.device = next(network.parameters()).device
        self.average = deepcopy(network).to(self.device)  # which packs recurrent weights together, as CUDA wants them
        self.optimizers = optimizers(network, self.training)
        self.rates = [group["lr"] for optimizer in self.optimizers for group in optimizer.param_groups]
        self.progress = Progress(allowed_s=clock.seconds)
        senses = network.recipe.senses
        self.augments: dict[str, Any] = {name: SENSES[name].augment(spec) for name, spec in senses.items()}
        blends = ANSWERS[network.recipe.kind].blends
        self.mixed = MIXED * blends * min(float(spec.strength) for spec in senses.values())  # type: ignore[attr-defined]

    @classmethod
    def start(cls, network: Network, shelf: Shelf, rows: NDArray[np.int64], clock: Clock, saved: Path) -> Run:
        device = next(network.parameters()).device
        if not saved.exists():
            random = np.random.default_rng(clock.training.seed)
            for sense in network.encoders:
                own = random.permutation(rows[shelf.having(sense)[rows]])
                network.begin(sense, _to(device, shelf.inputs(sense, own[: shelf.together(BEGIN_EXAMPLES)])))
        run = cls(network, shelf, rows, clock)
        if saved.exists():
            run.progress = checkpoint.restore(saved, network, run.average, run.optimizers)
            run.clock = replace(clock, seconds=run.progress.allowed_s)  # the learning rate goes on where it was
        return run

    def batches(self) -> Iterator[Batch]:
        """Batches until the clock says that it is over; the time since the last one counts."""
        size = min(self.training.batch, len(self.rows))
        per_pass = len(self.rows) // size
        order: list[NDArray[np.int64]] = []
        last_s = time.monotonic()
        while self.clock.done(self.progress) < 1:
            position = self.progress.step % per_pass
            if not order or position == 0:
                number = self.progress.step // per_pass
                order = pass_order(self.rows, self.shelf.lengths, size, (self.training.seed, number))
            yield self._batch(order[position])
            now_s = time.monotonic()
            self.progress.elapsed_s += now_s - last_s
            last_s = now_s

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        random = np.random.default_rng((self.training.seed, self.progress.step))
        return self.shelf.collated(joined(self.shelf.examples(rows), self.network.recipe, random))

    def step(self, batch: Batch) -> None:
        """One update of the weights."""
        torch.manual_seed(self.training.seed * 1_000_003 + self.progress.step)
        self._set_rates()
        with autocast(self.device, self.training.precision):
            loss = self._loss(batch)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingError(f"the loss became {value} at step {self.progress.step:,}", hint="lower learning_rate")
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
        for optimizer in self.optimizers:
            optimizer.step()
        self._average()
        self.progress.step += 1
        known = np.isfinite(self.progress.loss)
        self.progress.loss = 0.95 * self.progress.loss + 0.05 * value if known else value

    def _loss(self, batch: Batch) -> Tensor:
        """Mean loss over the batch and over every set of senses one may have: sense dropout, all cases at once."""
        inputs: Tensors = {}
        target, present = _to(self.device, batch.target), batch.present.to(self.device)
        partner = torch.randperm(len(present)) if torch.rand(()) < self.mixed else None
        share = torch.rand(()) if partner is not None else torch.ones(())
        tempo = drawn(len(present), self.network.recipe.senses, self.device)
        for name, augment in self.augments.items():
            own, warps = augment(_to(self.device, self.network.own(name, batch.inputs)), tempo)
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
        weight = 1 / (1 + AVERAGED * self.progress.step)
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, weight)
            else:
                mean.copy_(now)


def optimizers(network: Network, training: Training) -> tuple[Optimizer, Optimizer]:
    """Muon for what is inside encoders and fusion, and for convolutions in heads; AdamW for the stems, all else in
    heads, gains and biases.

    Convolutions may be moved further than matrices: a normalisation follows each, so that their size says nothing.
    """
    convolutions: list[Tensor] = []
    matrices: list[Tensor] = []
    outer: list[Tensor] = []
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            inside = not name.startswith("head.") and name not in ("fusion.sense", "fusion.absent")
            hidden = weight.ndim > 2 or (weight.ndim == 2 and inside)
            (outer if not hidden else matrices if weight.ndim == 2 else convolutions).append(weight)
    rate = training.learning_rate
    inner = [
        {"params": convolutions, "lr": CONVOLUTION_RATE * rate},
        {"params": matrices, "lr": MATRIX_RATE * rate},
    ]
    return (
        Muon([group for group in inner if group["params"]], lr=rate, weight_decay=WEIGHT_DECAY),
        torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY),
    )


def pass_order(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], size: int, seed: tuple[int, int]
) -> list[NDArray[np.int64]]:
    """One pass over the rows in random batches of `size` on average, those of like length together; the rest waits.

    A batch of long examples has fewer of them, so that none needs much more memory or time than the others. How many
    batches there are depends on the number of rows alone.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(rows)
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(shuffled), size * LIKE_LENGTHS):
        some = shuffled[start : start + size * LIKE_LENGTHS]
        count = len(some) // size
        near = some[: count * size]
        batches += _alike_in_all(near[np.argsort(lengths[near], kind="stable")], lengths, count)
    return [batches[place] for place in random.permutation(len(batches))]


def _alike_in_all(rows: NDArray[np.int64], lengths: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    """Cut into `count` batches, none empty, that are about as long as each other in all."""
    if not count:
        return []
    own = lengths[rows].astype(np.float64)
    middle = (np.cumsum(own) - own / 2) / own.sum()
    order = np.arange(count)
    firsts = np.searchsorted(middle, order / count)
    firsts = np.maximum.accumulate(firsts - order) + order  # what one example fills alone must not leave others empty
    firsts = np.minimum(firsts, len(rows) - count + order)
    return np.split(rows, firsts[1:])


def _to(device: torch.device, tensors: Tensors) -> Tensors:
    return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
