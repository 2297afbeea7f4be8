"""The probability of a given text under CTC: the forward algorithm (Graves et al. 2006, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMPOSSIBLE = -1e30  # a log probability; finite, so that sums of it stay defined


def score_ctc(logp: NDArray[Any], token_ids: Sequence[int]) -> float:
    """The log probability of all alignments of the tokens with logp (N, V + 1), whose last symbol is the blank."""
    blank = logp.shape[1] - 1
    symbols = np.full(2 * len(token_ids) + 1, blank)
    symbols[1::2] = token_ids
    skips = np.zeros(len(symbols), np.bool_)  # whether the blank before a token may be left out: not between equal ones
    skips[3::2] = symbols[3::2] != symbols[1:-2:2]
    score = np.full(len(symbols), IMPOSSIBLE)
    score[0] = 0.0  # before the first cell
    for i, cell in enumerate(np.asarray(logp, np.float64)):
        if i == 0:
            entered = np.full(len(symbols), IMPOSSIBLE)
            entered[:2] = 0.0
        else:
            entered = np.logaddexp(score, _shift(score, 1))
            entered = np.where(skips, np.logaddexp(entered, _shift(score, 2)), entered)
        score = np.maximum(entered + cell[symbols], IMPOSSIBLE)
    return float(np.logaddexp.reduce(score[-2:]))


def _shift(score: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    shifted = np.full(len(score), IMPOSSIBLE)
    shifted[places:] = score[: len(score) - places]
    return shifted
