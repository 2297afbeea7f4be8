"""The CTC score of a text equals the sum over all of its alignments."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seehear.decoding.ctc_score import IMPOSSIBLE, score_ctc

BLANK = 2  # after the tokens 0 and 1


def sum_alignments(logp: np.ndarray, token_ids: list[int]) -> float:
    """By trying every sequence of symbols, one per cell."""
    total = 0.0
    for path in product(range(BLANK + 1), repeat=len(logp)):
        if [symbol for symbol, _ in groupby(path) if symbol != BLANK] == token_ids:
            total += float(np.exp(sum(logp[cell, symbol] for cell, symbol in enumerate(path))))
    return float(np.log(total)) if total else -np.inf


@given(st.integers(1, 6), st.lists(st.integers(0, 1), max_size=4), st.integers(0, 1000))
def test_the_score_is_the_sum_over_all_alignments(cells: int, token_ids: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 2, (cells, BLANK + 1))
    logp = values - np.log(np.exp(values).sum(1, keepdims=True))
    expected, score = sum_alignments(logp, token_ids), score_ctc(logp, token_ids)
    if np.isfinite(expected):
        assert score == pytest.approx(expected)
    else:
        assert score <= IMPOSSIBLE / 2


def test_without_cells_only_the_empty_text_is_possible() -> None:
    nothing = np.zeros((0, BLANK + 1))
    assert score_ctc(nothing, []) == 0
    assert score_ctc(nothing, [1]) <= IMPOSSIBLE / 2
