"""How good a network is while it is trained: told now and then, in a small share of the time, and changing nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.events import Event, Measured, ignore_events
from seehear.learn.data.split import DataSplit
from seehear.learn.loop import fit as loop
from seehear.learn.loop import validation
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.validation import Validation
from seehear.learn.model.network import Network
from seehear.learn.outputs import compute_outputs

HELD_OUT = 8
METRICS = {"label": "accuracy", "score": "mae", "boxes": "map50", "mask": "miou", "text": "wer"}


def split_of(kind: str, folder: Path) -> DataSplit:
    dataset = dataset_of(recipe_for(kind, ("audio",) if kind == "text" else ("image",)), folder)
    return DataSplit(dataset, np.arange(HELD_OUT, EXAMPLES), dataset, np.arange(HELD_OUT))


@pytest.mark.parametrize("kind", METRICS)
def test_it_is_measured_during_training_and_the_weights_stay_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "REPORT_EVERY_S", -1.0)
    monkeypatch.setattr(validation, "FIRST_S", 0.0)
    monkeypatch.setattr(validation, "SHARE", 1e9)
    split = split_of(kind, tmp_path)
    clock = Clock(split.train.recipe.training.model_copy(update={"steps": 3}), 600.0)
    weights, events = list[dict[str, torch.Tensor]](), list[Event]()
    for measured in (None, Validation(split, clock.seconds, events.append)):
        torch.manual_seed(0)
        network, _ = fit(
            Network(split.train.recipe),
            split.train,
            split.train_rows,
            clock,
            validation=measured,
            saved=tmp_path / f"{len(weights)}",
            listen=ignore_events,
        )
        weights.append(network.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    found = [event for event in events if isinstance(event, Measured)]
    assert [(each.metric, each.done, each.examples) for each in found] == [(METRICS[kind], i, 8) for i in (1, 2, 3)]


def test_it_takes_a_small_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that only measuring moves, a second for each example."""
    now_s, split, events = 0.0, split_of("label", tmp_path), list[Event]()
    monkeypatch.setattr("seehear.learn.loop.validation.time.monotonic", lambda: now_s)

    def slowly(network: Network, dataset: object, rows: np.ndarray) -> object:
        nonlocal now_s
        now_s += len(rows)
        return compute_outputs(network, split.val, rows)

    monkeypatch.setattr(validation, "compute_outputs", slowly)
    network = Network(split.train.recipe)
    found = Validation(split, 8 / validation.MOST_OF_BUDGET, events.append)
    for _ in range(10_000):
        now_s += 1
        found.measure_in_time(network, "training", now_s)
    assert len(events) > 10
    spent_s = HELD_OUT * len(events)
    assert spent_s < 1.1 * validation.SHARE * now_s
    none = list[Event]()
    short = Validation(split, 0.9 * 8 / validation.MOST_OF_BUDGET, none.append)
    now_s += 100
    short.measure_in_time(network, "training", now_s)
    assert not none  # it would take too much of so short a training
