"""Calibrates a finished model again, on other examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from seehear.events import Listener
from seehear.learn.calibrate.calibration import calibrate_network
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.data.cache import DatasetCache
from seehear.learn.kept_features import MOST, KeptFeatures, load_features, read_examples
from seehear.learn.model.network import Network, create_network
from seehear.learn.model.pretrained import Pretrained
from seehear.runtime.bundle import Bundle
from seehear.sampling import take_evenly
from seehear.table import RowProblem, Table
from seehear.table.group_counts import describe_groups_seen


def recalibrate(
    bundle: Bundle, learned: Table, held_out: Table, folder: Path, device: torch.device, listen: Listener
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """The model with confidences, thresholds and results from these held-out examples alone; its weights do not change.

    learned   the table that it was trained on, whose groups, such as speakers, the card counts

    Also gives the rows that could not be used.
    """
    recipe = bundle.recipe
    network = create_network(recipe, device)
    Pretrained(recipe, bundle.weights, "the model").load_into(network)
    network.eval()
    dataset = DatasetCache.build(held_out, recipe, folder, listen=listen)
    rows = np.arange(len(dataset))
    found = calibrate_network(network, dataset, rows, listen=listen).recipe
    usual = found.usual.model_copy(update={"measured": recipe.usual.measured})
    found = found.model_copy(update={"usual": usual, "groups_seen": describe_groups_seen(learned, dataset.table)})
    features = None if bundle.features is None else _replace_held_out(bundle.features, network, dataset)
    return replace(bundle, recipe=found, card=render_model_card(found), features=features), dataset.problems


def _replace_held_out(kept: bytes, network: Network, dataset: DatasetCache) -> bytes:
    """The features for adding classes, of these held-out examples instead of others."""
    rows = take_evenly(np.arange(len(dataset)), MOST)
    return KeptFeatures(load_features(kept, network).train, read_examples(network, dataset, rows)).to_safetensors()
