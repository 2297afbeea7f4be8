"""What the plan of a sense rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Spec = TypeVar("Spec")


@dataclass(frozen=True)
class EpochTargets:
    """How often every example is met in one training, for a kind of network.

    wanted    before a larger one pays
    plain     up to which examples are augmented least
    varied    from which they are augmented fully: what is met often must be varied
    """

    wanted: float
    plain: float
    varied: float

    def augmentation_strength(self, passes: float) -> float:
        """Of augmentation, 0 to 1: as much more with each doubling."""
        share = math.log2(max(passes, 1e-9) / self.plain) / math.log2(self.varied / self.plain)
        return round(min(max(share, 0.0), 1.0), 2)


TEMPORAL_EPOCHS = EpochTargets(wanted=40.0, plain=2.0, varied=32.0)  # a sound or a clip is seldom met twice alike


@dataclass(frozen=True)
class SizingInputs:
    """Some examples, looked at, and the task.

    summaries  what the sense says of each of them
    strata    the class of each; "" where there are none
    examples  how many there are in all
    gigaflop  all the work that this sense may spend in training
    requires_full_input  whether the answer rests on all of an example, so that nothing of it may be cut off
    output_stride_px the pitch of the finest cells that the answer reads, where it says what is where; otherwise None
    beside    whether another sense tells of the same moments, and so may help where this one fails
    steps_per_epoch   training steps in which every example is met once; 0 where that follows from the network
    """

    summaries: Sequence[Mapping[str, Any]]
    strata: Sequence[str]
    examples: int
    gigaflop: float
    requires_full_input: bool = False
    output_stride_px: int | None = None
    has_aligned_sense: bool = False
    steps_per_epoch: int = 0

    def choose_size(self, sizes: Sequence[Spec], once: Callable[[Spec], float], wanted: float) -> tuple[Spec, float]:
        """The largest of `rungs`, cheapest first, that may meet every example `wanted` times; how often it may.

        once  GFLOP to learn from one example once
        """
        passes = [self.gigaflop / (once(size) * self.examples) for size in sizes]
        largest = max((place for place, times in enumerate(passes) if times >= wanted), default=0)
        return sizes[largest], passes[largest]
