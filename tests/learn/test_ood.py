"""What is told from the training examples: by texture, and by what stands out."""

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


def usual(n: int, seed: int) -> list[Tensor]:
    """Some channels always louder than others, as after learning."""
    random = torch.Generator().manual_seed(seed)
    loudness = [1 + torch.arange(width) for width in WIDTHS]
    return [torch.rand(n, m, len(by), generator=random) * by for m, by in zip(CELLS, loudness, strict=True)]


@pytest.fixture
def familiar() -> OodScorer:
    familiar = OodScorer(WIDTHS)
    familiar.remember(familiar.features(cells(usual(600, seed=0))))
    return familiar


def test_others_like_them_are_familiar(familiar: OodScorer) -> None:
    scores = familiar(cells(usual(300, seed=1)))
    assert abs(float(scores.median())) < 1


@pytest.mark.parametrize("way", ["blank", "louder", "other channels stand out"])
def test_what_is_otherwise_is_not(familiar: OodScorer, way: str) -> None:
    ways = {
        "blank": [torch.zeros_like(x) for x in usual(50, seed=1)],
        "louder": [3 * x for x in usual(50, seed=1)],
        "other channels stand out": [x.flip(2) for x in usual(50, seed=1)],
    }
    assert float(familiar(cells(ways[way])).min()) > float(familiar(cells(usual(300, seed=2))).max())


def test_few_examples_are_remembered_too() -> None:
    familiar = OodScorer(WIDTHS)
    familiar.remember(familiar.features(cells(usual(3, seed=0))))
    assert torch.isfinite(familiar(cells(usual(5, seed=1)))).all()
