"""Every example is answered by a model that has not learned from it; heads on subsets give a learning curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, digits, digits_table, open_all_kinds, recipe_for
from seehear.answers import ANSWERS
from seehear.answers.label import Label
from seehear.check.finding import Correction
from seehear.check.suspects import report_suspects
from seehear.events import ignore_events
from seehear.learn import learning_curve, out_of_fold
from seehear.learn.calibrate.calibration import predict_held_out
from seehear.learn.data.cache import DatasetCache
from seehear.learn.learning_curve import measure_learning_curve
from seehear.learn.loop.fit import fit
from seehear.learn.loop.probe import FrozenFeatures, fit_head
from seehear.learn.model.network import create_network
from seehear.learn.out_of_fold import OutOfFoldAnswers, answer_out_of_fold
from seehear.learn.outputs import compute_outputs

CPU = torch.device("cpu")
ROWS = 96


def heads_of(folder: Path) -> OutOfFoldAnswers:
    """Digits that are round or not, answered by heads on a random encoder."""
    truth = [int(digits()[1][i]) for i in range(ROWS)]
    cells = ["round" if digit in (0, 6, 8, 9) else "other" for digit in truth]
    recipe = recipe_for("label", ("image",))
    recipe = recipe.model_copy(update={"answer": ANSWERS["label"].plan(cells, "label")})
    table = open_all_kinds(digits_table(folder / "data", {"label": cells}, ("image",)), workspace=folder)
    dataset = DatasetCache.build(table, recipe, folder / "dataset", listen=ignore_events)
    torch.manual_seed(0)
    network = create_network(recipe, CPU)
    frozen = fit_head(network, dataset, np.arange(ROWS), ignore_events)
    assert frozen is not None and frozen.outputs is not None
    answered = out_of_fold._calibrate(frozen.outputs, dataset)
    answers = [answered[row] for row in range(ROWS)]
    return OutOfFoldAnswers(dataset, dataset.kept, answers, [dataset.truth(r) for r in range(ROWS)], network, frozen)


@pytest.mark.parametrize(("kind", "pretrained"), [("label", False), ("score", False), ("label", True)])
def test_networks_answer_only_what_they_were_not_trained_on(
    kind: str, pretrained: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_for(kind, ("image",), steps=3)
    table = dataset_of(recipe, tmp_path).table
    if pretrained:  # random weights serve as well
        recipe = recipe.model_copy(update={"starts": {"image": "efficientnet-lite0"}})
        monkeypatch.setattr(out_of_fold, "load_starts", lambda network: None)
    heads, trained, answered = list[set[int]](), list[set[int]](), list[set[int]]()

    def fit_head_alone(frozen: FrozenFeatures, network: Any, chosen: Any, penalty: Any = None) -> Any:
        heads.append(set(chosen.tolist()))
        return refit(frozen, network, chosen, penalty)

    def record(network: Any, dataset: Any, rows: Any, clock: Any, **how: Any) -> Any:
        trained.append(set(rows.tolist()))
        return fit(network, dataset, rows, clock, **how)

    def ask(ask_network: Any) -> Any:
        def recorded(network: Any, dataset: Any, rows: Any, *rest: Any) -> Any:
            answered.append(set(rows.tolist()))
            return ask_network(network, dataset, rows, *rest)

        return recorded

    refit = FrozenFeatures.refit
    monkeypatch.setattr(FrozenFeatures, "refit", fit_head_alone)
    monkeypatch.setattr(out_of_fold, "fit", record)
    monkeypatch.setattr(out_of_fold, "predict_held_out", ask(predict_held_out))
    monkeypatch.setattr(out_of_fold, "compute_outputs", ask(compute_outputs))
    found = answer_out_of_fold(table, recipe, tmp_path / "run", CPU, ignore_events, heads_suffice=False)
    assert len(found.answers) == len(found.truths) == EXAMPLES
    assert all(not own & other for own, other in zip(trained, answered, strict=True))
    assert set.union(*answered) == set(range(EXAMPLES))
    assert heads[1:] == (trained if pretrained else [])  # the first is fitted to all, for the learning curve
    assert (found.frozen is not None) == pretrained


def test_heads_on_subsets_give_a_curve_and_advice(tmp_path: Path) -> None:
    found = heads_of(tmp_path)
    curve = measure_learning_curve(found, ignore_events)
    assert curve is not None and curve.metric == "accuracy" and curve.examples == ROWS
    assert len(curve.curve.sizes) == len(learning_curve.FRACTIONS)
    assert (np.diff(curve.curve.sizes) > 0).all() and curve.curve.sizes[-1] < ROWS
    assert (curve.curve.errors < 0.5).all()
    assert set(curve.classes) == {"round", "other"} == set(curve.counts)
    assert sum(curve.counts.values()) == ROWS
    assert len(curve.describe()) == 2
    fewer = measure_learning_curve(found, ignore_events, np.arange(8, ROWS))
    assert fewer is not None and fewer.examples == sum(fewer.counts.values()) == ROWS - 8
    assert fewer.curve.sizes[-1] < curve.curve.sizes[-1]


def test_too_few_examples_have_no_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curve, "FEWEST", ROWS)
    assert measure_learning_curve(heads_of(tmp_path), ignore_events) is None


def test_suspects_become_findings_with_their_rows_and_corrections(tmp_path: Path) -> None:
    recipe = recipe_for("label", ("image",))
    table = dataset_of(recipe, tmp_path).table
    truths = [ANSWERS["label"].read(cell, recipe.answer) for cell in table.answers()]
    answers = [
        Label(truth.names, probabilities=(0.98, 0.02) if truth.names == ("even",) else (0.02, 0.98)) for truth in truths
    ]
    answers[5] = answers[4]  # rows alternate
    kept = list(range(EXAMPLES))[::-1]
    (finding,) = report_suspects(table, kept, ANSWERS["label"], recipe.answer, answers, truths)
    (concern,) = finding.concerns
    assert concern.row == kept[5] and concern.where == table[kept[5]].key
    assert concern.correction == Correction(truths[4].to_cell())
    assert finding.figures["rows"] == 1 and 0.5 < finding.figures["expected_wrong"] <= 1
