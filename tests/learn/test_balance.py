"""Equal weight for the groups of a column: what is repeated, what it changes, and what the card says about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import ANSWER_CELLS, EXAMPLES, digits_table, open_all_kinds, recipe_for
from seehear.effects import Fairness, GroupEffect
from seehear.errors import UsageError
from seehear.events import Event, Notice, ignore_events
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.data.balance import MOST_REPEATED, balance
from seehear.learn.data.cache import DatasetCache
from seehear.learn.loop.probe import compare_groups, fit_head
from seehear.learn.model.network import Network
from seehear.measure.evaluate import evaluate
from seehear.planning.columns import require_column
from seehear.recipe import Recipe

ROWS = np.arange(EXAMPLES)
SITES = ["north"] * (EXAMPLES - 4) + ["south"] * 4


def dataset_with(folder: Path, sites: list[str], *, fair: str, kind: str = "label") -> DatasetCache:
    senses = ("audio",) if kind == "text" else ("image",)
    recipe = recipe_for(kind, senses)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"fair": fair})})
    path = digits_table(folder / "data", {kind: ANSWER_CELLS[kind], "site": sites}, senses)
    table = open_all_kinds(path, workspace=folder, senses=senses, answer=kind)
    return DatasetCache.build(table, recipe, folder / "dataset", listen=ignore_events)


def test_groups_become_equally_large_within_each_class(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path, SITES, fair="site")
    places = balance(dataset, ROWS)
    cells = [(SITES[place], ANSWER_CELLS["label"][place]) for place in places]
    each = (EXAMPLES - 4) // 2
    assert {cell: cells.count(cell) for cell in cells} == {
        (site, name): each for site in ("north", "south") for name in ("odd", "even")
    }
    assert sorted(set(places)) == list(ROWS)
    counts = np.bincount(places)
    assert counts[:-4].max() == 1 and counts[-4:].max() - counts[-4:].min() <= 1


def test_nothing_is_repeated_without_a_column_and_not_too_often_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(balance(dataset_with(tmp_path / "a", SITES, fair=""), ROWS)) == list(ROWS)
    alone = dataset_with(tmp_path / "b", ["north"] * (EXAMPLES - 2) + ["", "south"], fair="site")
    monkeypatch.setattr("seehear.learn.data.balance.MOST_REPEATED", 3)
    counts = np.bincount(balance(alone, ROWS))
    assert MOST_REPEATED > 3 and list(counts[-2:]) == [1, 3] and counts[:-2].max() == 1


@pytest.mark.parametrize("kind", ["score", "text", "boxes", "mask"])
def test_answers_without_classes_are_balanced_over_groups(tmp_path: Path, kind: str) -> None:
    dataset = dataset_with(tmp_path, SITES, fair="site", kind=kind)
    sites = [SITES[place] for place in balance(dataset, ROWS)]
    assert sites.count("north") == sites.count("south") == EXAMPLES - 4


def test_the_head_is_fitted_to_balanced_groups_and_says_what_that_changed(tmp_path: Path) -> None:
    events: list[Event] = []
    heads: list[torch.Tensor] = []
    effects: list[Fairness | None] = []
    for fair in ("", "site"):
        torch.manual_seed(0)
        network = Network(recipe_for("label", ("image",))).eval()
        frozen = fit_head(network, dataset_with(tmp_path / fair, SITES, fair=fair), ROWS, events.append)
        assert frozen is not None and frozen.outputs is not None and len(frozen.outputs["logits"]) == EXAMPLES
        head: Any = network.head
        heads.append(head.classify.weight)
        effects.append(frozen.fairness)
    assert not heads[0].equal(heads[1])
    without, found = effects
    assert without is None and found is not None
    assert [(group.name, group.examples) for group in found.groups] == [("north", EXAMPLES - 4), ("south", 4)]
    assert str(found) in [event.text for event in events if isinstance(event, Notice)]


def test_the_effect_is_that_of_the_answers(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path, SITES, fair="site")
    truths = [dataset.truth(int(row)) for row in ROWS]
    spec, kind = dataset.recipe.answer, dataset.kind
    raws = [{"logits": 9 * kind.target(truth, spec, None)["classes"]} for truth in truths]
    right = [kind.to_answer(raw, spec, {}, None) for raw in raws]
    wrong = [kind.to_answer({"logits": -raw["logits"]}, spec, {}, None) for raw in raws]
    found = compare_groups(dataset, ROWS, [*right[:-4], *wrong[-4:]], [wrong[0], *right[1:]])
    assert [(group.name, group.without, group.with_it) for group in found.groups] == [
        ("north", 0.0, 1 / (EXAMPLES - 4)),
        ("south", 1.0, 0.0),
    ]


def test_the_card_says_what_equal_weight_cost() -> None:
    groups = (
        GroupEffect(name="north", examples=300, without=0.02, with_it=0.03),
        GroupEffect(name="south", examples=20, without=0.2, with_it=0.1),
    )
    recipe = recipe_for("label", ("image",), steps=1)
    recipe = recipe.model_copy(update={"fairness": Fairness(column="site", groups=groups)})
    card = render_model_card(recipe)
    assert "'south', 20 % are wrong without and 10 % with it, of the others 2 % and 3 %, in cross-validation" in card
    assert "| south | 20 | 20 % | 10 % |\n| north | 300 | 2.0 % | 3.0 % |" in card
    assert Recipe.from_json(recipe.to_json()).fairness == recipe.fairness
    unmeasured = recipe.model_copy(update={"fairness": Fairness(column="site")})
    assert "what that cost the larger ones was not measured" in render_model_card(unmeasured)


def test_the_card_names_the_worst_group_but_no_people(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path, SITES, fair="")
    assert dataset.group_columns(range(EXAMPLES)) == {}, "names of places stay out of model files"
    spec, kind = dataset.recipe.answer, dataset.kind
    truths = [dataset.truth(int(row)) for row in ROWS]
    raws = [{"logits": 9 * kind.target(truth, spec, None)["classes"]} for truth in truths]
    answers = [
        kind.to_answer({"logits": -raw["logits"] if row < 5 else raw["logits"]}, spec, {}, None)
        for row, raw in enumerate(raws)
    ]
    cells = ["wet"] * 6 + ["dry"] * (EXAMPLES - 6)
    found = evaluate(kind, spec, answers, truths, accepted=[True] * EXAMPLES, metadata={"weather": cells})
    recipe = recipe_for("label", ("image",), steps=1).model_copy(update={"results": {"image": found.to_json()}})
    card = render_model_card(recipe)
    assert "- weather: wet (6 examples, which is few), accuracy 0.167 (0.0301 to 0.564); it is shown to be" in card


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    table = dataset_with(tmp_path, SITES, fair="").table
    assert require_column(table, "site") == "site" and require_column(table, None) == ""
    with pytest.raises(UsageError, match=r"no column 'sex' of groups. Allowed: site"):
        require_column(table, "sex")
    with pytest.raises(UsageError, match="the column 'site' has a single group"):
        require_column(table.take([0, 1]), "site")
