"""Statistics that show whether new inputs resemble those learned from: brightness, noise, and the like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statistic:
    """Adjectives for inputs whose number is lower, or higher, than usual; used after "are".

    least  by how much it must lie outside the usual range to matter, in its own unit
    """

    lower: str
    higher: str
    least: float
