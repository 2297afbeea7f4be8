"""A network on trial by examples held out: each is made out once, and the arrays of few are held."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.answers import ANSWERS
from seehear.answers.selective import bound_risk
from seehear.events import Said, silence
from seehear.learn.calibrate import calibration as trial
from seehear.learn.calibrate.card import card, promise
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.model.network import Network
from seehear.measure.selective import fit_risk_curve, to_risk_curve
from seehear.recipe import SelectivePrediction

TUNED = 6


@pytest.mark.parametrize("kind", ["text", "score"])
def test_each_example_is_made_out_once_and_the_arrays_of_few_are_held(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for(kind, ("audio",)), tmp_path)
    network, spec = Network(dataset.recipe).eval(), dataset.recipe.answer
    made_out, waiting = [], []
    plain = ANSWERS[kind]
    counting = copy(plain)

    def n_best(raw: Mapping[str, Any], spec: Any, calibration: Mapping[str, float]) -> Any:
        made_out.append(raw)
        return plain.n_best(raw, spec, calibration)

    class Watched(trial.Calibrator):
        def take(self, row: int, raw: Mapping[str, Any]) -> None:
            super().take(row, raw)
            waiting.append(len(self._raws))

    counting.n_best = n_best
    monkeypatch.setattr(trial, "TUNED", TUNED)
    monkeypatch.setattr(trial, "Calibrator", Watched)
    monkeypatch.setitem(ANSWERS, kind, counting)
    recipe = trial.calibrate_network(network, dataset, np.arange(EXAMPLES), listen=silence)
    assert len(made_out) == EXAMPLES
    assert max(waiting) < TUNED and waiting[-1] == 0

    truths = [dataset.truth(row) for row in range(EXAMPLES)]
    tuned = plain.tune(made_out[:TUNED], truths[:TUNED], spec)
    seen = [plain.n_best(raw, spec, tuned) for raw in made_out[:EXAMPLES]]
    fitted = tuned | plain.calibrate(seen, truths, spec)
    assert recipe.selective["audio"].calibration == fitted
    answers = [plain.to_answer(raw, spec, fitted, None) for raw in made_out[:EXAMPLES]]
    compared = plain.compare(answers, truths, spec)
    right = plain.right(compared, spec)
    wholes = fit_risk_curve(np.array([answer.confidence for answer in answers]), right, dataset.groups)
    items = plain.items(compared, spec)
    risks = (
        {"risk": wholes}
        if items is None
        else {"risk": to_risk_curve(bound_risk(items, dataset.groups)), "whole_risk": wholes}
    )
    selective = recipe.selective["audio"]
    assert selective == SelectivePrediction(
        calibration=fitted, **risks, wrong_at_most=selective.wrong_at_most, more_held_out=selective.more_held_out
    )
    assert recipe.results["audio"]["metrics"]["wrong"] == pytest.approx(1 - right.mean())


@pytest.mark.parametrize(
    ("groups", "few"),
    [
        (np.arange(EXAMPLES), 0),
        (np.arange(EXAMPLES) // 2, 0),
        (np.arange(EXAMPLES) // 4, 4),
        (np.zeros(EXAMPLES, int), 1),
    ],
    ids=["each alone", "eight", "four", "one"],
)
def test_what_errs_together_is_known_from_some_groups_on(groups: np.ndarray, few: int, tmp_path: Path) -> None:
    """Of fewer it is guessed, so that less is promised than of examples that have no groups."""
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image",)), tmp_path)
    dataset.__dict__["groups"] = groups
    selective = trial.calibrate_network(
        Network(dataset.recipe).eval(), dataset, np.arange(EXAMPLES), listen=silence
    ).selective["image"]
    assert selective.few_groups == few
    alone = dataset_of(dataset.recipe, tmp_path / "alone")
    alone.__dict__["groups"] = np.arange(EXAMPLES)
    others = trial.calibrate_network(
        Network(dataset.recipe).eval(), alone, np.arange(EXAMPLES), listen=silence
    ).selective["image"]
    assert selective.wrong_at_most >= others.wrong_at_most


def test_it_says_once_what_it_promises(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    said: list[Any] = []
    recipe = trial.calibrate_network(Network(dataset.recipe).eval(), dataset, np.arange(EXAMPLES), listen=said.append)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": 1})})
    promises = [event.text for event in said if isinstance(event, Said)]
    assert promises == [promise(recipe, "image+audio")]
    assert all(
        f"- By {used.replace('+', ' and ')}: {promise(recipe, used)}." in card(recipe) for used in recipe.selective
    )


@pytest.mark.parametrize(
    ("selective", "accepted", "asked", "words"),
    [
        ({"wrong_at_most": 0.05}, 0.9, None, "at most 5 wrong of 100 accepted boxes: it accepts 90 %"),
        (
            {"wrong_at_most": 0.07, "more_held_out": 10},
            1.0,
            None,
            "accepts 100 %; 10 more held-out examples would allow",
        ),
        ({"wrong_at_most": 0.16, "more_held_out": None}, 0.7, None, "too many held-out ones are wrong to promise 5"),
        ({"wrong_at_most": 0.25, "more_held_out": None}, 0.0, None, "too many held-out ones are wrong to accept any"),
        ({"wrong_at_most": 0.09, "few_groups": 1}, 0.7, None, "1 group, such as speakers: more groups would allow"),
        (
            {"wrong_at_most": 0.1, "more_held_out": 3},
            0.7,
            0.1,
            "10 wrong of 100 accepted boxes: it accepts 70 %",
        ),
    ],
)
def test_promises_in_words(selective: dict[str, Any], accepted: float, asked: float | None, words: str) -> None:
    recipe = recipe_for("boxes", ("image",)).model_copy(
        update={
            "wrong_at_most": asked,
            "selective": {"image": SelectivePrediction(**selective)},
            "results": {"image": {"n": 20, "metrics": {"coverage": accepted}, "intervals": {}}},
        }
    )
    said = promise(recipe, "image")
    assert words in said
    assert ("more" in said) == ("more" in words), said


def test_senses_are_tried_by_the_examples_that_have_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    network = Network(dataset.recipe).eval()
    dataset._preprocessed["image"]._ends[-3:] = dataset._preprocessed["image"]._ends[-4]  # the last have no picture
    recipe = trial.calibrate_network(network, dataset, np.arange(EXAMPLES), listen=silence)
    assert {used: result["n"] for used, result in recipe.results.items()} == {
        "image+audio": EXAMPLES - 3,
        "image": EXAMPLES - 3,
        "audio": EXAMPLES,
    }


def test_a_sense_is_remembered_and_begun_with_by_the_examples_that_have_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    dataset._preprocessed["audio"]._ends[3:] = dataset._preprocessed["audio"]._ends[2]
    dataset._preprocessed["audio"].lengths[2:] = 0  # only the first two have a sound
    assert dataset.has_sense("audio").tolist() == [True, True] + [False] * (EXAMPLES - 2)
    network = Network(dataset.recipe)
    training = dataset.recipe.training.model_copy(update={"steps": 1})
    fit(network, dataset, np.arange(EXAMPLES), Clock(training, 60.0), saved=tmp_path / "run", listen=silence)
    begun = Network(dataset.recipe).encoders["audio"]
    begun.begin(dataset.inputs("audio", [0, 1]))
    torch.testing.assert_close(network.encoders["audio"].logmel.mean, begun.logmel.mean)
    trial.remember(network.eval(), dataset, np.arange(EXAMPLES))
    assert network.ood["audio"].texture.isfinite().all()
