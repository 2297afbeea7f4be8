"""Several recipes are tried: the best on one held-out part is kept, and measured on another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import seehear
import tiny
from colours import write_colours
from learning import digits_table, open_all_kinds, recipe_for
from seehear.datasets import TrainingData
from seehear.errors import DataError, TrainingError, UsageError
from seehear.events import Event, Notice, ignore_events
from seehear.learn import tries
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.run_directory import read_tried
from seehear.learn.tries import IN_TURN, Trial, nest, share_minutes, train_tries
from seehear.planning.options import TrainOptions
from seehear.recipe import Recipe
from seehear.table import RowProblem, Table

LABELS = {"label": [("odd", "even")[i % 2] for i in range(60)]}
PROBLEM = RowProblem("a.png", "is damaged")


def table_of(folder: Path, cells: dict[str, list[str]] | None = None) -> Table:
    return open_all_kinds(digits_table(folder, cells or LABELS, ("image",)), workspace=folder)


def keys(table: Table) -> set[str]:
    return {row.key for row in table}


def recipes_of(number: int) -> tuple[Recipe, ...]:
    rates = [0.001 * (1 + each) for each in range(number)]
    own = recipe_for("label", ("image",), minutes=1.0)
    return tuple(
        own.model_copy(update={"training": own.training.model_copy(update={"learning_rate": rate})}) for rate in rates
    )


class Scripted:
    """Pretends to train: the accuracy by learning rate is given; None for a training that fails."""

    def __init__(self, values: dict[float, float | None], patch: pytest.MonkeyPatch) -> None:
        self.values = values
        self.trained: list[float] = []
        self.held_out: Table | None = None
        patch.setattr(tries, "train_best", self.train_best)
        patch.setattr(tries, "recalibrate", self.recalibrate)

    def train_best(self, data: TrainingData, recipe: Recipe, **_: Any) -> Any:
        assert data.val is not None
        rate = recipe.training.learning_rate
        self.trained.append(rate)
        if (value := self.values[rate]) is None:
            raise TrainingError("not finite")
        made = tiny.bundle()
        results = {"image": {"n": len(data.val), "metrics": {"accuracy": value, "coverage": 0.0}, "intervals": {}}}
        recipe = made.recipe.model_copy(
            update={"results": results, "training": recipe.training.model_copy(update={"steps": 5})}
        )
        return type(made)(recipe, made.model, made.weights, made.card), (PROBLEM,)

    def recalibrate(self, bundle: Any, learned: Table, held_out: Table, *_: Any) -> Any:
        self.held_out = held_out
        return bundle, ()


def trial_of(number: int, folder: Path) -> Trial:
    (folder / "run").mkdir(exist_ok=True)
    return Trial(TrainingData(table_of(folder / "data")), recipes_of(number), None, folder / "run", "cpu")


def test_the_best_is_kept_and_all_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted({0.001: 0.7, 0.002: 0.9, 0.003: None, 0.004: 0.9}, monkeypatch)
    trial, heard = trial_of(4, tmp_path), list[Event]()
    bundle, problems = train_tries(trial, IN_TURN.run, heard.append)
    found = bundle.recipe.tries
    assert found is not None and found.kept == 1 and problems == (PROBLEM,)
    assert [each.value for each in found.tried] == [0.7, 0.9, None, 0.9]
    assert bundle.recipe.training.learning_rate == 0.002
    assert "best of 4 recipes on 15 other examples" in bundle.card
    assert bundle.card.count("(kept)") == 1
    said = [event.text for event in heard if isinstance(event, Notice)]
    assert said[0].startswith(
        "trying 4 recipes, each for 60 seconds, on 30 examples; 15 others choose the best, and 15"
    )
    assert "recipe 3 of 4" in said[3] and said[3].endswith("it could not be measured")
    assert scripted.held_out is not None and len(scripted.held_out) == 15


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted, trial = Scripted({0.001: 0.7, 0.002: 0.9}, monkeypatch), trial_of(2, tmp_path)
    first, _ = train_tries(trial, IN_TURN.run, ignore_events)
    assert read_tried(trial.folder, 2) == trial.recipes
    with pytest.raises(UsageError, match="the run started with --tries 2"):
        read_tried(trial.folder, None)
    again, problems = train_tries(trial, IN_TURN.run, ignore_events)
    assert scripted.trained == [0.001, 0.002] and problems == (PROBLEM,)
    assert again.recipe == first.recipe


def test_none_that_can_be_trained_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Scripted({0.001: None, 0.002: None}, monkeypatch)
    with pytest.raises(TrainingError, match="no recipe could be trained"):
        train_tries(trial_of(2, tmp_path), IN_TURN.run, ignore_events)


def test_the_parts_are_apart_and_of_one_size(tmp_path: Path) -> None:
    table, recipe = table_of(tmp_path), recipes_of(1)[0]
    data, held_out = nest(TrainingData(table), recipe)
    assert data.val is not None
    parts = [keys(each) for each in (data.examples, data.val, held_out)]
    assert [len(part) for part in parts] == [30, 15, 15]
    assert set.union(*parts) == keys(table)


def test_given_held_out_examples_measure_the_best(tmp_path: Path) -> None:
    table, given = table_of(tmp_path / "a"), table_of(tmp_path / "b")
    data, held_out = nest(TrainingData(table, given), recipes_of(1)[0])
    assert held_out is given
    assert data.val is not None and (len(data.examples), len(data.val)) == (45, 15)


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    table = table_of(tmp_path, {"label": ["odd", "even", "odd", "even"]})
    with pytest.raises(DataError, match=r"too few examples: 2 to train on, 1 for the choice of the recipe and 1 to"):
        nest(TrainingData(table), recipes_of(1)[0])


@pytest.mark.parametrize(("at_once", "minutes"), [(1, 0.95), (3, 0.95 * 8 / 3), (8, 0.95 * 8)])  # 8, 3 and 1 in turn
def test_all_together_take_the_given_minutes(at_once: int, minutes: float) -> None:
    shared = share_minutes(TrainOptions(minutes=8), 8, at_once).minutes
    assert shared == pytest.approx(minutes)
    assert share_minutes(TrainOptions(), 8, at_once).minutes is None


@pytest.mark.parametrize("number", [1, 1001])
def test_one_recipe_is_not_tried(number: int) -> None:
    with pytest.raises(UsageError, match=rf"--tries {number}. Allowed: 2 to 1000"):
        TrainOptions(tries=number)


@pytest.mark.slow
def test_a_tried_recipe_gives_an_ordinary_model(tmp_path: Path) -> None:
    data = write_colours(tmp_path / "colours", 40)
    out = tmp_path / "colours.seehear"
    made = seehear.train(data, out, steps=12, start="none", tries=2)
    recipe = seehear.load(out).recipe
    assert recipe == made.recipe and recipe.tries is not None and len(recipe.tries.tried) == 2
    assert recipe.results["image"]["n"] == recipe.tries.examples == 20  # of 80: a quarter of so few is held out
    assert recipe.training.steps == 12 and render_model_card(recipe) == made.card()
    right = [made.predict(path).answer.names[0] == path.parent.name for path in sorted(data.glob("*/*.png"))]
    assert sum(right) > 0.8 * len(right)
    assert not Path(f"{out}.run").exists()
    green = tmp_path / "green"  # its features fit those that were kept
    green.mkdir()
    for number in range(6):
        Image.new("RGB", (16, 16), (40, 180 + number, 40)).save(green / f"{number}.png")
    assert made.add(green).recipe.added == {"green": 6}
