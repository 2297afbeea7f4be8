"""Orders by similarity to what was confirmed, and away from what was refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
REFUSED_WEIGHT = 0.75  # of the mean of what was refused, against that of what was confirmed


def rank_by_examples(vectors: Array, confirmed: Array, refused: Array) -> Array:
    """(n,): how similar the vectors (n, F) are to those confirmed (p, F) and not to those refused (q, F); q may be 0.

    Reference: Rocchio 1971, "Relevance feedback in information retrieval". All vectors have length 1.
    """
    wanted = confirmed.mean(0)
    if len(refused):
        wanted = wanted - REFUSED_WEIGHT * refused.mean(0)
    scores: Array = vectors @ (wanted / max(float(np.linalg.norm(wanted)), 1e-9))
    return scores
