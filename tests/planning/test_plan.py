"""Planning: what is refused, and how the recipe follows from the data, the options and the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from PIL import Image

from learning import ANSWER_CELLS, PARITY, digits_table, open_all_kinds
from seehear import api, cli
from seehear.answers import ANSWERS
from seehear.errors import DataError, UsageError
from seehear.planning import plan as planning
from seehear.planning import starts
from seehear.planning.options import TrainOptions
from seehear.planning.plan import (
    BATCH_S,
    MOST_TIMED,
    Machine,
    _batch,
    choose_held_out_share,
    choose_minutes,
    plan_recipe,
)
from seehear.planning.reuse import follow_recipe
from seehear.recipe import Recipe


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["same"] * 8, "every row has the same answer"),
        (["a", "a", "a", "a", "b", "b", "b", "c"], "with one example: 'c'"),
    ],
)
def test_answers_that_cannot_be_learned_are_refused(cells: list[str], words: str, tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": cells}, ("image",))
    with pytest.raises(DataError, match=words):
        api.train(data, steps=1)


def test_constant_pictures_are_refused_early(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ["a", "b"] * 4}, ("image",))
    for i in range(8):
        Image.new("L", (8, 8), 7).save(data.parent / f"{i}.png")
    with pytest.raises(DataError, match=r"all 8 image inputs inspected are constant"):
        api.train(data, steps=1)


@pytest.mark.parametrize(
    ("kind", "examples", "wrong_at_most", "held_out"),
    [
        ("label", 100, 0.05, 25),
        ("label", 300, 0.05, 50),
        ("score", 160, 0.1, 25),
        ("text", 1200, 0.02, 126),
        ("label", 500, 0.05, 50),
        ("label", 4000, 0.05, 400),
        ("label", 80_000, 0.05, 5000),
        ("label", 300, None, 50),
        ("mask", 200, 0.05, 20),
        ("mask", 40, 0.05, 10),
    ],
)
def test_enough_examples_are_held_out_for_the_guarantee_but_at_most_a_quarter(
    kind: str, examples: int, wrong_at_most: float | None, held_out: int
) -> None:
    cells = ["a"] * examples
    assert examples * choose_held_out_share(cells, ANSWERS[kind], wrong_at_most) == pytest.approx(held_out)


@pytest.mark.parametrize(
    ("kind", "cell", "held_out"),
    [
        ("boxes", lambda n: json.dumps([{"label": "plate", "xyxy": [1, 1, 9, 9]}] * n), {1: 50, 2: 30, 12: 20, 40: 20}),
        ("text", lambda n: " ".join(["yes"] * n), {1: 50, 2: 30, 6: 20, 40: 20}),
    ],
)
def test_held_out_items_are_counted_not_only_examples(
    kind: str, cell: Callable[[int], str], held_out: dict[int, int]
) -> None:
    """Boxes and words of one example are correlated: each example with some counts for a few items."""
    held = {n: round(200 * choose_held_out_share([cell(n)] * 200, ANSWERS[kind], None)) for n in held_out}
    assert held == held_out


@pytest.mark.parametrize("duration_s", [0.5, 3.1, 20.0, 59.0])
def test_batches_of_long_recordings_are_small(duration_s: float) -> None:
    batch = _batch(4_616, duration_s)
    assert 4 <= batch <= _batch(4_616, 0.0) == 128
    assert batch % 8 == 0 or batch == 4
    assert batch * duration_s <= BATCH_S < (batch + 8) * duration_s or batch == 128


def test_an_unsupported_sense_is_refused_with_the_flag_that_leaves_it_out(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"text": ANSWER_CELLS["text"]}, ("image", "audio"))
    with pytest.raises(UsageError, match=r"text from image \+ audio is not supported.*--senses audio"):
        api.plan(data, minutes=1)


def test_a_text_recipe_shows_what_people_edit_and_the_table_gives_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = digits_table(tmp_path / "data", {"text": ANSWER_CELLS["text"]}, ("audio",))
    assert cli.run(["plan", str(data), "--steps", "1"]) == 0
    toml = capsys.readouterr().out
    assert "tokens = " in toml
    assert "language" not in toml
    assert "folds = 0" in toml and "cross_fitted" not in toml and "groups_seen" not in toml
    recipe = follow_recipe(Recipe.from_toml(toml), open_all_kinds(data, workspace=tmp_path), TrainOptions())
    assert recipe.answer == api.plan(data, steps=1).answer


def test_the_plan_takes_the_network_whose_steps_fit_the_time(tmp_path: Path) -> None:
    """However slow everything beside its convolutions is."""
    table = open_all_kinds(digits_table(tmp_path / "data", PARITY, ("image", "audio")), workspace=tmp_path)
    timed: list[Recipe] = []

    def step_s(recipe: Recipe, _: Any, overhead_s: float) -> float:
        timed.append(recipe)
        work = sum(spec.step_gigaflop(0.4) for spec in recipe.senses.values())  # type: ignore[attr-defined]
        return overhead_s + work * recipe.training.batch / 100

    def machine(overhead_s: float) -> Machine:
        return Machine(100.0, partial(step_s, overhead_s=overhead_s))

    fast = plan_recipe(table, TrainOptions(minutes=1.0), partial(machine, 0.0))
    slow = plan_recipe(table, TrainOptions(minutes=1.0), partial(machine, 5.0))
    assert slow.senses["audio"].cell_width < fast.senses["audio"].cell_width  # type: ignore[attr-defined]
    assert len(timed) <= 2 * MOST_TIMED


@pytest.mark.parametrize(
    ("options", "many", "compared"),
    [
        (TrainOptions(minutes=2.0, start="auto"), 24, True),
        (TrainOptions(minutes=2.0, start="auto"), 25, False),
        (TrainOptions(minutes=1.0, start="auto"), 24, False),
        (TrainOptions(steps=100, start="auto"), 24, False),
        (TrainOptions(minutes=2.0, start="efficientnet-lite2"), 24, False),
        (TrainOptions(minutes=2.0, start="none"), 24, False),
    ],
)
def test_with_many_examples_and_enough_time_a_start_is_compared_with_random_weights(
    options: TrainOptions, many: int, compared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MANY", many)
    monkeypatch.setattr(starts, "is_available", lambda start: True)
    table = open_all_kinds(digits_table(tmp_path / "data", PARITY, ("image",)), workspace=tmp_path)
    recipe = plan_recipe(table, options, lambda: Machine(1000.0))
    assert bool(recipe.starts) == (options.start != "none")
    assert (recipe.alternative is not None) == compared
    if recipe.alternative is not None:
        assert recipe.alternative.senses != recipe.senses
        assert recipe.alternative.learning_rate > recipe.training.learning_rate
        assert recipe.training.minutes == options.minutes  # of both together
        assert recipe.alternative.left == 0  # both are fully trained
        assert Recipe.from_toml(tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))) == recipe


@pytest.mark.parametrize("kind", ["boxes", "mask"])
@pytest.mark.parametrize(
    ("options", "gigaflops", "compared"),
    [
        (TrainOptions(minutes=2.0, start="auto"), 1000.0, True),
        (TrainOptions(minutes=2.0, start="auto"), 1.0, False),  # too few steps
        (TrainOptions(steps=1000, start="auto"), 1000.0, False),
        (TrainOptions(minutes=2.0, start="efficientnet-lite0"), 1000.0, False),
    ],
)
def test_for_positions_a_start_is_compared_early(
    kind: str,
    options: TrainOptions,
    gigaflops: float,
    compared: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starts, "is_available", lambda start: True)
    table = open_all_kinds(digits_table(tmp_path / "data", {kind: ANSWER_CELLS[kind]}, ("image",)), workspace=tmp_path)
    recipe = plan_recipe(table, options, lambda: Machine(gigaflops))
    assert recipe.starts and (recipe.alternative is not None) == compared
    if recipe.alternative is not None:
        assert recipe.alternative.left == pytest.approx(5 / 7)
        assert "71 % for the better one" in recipe.describe_training(24)
        toml = tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))
        assert "[alternative]" in toml and Recipe.from_toml(toml) == recipe
        with pytest.raises(DataError, match=r"alternative: .*more than 1 together"):
            Recipe.from_toml(re.sub(r"(?m)^share = .*$", "share = 0.9", toml))


def test_a_head_for_positions_learns_as_fast_on_a_pretrained_encoder_as_on_random_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "is_available", lambda start: True)
    rates: dict[tuple[str, str], float] = {}
    for kind in ("boxes", "label"):
        table = open_all_kinds(
            digits_table(tmp_path / kind, {kind: ANSWER_CELLS[kind]}, ("image",)), workspace=tmp_path
        )
        for start in ("auto", "none"):
            recipe = plan_recipe(table, TrainOptions(steps=100, start=start), lambda: pytest.fail("measured"))
            assert bool(recipe.starts) == (start == "auto")
            rates[kind, start] = recipe.training.learning_rate
    assert rates["boxes", "auto"] == rates["boxes", "none"] == rates["label", "none"] > rates["label", "auto"]


def test_steps_give_the_same_plan_on_every_machine(tmp_path: Path) -> None:
    """And no time is spent on measuring this one."""
    table = open_all_kinds(digits_table(tmp_path / "data", PARITY, ("image",)), workspace=tmp_path)
    recipe = plan_recipe(table, TrainOptions(steps=5), lambda: pytest.fail("measured"))
    assert (recipe.training.steps, recipe.training.minutes) == (5, choose_minutes(len(table)))
