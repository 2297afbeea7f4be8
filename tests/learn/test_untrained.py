"""The comparison of a trained recogniser with the published one without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.events import Event, Notice, ignore_events
from seehear.learn.calibrate.calibration import calibrate_network
from seehear.learn.calibrate.untrained import Untrained
from seehear.learn.model.network import Network


def test_the_answers_of_calibration_are_compared_on_the_same_rows(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("text", ("audio",)), tmp_path)
    calibrated = calibrate_network(Network(dataset.recipe).eval(), dataset, np.arange(EXAMPLES), listen=ignore_events)
    assert calibrated.answers.keys() == set(range(EXAMPLES))
    started = calibrated.recipe.model_copy(update={"starts": {"audio": "whisper-base"}})
    rows = np.array([3, 1])
    answers = {row: dataset.truth(row) if row in rows else answer for row, answer in calibrated.answers.items()}
    said: list[Event] = []
    found = Untrained(dataset, rows, 0.5).compare(calibrated._replace(recipe=started, answers=answers), said.append)
    assert found.own_value == 0
    assert (found.other_value, found.examples, found.metric) == (0.5, 2, "wer")
    assert found.other == "whisper-base without training"
    (notice,) = (event.text for event in said if isinstance(event, Notice))
    assert "50 % without training" in notice
    every = Untrained(dataset, np.arange(EXAMPLES), 0.5).compare(calibrated._replace(recipe=started), ignore_events)
    assert every.own_value == pytest.approx(calibrated.recipe.results["audio"]["metrics"]["wer"])
