"""Cross-fitting: training examples are answered by networks that have not seen them or their group."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.answers import ANSWERS
from seehear.events import Event, Started, ignore_events
from seehear.learn import cross_fit
from seehear.learn.calibrate.calibration import calibrate_network
from seehear.learn.calibrate.card import describe_risk, render_model_card
from seehear.learn.cross_fit import FineTuning, OutOfFold
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.checkpoint import TrainingProgress
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import fit_head
from seehear.learn.loop.selection import Selected, Weights, take_weights
from seehear.learn.model.network import Network, create_network
from seehear.planning.plan import FOLDS, choose_folds

Array = NDArray[Any]

CPU = torch.device("cpu")
HELD_OUT = 4  # of the examples


def tuning_of(folder: Path, kind: str = "label", **training: Any) -> tuple[FineTuning, Clock]:
    """A network whose head is fitted to its features, ready to be fine-tuned for two steps."""
    dataset = dataset_of(recipe_for(kind, ("image",), **({"folds": 3, "steps": 2} | training)), folder)
    split = DataSplit(dataset, np.arange(HELD_OUT, EXAMPLES), dataset, np.arange(HELD_OUT))
    torch.manual_seed(0)
    network = create_network(dataset.recipe, CPU)
    frozen = fit_head(network, dataset, split.train_rows, ignore_events)
    assert frozen is not None
    tuning = FineTuning(network, frozen, split, folder / "checkpoint.safetensors", ignore_events)
    return tuning, Clock(dataset.recipe.training, 100.0)


class Training(NamedTuple):
    rows: Array
    seconds: float


def choose(patch: pytest.MonkeyPatch, weights: Weights) -> None:
    """Have these weights chosen, whatever their loss."""

    def chosen(before: Network, after: Network, *_: Any) -> Selected:
        return Selected(weights, take_weights(weights, before, after))

    patch.setattr(cross_fit, "choose_weights", chosen)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """Each training. It takes no steps; the head's bias becomes the number of the training."""
    trainings: list[Training] = []

    def record(network: Network, dataset: Any, rows: Array, clock: Clock, **_: Any) -> Any:
        torch.nn.init.constant_(network.head.classify.bias, len(trainings))  # type: ignore[union-attr,arg-type]
        torch.nn.init.zeros_(network.head.classify.weight)  # type: ignore[union-attr,arg-type]
        trainings.append(Training(rows, clock.seconds))
        return network.eval(), TrainingProgress(step=1, allowed_s=clock.seconds)

    monkeypatch.setattr(cross_fit, "fit", record)
    choose(monkeypatch, "after")
    return trainings


def test_each_example_is_answered_by_a_network_that_was_trained_without_its_group(
    trained: list[Training], tmp_path: Path
) -> None:
    tuning, clock = tuning_of(tmp_path)
    groups = np.arange(EXAMPLES) // 3
    tuning.split.train.__dict__["groups"] = groups
    out_of_fold = tuning.run(clock).out_of_fold
    rows = tuning.split.train_rows
    assert len(trained) == 3
    assert out_of_fold is not None and out_of_fold.rows.tolist() == rows.tolist()
    for row, logits in zip(rows, out_of_fold.outputs["logits"], strict=True):
        assert groups[row] not in groups[trained[int(logits[0])].rows]


def test_the_network_is_the_mean_of_those_of_the_folds(trained: list[Training], tmp_path: Path) -> None:
    tuning, clock = tuning_of(tmp_path)
    network = tuning.run(clock).network
    assert network.head.classify.bias.unique().tolist() == [(0 + 1 + 2) / 3]  # type: ignore[union-attr,operator]


def test_all_networks_get_the_same_time(trained: list[Training], tmp_path: Path) -> None:
    tuning, clock = tuning_of(tmp_path)
    tuning.run(clock)
    assert [each.seconds for each in trained] == [clock.seconds / 3] * 3


@pytest.mark.parametrize("kind", ["label", "score"])
def test_if_fine_tuning_does_not_help_the_head_is_cross_validated(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, "before")
    tuning, clock = tuning_of(tmp_path, kind)
    out_of_fold = tuning.run(clock).out_of_fold
    assert out_of_fold is not None and out_of_fold.outputs is tuning.frozen.outputs
    assert out_of_fold.outputs.keys() == ANSWERS[kind].raw_shapes(tuning.split.train.recipe.answer).keys()


def test_held_out_data_of_its_own_is_enough(trained: list[Training], tmp_path: Path) -> None:
    tuning, clock = tuning_of(tmp_path)
    other = dataset_of(tuning.split.train.recipe, tmp_path / "other")
    apart = replace(tuning, split=replace(tuning.split, val=other, val_rows=np.arange(HELD_OUT)))
    assert apart.run(clock).out_of_fold is None
    assert len(trained) == 1


def test_too_few_groups_are_not_divided(trained: list[Training], tmp_path: Path) -> None:
    tuning, clock = tuning_of(tmp_path)
    tuning.split.train.__dict__["groups"] = np.arange(EXAMPLES) % 2
    assert tuning.run(clock).out_of_fold is None


def test_an_interrupted_run_gives_the_same_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, "mean")
    tuning, clock = tuning_of(tmp_path / "a")
    expected = tuning.run(clock).out_of_fold
    tuning, clock = tuning_of(tmp_path / "b")
    started: list[Event] = []

    def interrupt(event: Event) -> None:
        started.extend([event] * isinstance(event, Started))
        if len(started) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(tuning, listen=interrupt).run(clock)
    begun: list[int] = []

    def watch(*of: Any, **how: Any) -> Any:
        found = fit(*of, **how)
        begun.append(how["saved"].exists())
        return found

    monkeypatch.setattr(cross_fit, "fit", watch)
    found = tuning.run(clock).out_of_fold
    assert expected is not None and found is not None and len(begun) == 3
    np.testing.assert_array_equal(found.outputs["logits"], expected.outputs["logits"])


def test_both_kinds_of_examples_calibrate_and_the_card_says_so(tmp_path: Path) -> None:
    tuning, _ = tuning_of(tmp_path)
    rows = tuning.split.train_rows
    right = [tuning.split.train.truth(row).names[0] for row in rows]
    classes = tuning.split.train.recipe.answer.classes  # type: ignore[attr-defined]
    given = OutOfFold(rows, {"logits": np.array([[9.0 * (name == each) for each in classes] for name in right])})
    alone, both = (
        calibrate_network(
            tuning.fitted.eval(), tuning.split.val, tuning.split.val_rows, *more, listen=ignore_events
        ).recipe
        for more in ((), (given,))
    )
    assert both.results["image"]["metrics"]["accuracy"] >= len(rows) / EXAMPLES
    assert (alone.cross_fitted, both.cross_fitted) == (0, len(rows))
    assert len(both.usual.confidence) == sum(both.usual.classes.values()) == HELD_OUT, "only by the network itself"
    assert len(both.usual.unfamiliarity["image"]) == HELD_OUT and list(both.usual.classes) == list(classes)
    assert (alone.results["image"]["n"], both.results["image"]["n"]) == (HELD_OUT, EXAMPLES)
    assert "Cross-validated: on held-out examples and 12 training examples" in render_model_card(both)
    assert "Cross-validated" not in render_model_card(alone)
    assert "more held-out example" not in describe_risk(both, "image")


@pytest.mark.parametrize(
    ("examples", "kind", "senses", "starts", "steps", "folds"),
    [
        (500, "label", ["image"], ["image"], 60, FOLDS),
        (500, "score", ["image"], ["image"], 60, FOLDS),
        (500, "label", ["image"], ["image"], 59, 0),
        (500, "label", ["image"], [], 60, 0),
        (500, "label", ["image", "audio"], ["image"], 60, 0),
        (500, "mask", ["image"], ["image"], 60, 0),
        (500, "text", ["audio"], ["audio"], 60, 0),
        (199, "label", ["image"], ["image"], 60, 0),
        (2000, "label", ["image"], ["image"], 60, 0),
    ],
)
def test_a_few_hundred_examples_are_cross_fitted_if_there_is_time(
    examples: int, kind: str, senses: list[str], starts: list[str], steps: float, folds: int
) -> None:
    assert choose_folds(examples, ANSWERS[kind], senses, starts, steps) == folds
