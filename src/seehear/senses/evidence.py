"""What the plan of a sense rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """Some examples, looked at, and the task.

    facts     what the sense says of each of them
    strata    the class of each; "" where there are none
    examples  how many there are in all
    gigaflop  all the work that this sense may spend in training
    whole     whether the answer rests on all of an example, so that nothing of it may be cut off
    finest_px the pitch of the finest cells that the answer reads, where it says what is where; otherwise None
    beside    whether another sense tells of the same moments, and so may help where this one fails
    """

    facts: Sequence[Mapping[str, Any]]
    strata: Sequence[str]
    examples: int
    gigaflop: float
    whole: bool = False
    finest_px: int | None = None
    beside: bool = False
