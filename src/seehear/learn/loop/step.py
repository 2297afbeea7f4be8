"""One step of training: the loss of a batch, its gradient, and the update of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seehear.answers import ANSWERS
from seehear.learn.data.cache import Batch, move
from seehear.learn.data.time_stretch import sample_time_stretch
from seehear.learn.loop.execution import Execution, use_execution
from seehear.learn.loop.finite import Statistics
from seehear.learn.loop.optimizers import make_optimizers, scale_rate
from seehear.learn.model.network import Network, Tensors
from seehear.recipe import Training
from seehear.senses import SENSES

MAX_GRADIENT_NORM = 1.0
MIXUP = 0.5  # probability of mixup for a batch, at full augmentation

Average = Callable[[Sequence[nn.Parameter], float], float]  # of gradients, in place, and of the loss


class Step(NamedTuple):
    """A step: the seed of its random numbers, the share of the run that was done before it, and how to compute it."""

    seed: int
    done: float
    execution: Execution


class Trainer:
    """A network in training: its augmentation and its optimisers."""

    def __init__(self, network: Network, training: Training) -> None:
        self.network = network.train()
        self.device = next(network.parameters()).device
        self.optimizers = make_optimizers(network.parameter_groups(), training)
        self.rates = [group["lr"] for optimizer in self.optimizers for group in optimizer.param_groups]
        senses = network.recipe.senses
        self.augments: dict[str, Any] = {
            name: SENSES[name].build_augmentation(spec, robust=training.robust) for name, spec in senses.items()
        }
        supports_mixup = ANSWERS[network.recipe.kind].supports_mixup
        self.mixup = MIXUP * supports_mixup * min(float(spec.augmentation_strength) for spec in senses.values())  # type: ignore[attr-defined]
        self.statistics = Statistics(network)

    def take(self, batch: Batch, step: Step, average: Average | None = None) -> tuple[float, bool]:
        """Update the weights -> the loss, and whether it and its gradient were finite. If not, nothing changes.

        average   averages with the gradients and the loss of other processes, which train on other batches
        """
        torch.manual_seed(step.seed)
        self._set_rates(step.done)
        self.statistics.save()
        with use_execution(step.execution, self.device):
            loss = self.loss(batch)
            self._clear_gradients()
            loss.backward()  # type: ignore[no-untyped-call]
            value = float(loss.detach())
            if average is not None:
                value = average(list(self.network.parameters()), value)
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
            if not (bool(norm.isfinite()) and np.isfinite(value)):
                self.statistics.restore()
                return value, False
            self._update(step.execution)
        return value, True

    def loss(self, batch: Batch) -> Tensor:
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

    def _clear_gradients(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _update(self, execution: Execution) -> None:
        muon, _ = self.optimizers
        muon.dtype = torch.bfloat16 if execution.precision == "bfloat16" else torch.float32
        for optimizer in self.optimizers:
            optimizer.step()

    def _set_rates(self, done: float) -> None:
        groups = (group for optimizer in self.optimizers for group in optimizer.param_groups)
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate * scale_rate(done, group["warm_up"])
