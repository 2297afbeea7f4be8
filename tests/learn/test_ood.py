"""The out-of-distribution score: low for examples like the training's, high for others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seehear.geometry import Cells, Grid
from seehear.learn.model.ood import OodScorer

WIDTHS = (6, 10)
CELLS = (16, 4)


def cells(x: list[Tensor]) -> Cells:
    """Two levels of cells (B, N, D), the finest first."""
    fine, coarse = (
        Cells(level, torch.ones(level.shape[:2], dtype=torch.bool), Grid((level.shape[1],), 1.0, "px")) for level in x
    )
    return Cells(coarse.x, coarse.valid_mask, coarse.grid, finer=(fine,))


def in_distribution(n: int, seed: int) -> list[Tensor]:
    """Some channels are always louder than others, as in a trained encoder."""
    random = torch.Generator().manual_seed(seed)
    loudness = [1 + torch.arange(width) for width in WIDTHS]
    return [torch.rand(n, m, len(by), generator=random) * by for m, by in zip(CELLS, loudness, strict=True)]


@pytest.fixture
def scorer() -> OodScorer:
    scorer = OodScorer(WIDTHS)
    scorer.fit(scorer.features(cells(in_distribution(600, seed=0))))
    return scorer


def test_new_examples_of_the_same_distribution_score_near_zero(scorer: OodScorer) -> None:
    scores = scorer(cells(in_distribution(300, seed=1)))
    assert abs(float(scores.median())) < 1


@pytest.mark.parametrize("change", ["blank", "louder", "other channels loud"])
def test_examples_of_another_distribution_score_higher(scorer: OodScorer, change: str) -> None:
    changed = {
        "blank": [torch.zeros_like(x) for x in in_distribution(50, seed=1)],
        "louder": [3 * x for x in in_distribution(50, seed=1)],
        "other channels loud": [x.flip(2) for x in in_distribution(50, seed=1)],
    }
    assert float(scorer(cells(changed[change])).min()) > float(scorer(cells(in_distribution(300, seed=2))).max())


def test_a_few_examples_are_enough_to_fit(scorer: OodScorer) -> None:
    scorer.fit(scorer.features(cells(in_distribution(3, seed=0))))
    assert torch.isfinite(scorer(cells(in_distribution(5, seed=1)))).all()
