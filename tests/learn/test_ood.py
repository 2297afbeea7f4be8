"""The out-of-distribution score: low for examples like the training's, high for others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seehear.geometry import Cells, Grid
from seehear.learn.model.ood import BANK, NEIGHBOURS, OodScorer

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
    assert abs(float(scores.median())) < 0.5 * float(scores.std())


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


@pytest.mark.parametrize(("examples", "kept"), [(1500, BANK), (600, 600), (2, NEIGHBOURS)])
def test_no_more_examples_are_kept_than_there_are(examples: int, kept: int, scorer: OodScorer) -> None:
    scorer.fit(scorer.features(cells(in_distribution(examples, seed=0))))
    assert len(scorer.moments) == len(scorer.maxima) == kept


@pytest.mark.parametrize(("examples", "kept"), [(600, 610), (BANK, BANK)])
def test_new_examples_take_the_place_of_others_only_if_the_bank_is_full(
    examples: int, kept: int, scorer: OodScorer
) -> None:
    louder = cells([3 * x for x in in_distribution(5, seed=1)])
    scorer.fit(scorer.features(cells(in_distribution(examples, seed=0))))
    before, usual = scorer(louder), scorer(cells(in_distribution(100, seed=2)))
    scorer.extend(scorer.features(louder), most=100, seed=0)
    assert len(scorer.moments) == len(scorer.maxima) == kept
    assert (scorer(louder) < before - 1).all()
    assert (scorer(cells(in_distribution(100, seed=2))) < usual + 0.5).all()


def test_half_precision_hardly_changes_the_score(scorer: OodScorer) -> None:
    queries = cells(in_distribution(100, seed=1))
    rounded = scorer(queries)
    features = scorer.features(cells(in_distribution(600, seed=0)))
    moments, scorer.maxima, _ = scorer._split(features)
    scorer.moments = scorer._standardise(moments)
    exact = scorer(queries)
    assert 0 < float((rounded - exact).abs().max()) < 0.1 * float(exact.std())
