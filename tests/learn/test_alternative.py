"""With many examples, a network with random weights is trained too, and the better recogniser is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from learning import PARITY, digits_table, open_all_kinds, recipe_for
from seehear import api
from seehear.datasets import TrainingData
from seehear.events import Event, Notice, ignore_events
from seehear.learn import alternative
from seehear.learn.alternative import COMPARING, FOLDER, Candidate, choose_bundle, train_best
from seehear.learn.train import Trained
from seehear.recipe import RANDOM_SHARE, Alternative, Recipe

CPU = torch.device("cpu")
START = {"image": "efficientnet-lite2"}
RANDOM = recipe_for("label", ("image",))
ALTERNATIVE = Alternative(senses=RANDOM.senses, width=RANDOM.width, batch=16, learning_rate=0.004)


def candidate(value: float, starts: dict[str, str], kind: str = "label") -> Candidate:
    recipe = recipe_for(kind, ("image",), steps=1)
    return Candidate(replace(tiny.bundle(), recipe=recipe.model_copy(update={"starts": starts})), value, 40)


@pytest.mark.parametrize(
    ("kind", "pretrained", "random", "kept"),
    [
        ("label", 0.9, 0.8, START),
        ("label", 0.9, 0.9, START),
        ("label", 0.8, 0.9, {}),
        ("score", 1.5, 1.6, START),
        ("score", 1.6, 1.5, {}),
    ],
    ids=str,
)
def test_the_better_on_held_out_examples_is_kept_and_its_card_says_so(
    kind: str, pretrained: float, random: float, kept: dict[str, str]
) -> None:
    heard: list[Event] = []
    best = choose_bundle(candidate(pretrained, START, kind), candidate(random, {}, kind), heard.append)
    assert best.recipe.starts == kept
    own, other = (pretrained, random) if kept else (random, pretrained)
    names = ["efficientnet-lite2", "random weights"][:: 1 if kept else -1]
    metric = "accuracy" if kind == "label" else "mae"
    assert f"On the same 40 held-out examples, the {metric} of a recogniser that started from {names[1]}" in best.card
    assert f" is {other:.3g}; that of this recogniser is {own:.3g}" in best.card
    [notice] = [event.text for event in heard if isinstance(event, Notice)]
    assert notice.startswith(f"from {names[0]}: {metric} {own:.3g}, from {names[1]}: {metric} {other:.3g}")


def test_both_share_the_time_and_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings: list[tuple[Recipe, Path]] = []

    def record(data: Any, recipe: Recipe, *, run: Path, **_: Any) -> Any:
        trainings.append((recipe, run))
        return Trained(tiny.bundle(), (), None, None)  # type: ignore[arg-type]

    monkeypatch.setattr(alternative, "train", record)
    monkeypatch.setattr(alternative, "measure", lambda trained: Candidate(trained.bundle, 0.9, 40))
    monkeypatch.setattr(alternative, "choose_bundle", lambda own, other, listen: own.bundle)
    data = TrainingData(open_all_kinds(digits_table(tmp_path / "data", PARITY, ("image",)), workspace=tmp_path))
    recipe = recipe_for("label", ("image",), minutes=3.0, folds=3)
    recipe = recipe.model_copy(update={"starts": START, "alternative": ALTERNATIVE})
    (tmp_path / "run").mkdir()
    train_best(data, recipe, run=tmp_path / "run", device=CPU, listen=ignore_events)
    (own, first), (random, second) = trainings
    assert own.training.minutes == pytest.approx(3 * (1 - RANDOM_SHARE))
    assert random.training.minutes == pytest.approx(3 * RANDOM_SHARE)
    assert (own.starts, random.starts) == (START, {})
    assert (own.training.folds, random.training.folds) == (3, 0)
    assert random.training.learning_rate == 0.004 and random.senses == RANDOM.senses
    assert own.alternative is None and random.alternative is None
    assert (first, second) == (tmp_path / "run", tmp_path / "run" / FOLDER)


@pytest.mark.slow
def test_an_interrupted_comparison_is_resumed(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", PARITY, ("image",))
    recipe = recipe_for("label", ("image",), steps=2).model_copy(update={"alternative": ALTERNATIVE})
    expected = api.train(data, tmp_path / "a.seehear", recipe=recipe)

    def interrupt(event: Event) -> None:
        if isinstance(event, Notice) and event.text == COMPARING:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.train(data, tmp_path / "b.seehear", recipe=recipe, listen=interrupt)
    resumed = api.train(data, tmp_path / "b.seehear", resume=True)
    assert resumed.recipe.comparison is not None
    assert resumed.recipe.comparison.examples == resumed.recipe.results["image"]["n"]
    assert resumed.recipe.comparison == expected.recipe.comparison
    assert resumed.recipe.results == expected.recipe.results
