"""Training examples are encoded once, for the head, for the out-of-distribution score and for adding classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.events import ignore_events
from seehear.learn.calibrate.calibration import fit_ood_scorers
from seehear.learn.data.split import DataSplit
from seehear.learn.kept_features import keep_features, read_examples
from seehear.learn.loop import probe
from seehear.learn.loop.probe import encode_examples, fit_head
from seehear.learn.model.network import Network

ROWS = np.arange(EXAMPLES)[::-1]


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network(recipe_for("label", ("image",))).eval()


def test_examples_encoded_before_fitting_the_head_give_the_same_as_after(network: Network, tmp_path: Path) -> None:
    dataset = dataset_of(network.recipe, tmp_path)
    split = DataSplit(dataset, ROWS, dataset, ROWS[:3])
    head: Any = network.head
    frozen = fit_head(network, dataset, ROWS, ignore_events)
    assert frozen is not None and not head.norm.weight.equal(torch.ones_like(head.norm.weight))
    early, late = frozen.encoded, encode_examples(network, dataset, ROWS)
    torch.testing.assert_close(early.pooled, late.pooled)
    assert keep_features(network, split, early) == keep_features(network, split, late)
    kept, batch = read_examples(network, dataset, ROWS), dataset.batch(ROWS)
    with torch.no_grad():
        features = network.extract_features(network.fuse(network.encode(batch.inputs), batch.present))
    torch.testing.assert_close(kept.features, features)


def test_scorers_compare_the_same_examples_whoever_encoded_them(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dataset_of(network.recipe, tmp_path)
    monkeypatch.setattr(probe, "BANK", 7)
    scorer: Any = network.ood["image"]
    fit_ood_scorers(network, dataset, ROWS, most=7)
    bank = scorer.moments.clone()
    scorer.fit(encode_examples(network, dataset, ROWS).ood_features)
    assert len(bank) == 7
    torch.testing.assert_close(scorer.moments, bank)
