"""Input statistics that reveal distribution shift, such as brightness and noise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statistic:
    """How to describe inputs with a lower or higher value than the training data; used after "are".

    least  how far outside the training range a value must be to matter, in its own unit
    """

    lower: str
    higher: str
    least: float
