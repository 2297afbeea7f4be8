"""Training further from a model file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from sklearn.datasets import load_digits

from learning import dataset_of, digits_table, open_all_kinds, recipe_for
from seehear import api
from seehear.datasets import TrainingData
from seehear.errors import UsageError
from seehear.events import Event
from seehear.learn.export import to_safetensors
from seehear.learn.loop.fit import Clock, Run
from seehear.learn.model.network import Network
from seehear.learn.model.pretrained import Pretrained
from seehear.learn.run_directory import record_start
from seehear.planning.options import TrainOptions
from seehear.planning.reuse import continue_recipe
from seehear.recipe import Recipe
from seehear.table import Table

TableOf = Callable[[list[str]], Table]


@pytest.fixture
def model() -> Pretrained:
    torch.manual_seed(1)
    recipe = recipe_for("label", ("image",), folds=3)
    return Pretrained(recipe, to_safetensors(Network(recipe)), "old.seehear")


@pytest.fixture
def table_of(tmp_path: Path) -> TableOf:
    return lambda cells: open_all_kinds(
        digits_table(tmp_path / "data", {"label": cells}, ("image",)), workspace=tmp_path
    )


def weights_after(model: Pretrained, recipe: Recipe) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    torch.manual_seed(2)
    network = Network(recipe)
    model.load_into(network)
    return safetensors.numpy.load(model.weights), safetensors.numpy.load(to_safetensors(network))


def test_all_weights_are_loaded_for_the_same_classes(model: Pretrained, table_of: TableOf) -> None:
    recipe = continue_recipe(model.recipe, table_of(["odd"] * 6 + ["even"] * 6), TrainOptions(steps=1))
    assert recipe.answer == model.recipe.answer and recipe.training.folds == 0
    stored, loaded = weights_after(model, recipe)
    assert all(np.array_equal(stored[name], loaded[name]) for name in stored)


def test_the_head_starts_anew_for_other_classes(model: Pretrained, table_of: TableOf) -> None:
    recipe = continue_recipe(model.recipe, table_of(["cat", "dog"] * 6), TrainOptions(steps=1))
    assert recipe.senses == model.recipe.senses and recipe.training.precision == "auto"
    assert not model.keeps_head(recipe)
    stored, loaded = weights_after(model, recipe)
    kept = {name: np.array_equal(stored[name], loaded[name]) for name in stored}
    assert all(same for name, same in kept.items() if not name.startswith("head."))
    assert not all(kept.values())


def test_input_statistics_stay_as_they_were_loaded(model: Pretrained, tmp_path: Path) -> None:
    dataset = dataset_of(model.recipe, tmp_path)
    network = Network(model.recipe)
    model.load_into(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    Run.start(network, dataset, np.arange(8), Clock(model.recipe.training, 60.0), tmp_path / "none")
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_weights_of_another_shape_are_refused(model: Pretrained) -> None:
    other = recipe_for("label", ("image", "audio"))
    with pytest.raises(UsageError, match=r"old.seehear: its weights do not fit the recipe: .* is missing"):
        model.load_into(Network(other))


def test_a_model_of_another_kind_is_refused(model: Pretrained, tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"score": [str(i) for i in range(12)]}, ("image",))
    with pytest.raises(
        UsageError, match=r"the model to start from answers label from image. Allowed: score from image"
    ):
        continue_recipe(model.recipe, open_all_kinds(data, workspace=tmp_path), TrainOptions())


def test_a_recipe_and_a_model_to_start_from_are_refused_together(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ["a", "b"] * 4}, ("image",))
    with pytest.raises(UsageError, match="both a recipe and a start"):
        api.train(data, recipe=recipe_for("label", ("image",)), start=tmp_path / "m.seehear")


def test_a_run_is_resumed_only_from_the_same_model(model: Pretrained, table_of: TableOf, tmp_path: Path) -> None:
    table, run = table_of(["odd", "even"] * 6), tmp_path / "run"
    run.mkdir()
    record_start(run, model.recipe, TrainingData(table), model)
    record_start(run, model.recipe, TrainingData(table), model)
    with pytest.raises(UsageError, match=r"the run started from another model. Next: give the same --start"):
        record_start(run, model.recipe, TrainingData(table), replace(model, weights=b"others"))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells odd digits from even ones."""
    folder = tmp_path_factory.mktemp("old")
    recipe = recipe_for("label", ("image",), steps=200)
    api.train(write_digits(folder / "data"), folder / "old.seehear", recipe=recipe)
    return folder / "old.seehear"


def write_digits(folder: Path) -> Path:
    cells = {"label": [("odd", "even")[digit % 2] for digit in load_digits().target[:300]]}
    return digits_table(folder, cells, ("image",))


@pytest.mark.slow
@pytest.mark.xdist_group("start")
def test_a_few_more_steps_beat_the_same_steps_from_scratch(old: Path, tmp_path: Path) -> None:
    data, recipe = write_digits(tmp_path / "data"), api.load(old).recipe
    said: list[Event] = []
    continued = api.train(data, start=old, steps=5, listen=said.append)
    from_scratch = api.train(data, recipe=recipe, steps=5)
    assert any(f"starting from the weights of {old}" in str(event) for event in said)
    assert continued.recipe.senses == recipe.senses
    losses = [model.recipe.results["image"]["metrics"]["log_loss"] for model in (continued, from_scratch)]
    assert losses[0] < losses[1] - 0.1, losses


@pytest.mark.slow
@pytest.mark.xdist_group("start")
def test_other_classes_keep_the_encoder_and_start_the_head_anew(old: Path, tmp_path: Path) -> None:
    cells = {"label": ["cat", "dog", "cow"] * 8}
    said: list[Event] = []
    model = api.train(digits_table(tmp_path / "other", cells, ("image",)), start=old, steps=1, listen=said.append)
    assert any("so the head is re-initialised" in str(event) for event in said)
    assert model.recipe.answer.classes == ("cat", "cow", "dog")  # type: ignore[attr-defined]
