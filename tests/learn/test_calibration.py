"""Calibration on held-out examples: each is decoded once, and few raw arrays are kept."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, recipe_for
from risk_curves import fit_risk_curve
from seehear.answers import ANSWERS
from seehear.answers.selective import bound_risk
from seehear.events import Notice, ignore_events
from seehear.learn.calibrate import calibration
from seehear.learn.calibrate.card import describe_risk, render_model_card
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.model.network import Network
from seehear.measure.thresholds import to_risk_curve
from seehear.recipe import SelectivePrediction
from seehear.senses.hearing.encoder import ConvRecurrentEncoder

TUNED = 6


@pytest.mark.parametrize("kind", ["text", "score"])
def test_each_example_is_decoded_once_and_few_raw_arrays_are_kept(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for(kind, ("audio",)), tmp_path)
    network, spec = Network(dataset.recipe).eval(), dataset.recipe.answer
    decoded, waiting = [], []
    plain = ANSWERS[kind]
    counting = copy(plain)

    def n_best(raw: Mapping[str, Any], spec: Any, calibration: Mapping[str, float]) -> Any:
        decoded.append(raw)
        return plain.n_best(raw, spec, calibration)

    class Watched(calibration.Calibrator):
        def add(self, row: int, raw: Mapping[str, Any]) -> None:
            super().add(row, raw)
            waiting.append(len(self._searched))

    monkeypatch.setattr(counting, "n_best", n_best)
    monkeypatch.setattr(calibration, "TUNED", TUNED)
    monkeypatch.setattr(calibration, "Calibrator", Watched)
    monkeypatch.setitem(ANSWERS, kind, counting)
    recipe = calibration.calibrate_network(network, dataset, np.arange(EXAMPLES), listen=ignore_events).recipe
    assert len(decoded) == EXAMPLES
    assert max(waiting) < TUNED and waiting[-1] == 0

    truths = [dataset.truth(row) for row in range(EXAMPLES)]
    tuned = plain.tune(decoded[:TUNED], truths[:TUNED], spec)
    seen = [plain.n_best(raw, spec, tuned) for raw in decoded[:EXAMPLES]]
    fitted = tuned | plain.calibrate(seen, truths, spec)
    assert recipe.selective["audio"].calibration == fitted
    answers = [plain.to_answer(raw, spec, fitted, None) for raw in decoded[:EXAMPLES]]
    compared = plain.compare(answers, truths, spec)
    right = plain.right(compared, spec)
    wholes = fit_risk_curve(np.array([answer.confidence for answer in answers]), right, dataset.groups)
    items = None if plain.items is None else plain.items.score(compared, spec)
    risks: dict[str, Any] = (
        {"risk": wholes}
        if items is None
        else {"risk": to_risk_curve(bound_risk(items, dataset.groups)), "whole_risk": wholes}
    )
    selective = recipe.selective["audio"]
    assert selective == SelectivePrediction(
        calibration=fitted,
        **risks,
        forecast=selective.forecast,
        wrong_at_most=selective.wrong_at_most,
        more_held_out=selective.more_held_out,
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
def test_few_groups_weaken_the_guarantee(groups: np.ndarray, few: int, tmp_path: Path) -> None:
    """With few groups their differences are a guess, so the guarantee is no stricter than without groups."""
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image",)), tmp_path)
    dataset.__dict__["groups"] = groups
    selective = calibration.calibrate_network(
        Network(dataset.recipe).eval(), dataset, np.arange(EXAMPLES), listen=ignore_events
    ).recipe.selective["image"]
    assert selective.few_groups == few
    alone = dataset_of(dataset.recipe, tmp_path / "alone")
    alone.__dict__["groups"] = np.arange(EXAMPLES)
    others = calibration.calibrate_network(
        Network(dataset.recipe).eval(), alone, np.arange(EXAMPLES), listen=ignore_events
    ).recipe.selective["image"]
    assert selective.wrong_at_most >= others.wrong_at_most


def test_the_guarantee_is_stated_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    said: list[Any] = []
    recipe = calibration.calibrate_network(
        Network(dataset.recipe).eval(), dataset, np.arange(EXAMPLES), listen=said.append
    ).recipe
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": 1})})
    promises = [event.text for event in said if isinstance(event, Notice)]
    assert promises == [describe_risk(recipe, "image+audio")]
    assert all(
        f"- By {used.replace('+', ' and ')}: {describe_risk(recipe, used)}." in render_model_card(recipe)
        for used in recipe.selective
    )


@pytest.mark.parametrize(
    ("selective", "accepted", "asked", "words"),
    [
        ({"wrong_at_most": 0.05}, 0.9, None, "at most 5 % of accepted boxes are wrong; 90 % are accepted"),
        (
            {"wrong_at_most": 0.07, "more_held_out": 10},
            1.0,
            None,
            "100 % are accepted; 10 more held-out examples would allow 5 %",
        ),
        ({"wrong_at_most": 0.16, "more_held_out": None}, 0.7, None, "too many were wrong to guarantee 5 %"),
        ({"wrong_at_most": 0.25, "more_held_out": None}, 0.0, None, "none is accepted, as too many were wrong"),
        (
            {"wrong_at_most": 0.09, "few_groups": 1},
            0.7,
            None,
            "1 group, such as speakers: with more, fewer could be guaranteed",
        ),
        ({"wrong_at_most": 0.1, "more_held_out": 3}, 0.7, 0.1, "at most 10 % of accepted boxes are wrong; 70 %"),
    ],
)
def test_the_guarantee_in_words(selective: dict[str, Any], accepted: float, asked: float | None, words: str) -> None:
    recipe = recipe_for("boxes", ("image",)).model_copy(
        update={
            "wrong_at_most": asked,
            "selective": {"image": SelectivePrediction(**selective)},
            "results": {"image": {"n": 20, "metrics": {"coverage": accepted}, "intervals": {}}},
        }
    )
    said = describe_risk(recipe, "image")
    assert words in said
    assert ("more" in said) == ("more" in words), said


def test_sets_of_senses_are_calibrated_on_the_examples_that_have_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    network = Network(dataset.recipe).eval()
    dataset._preprocessed["image"]._ends[-3:] = dataset._preprocessed["image"]._ends[-4]  # the last have no picture
    recipe = calibration.calibrate_network(network, dataset, np.arange(EXAMPLES), listen=ignore_events).recipe
    assert {used: result["n"] for used, result in recipe.results.items()} == {
        "image+audio": EXAMPLES - 3,
        "image": EXAMPLES - 3,
        "audio": EXAMPLES,
    }


def test_only_examples_with_a_sense_initialise_its_encoder_and_its_ood_scorer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    dataset._preprocessed["audio"]._ends[3:] = dataset._preprocessed["audio"]._ends[2]
    dataset._preprocessed["audio"].lengths[2:] = 0  # only the first two have a sound
    assert dataset.has_sense("audio").tolist() == [True, True] + [False] * (EXAMPLES - 2)
    network = Network(dataset.recipe)
    training = dataset.recipe.training.model_copy(update={"steps": 1})
    fit(network, dataset, np.arange(EXAMPLES), Clock(training, 60.0), saved=tmp_path / "run", listen=ignore_events)
    begun, heard = Network(dataset.recipe).encoders["audio"], network.encoders["audio"]
    assert isinstance(begun, ConvRecurrentEncoder) and isinstance(heard, ConvRecurrentEncoder)
    begun.fit_statistics(dataset.inputs("audio", [0, 1]))
    torch.testing.assert_close(heard.logmel.mean, begun.logmel.mean)
    calibration.fit_ood_scorers(network.eval(), dataset, np.arange(EXAMPLES))
    moments = network.ood["audio"].moments
    assert isinstance(moments, torch.Tensor) and moments.isfinite().all()
