"""A network on trial by examples held out: each is made out once, and the arrays of few are held."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import EXAMPLES, recipe_for, shelf_of
from seehear.answers import ANSWERS
from seehear.events import silence
from seehear.learn import trial
from seehear.learn.fit import Clock, fit
from seehear.learn.network import Network
from seehear.recipe import Trust

TUNED = 6


@pytest.mark.parametrize("kind", ["text", "score"])
def test_each_example_is_made_out_once_and_the_arrays_of_few_are_held(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    shelf = shelf_of(recipe_for(kind, ("audio",)), tmp_path)
    network, spec = Network(shelf.recipe).eval(), shelf.recipe.answer
    made_out, waiting = [], []
    plain = ANSWERS[kind]
    counting = copy(plain)

    def candidates(raw: Mapping[str, Any], spec: Any, calibration: Mapping[str, float]) -> Any:
        made_out.append(raw)
        return plain.candidates(raw, spec, calibration)

    class Watched(trial.Trial):
        def take(self, row: int, raw: Mapping[str, Any]) -> None:
            super().take(row, raw)
            waiting.append(len(self._raws))

    counting.candidates = candidates
    monkeypatch.setattr(trial, "TUNED", TUNED)
    monkeypatch.setattr(trial, "Trial", Watched)
    monkeypatch.setitem(ANSWERS, kind, counting)
    recipe = trial.trusted(network, shelf, np.arange(EXAMPLES), listen=silence)
    assert len(made_out) == EXAMPLES
    assert max(waiting) < TUNED and waiting[-1] == 0

    truths = [shelf.truth(row) for row in range(EXAMPLES)]
    tuned = plain.tune(made_out[:TUNED], truths[:TUNED], spec)
    seen = [plain.candidates(raw, spec, tuned) for raw in made_out[:EXAMPLES]]
    fitted = tuned | plain.calibrate(seen, truths, spec)
    assert recipe.trust["audio"].calibration == fitted
    answers = [plain.from_raw(raw, spec, fitted, None) for raw in made_out[:EXAMPLES]]
    compared = plain.compare(answers, truths, spec)
    right = plain.right(compared, spec)
    confidence = np.array([answer.confidence for answer in answers])
    assert recipe.trust["audio"] == Trust(calibration=fitted, risk=trial.fit_risk(confidence, right))
    assert recipe.results["audio"]["metrics"]["wrong"] == pytest.approx(1 - right.mean())


def test_senses_are_tried_by_the_examples_that_have_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shelf = shelf_of(recipe_for("label", ("image", "audio")), tmp_path)
    network = Network(shelf.recipe).eval()
    shelf._prepared["image"]._ends[-3:] = shelf._prepared["image"]._ends[-4]  # the last have no picture
    recipe = trial.trusted(network, shelf, np.arange(EXAMPLES), listen=silence)
    assert {used: result["n"] for used, result in recipe.results.items()} == {
        "image+audio": EXAMPLES - 3,
        "image": EXAMPLES - 3,
        "audio": EXAMPLES,
    }


def test_a_sense_is_remembered_and_begun_with_by_the_examples_that_have_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shelf = shelf_of(recipe_for("label", ("image", "audio")), tmp_path)
    shelf._prepared["audio"]._ends[3:] = shelf._prepared["audio"]._ends[2]
    shelf._prepared["audio"].lengths[2:] = 0  # only the first two have a sound
    assert shelf.having("audio").tolist() == [True, True] + [False] * (EXAMPLES - 2)
    network = Network(shelf.recipe)
    training = shelf.recipe.training.model_copy(update={"steps": 1})
    fit(network, shelf, np.arange(EXAMPLES), Clock(training, 60.0), saved=tmp_path / "run", listen=silence)
    begun = Network(shelf.recipe).encoders["audio"]
    begun.begin(shelf.inputs("audio", [0, 1]))
    torch.testing.assert_close(network.encoders["audio"].logmel.mean, begun.logmel.mean)
    trial.remember(network.eval(), shelf, np.arange(EXAMPLES))
    assert network.familiar["audio"].texture.isfinite().all()
