"""The order in which to review kept answers: the most useful first, but not forty similar ones in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

UNFAMILIAR, DISAGREEMENT = 0.5, 0.5  # as much as half the range of confidence
Vector = NDArray[np.float32]
LEAST_DISTANCE = 0.02  # between answers that look the same, so that they are last rather than never


def usefulness(confidence: float, *, unfamiliar: bool, disagreement: bool) -> float:
    """How much it helps to review an answer, 0 to 2: it is unsure, unlike the training data, or two versions differ."""
    return 1 - confidence + UNFAMILIAR * unfamiliar + DISAGREEMENT * disagreement


def order_diverse(
    useful: Sequence[float],
    embeddings: Sequence[Vector | None],
    most: int,
    before: Sequence[Vector] = (),
) -> list[int]:
    """The indices of at most so many answers, each the one with the most usefulness times distance to those before.

    before   the embeddings of answers that came earlier, so that the first one differs from them too

    Farthest-first traversal (Gonzalez 1985), weighted. Distances are those of cosines, at most 1; answers without an
    embedding, or whose embedding has another length, count as far from all others.
    """
    weight = np.asarray(useful, np.float64)
    distance = np.ones(len(weight))
    known = {row: vector for row, vector in enumerate(embeddings) if vector is not None}
    stacked: dict[int, list[int]] = {}
    for row, vector in known.items():
        stacked.setdefault(len(vector), []).append(row)
    matrices = {length: np.stack([known[row] for row in rows]) for length, rows in stacked.items()}

    def move_away(from_: Vector) -> None:
        if rows := stacked.get(len(from_)):
            cosines = np.einsum("nd,d->n", matrices[len(from_)], from_)  # quicker than threads for so little
            distance[rows] = np.minimum(distance[rows], np.clip(1 - cosines, LEAST_DISTANCE, 1))

    for vector in before:
        move_away(vector)
    chosen: list[int] = []
    left = np.ones(len(weight), bool)
    while left.any() and len(chosen) < most:
        best = int(np.argmax(np.where(left, weight * distance, -1.0)))
        chosen.append(best)
        left[best] = False
        if best in known:
            move_away(known[best])
    return chosen
