"""A truth that is probably wrong, as answers of models show that have not learned from it."""

from __future__ import annotations

from typing import NamedTuple


class Suspect(NamedTuple):
    """One truth that is probably wrong.

    row          its index among the answers
    name         what is suspected: label, score, missing box, word
    probability  the estimated probability that the truth is wrong; None where that cannot be estimated
    reason       why, in a few words
    suggestion   the cell that the models suggest instead; None if a person must decide
    """

    row: int
    name: str
    probability: float | None
    reason: str
    suggestion: str | None = None
