"""Statistics of an input that tell whether new inputs are like those learned from: brightness, noise, and the like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statistic:
    """What people call inputs in which a number is lower, or higher, than usual; both are used after "are".

    least  by how much it must lie outside the usual range to matter, in its own unit
    """

    lower: str
    higher: str
    least: float
