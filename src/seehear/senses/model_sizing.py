"""Choosing the size of an encoder from the data and the compute budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Spec = TypeVar("Spec")


@dataclass(frozen=True)
class EpochTargets:
    """How many epochs one training run should make, for a kind of network.

    wanted   fewest epochs before a larger network is better
    plain    up to here, augmentation is weakest
    varied   from here on, augmentation is strongest: examples seen often must vary
    """

    wanted: float
    plain: float
    varied: float

    def augmentation_strength(self, epochs: float) -> float:
        """0 to 1, linear in the logarithm of the number of epochs."""
        share = math.log2(max(epochs, 1e-9) / self.plain) / math.log2(self.varied / self.plain)
        return round(min(max(share, 0.0), 1.0), 2)


TEMPORAL_EPOCHS = EpochTargets(wanted=40.0, plain=2.0, varied=32.0)  # time stretch varies them too


@dataclass(frozen=True)
class SizingInputs:
    """A sample of the training data, and the task.

    summaries            `Sense.summarise` of each sampled example
    strata               the class of each; "" without classes
    examples             number of training examples
    gigaflop             compute budget of this sense for the whole training run
    requires_full_input  whether the answer needs all of an example, so that nothing may be cut off
    output_stride_px     pitch of the finest cells that the answer reads, if it has positions; otherwise None
    has_aligned_sense    whether another sense covers the same moments and can help where this one fails
    steps_per_epoch      training steps per epoch; 0 if they depend on the network
    pretrained           the architecture of a pretrained encoder to use, as in a recipe; None for random weights
    """

    summaries: Sequence[Mapping[str, Any]]
    strata: Sequence[str]
    examples: int
    gigaflop: float
    requires_full_input: bool = False
    output_stride_px: int | None = None
    has_aligned_sense: bool = False
    steps_per_epoch: int = 0
    pretrained: Mapping[str, Any] | None = None

    def epochs(self, spec: Any) -> float:
        """How many epochs the budget allows for a Spec, or for an encoder of one."""
        mean_s = float(np.mean([summary.get("seconds", 0.0) for summary in self.summaries]))
        return float(self.gigaflop / (spec.step_gigaflop(mean_s) * self.examples))

    def choose_size(self, sizes: Sequence[Spec], epochs: float) -> tuple[Spec, float]:
        """The largest of `sizes`, cheapest first, that can be trained for `epochs`; and how many epochs it gets."""
        affordable = [self.epochs(size) for size in sizes]
        largest = max((place for place, count in enumerate(affordable) if count >= epochs), default=0)
        return sizes[largest], affordable[largest]
