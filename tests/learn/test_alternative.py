"""A network with random weights is trained beside a pretrained one, and the better one is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import tiny
from learning import ANSWER_CELLS, PARITY, digits_table, open_all_kinds, recipe_for
from seehear import api
from seehear.answers.kind import Headline
from seehear.datasets import TrainingData
from seehear.events import Advanced, Event, Notice
from seehear.learn import alternative
from seehear.learn.alternative import CHOICE, COMPARING, FOLDER, Choice, Result, choose, share_clock, train_best
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.loop import fit as loop
from seehear.learn.loop.fit import Clock
from seehear.recipe import Alternative, Recipe

CPU = torch.device("cpu")
START = {"image": "efficientnet-lite2"}
ACCURACY, ERROR = Headline("accuracy", True), Headline("mae", False)
FULLY, EARLY = (2 / 3, 1 / 3), (0.25, 0.25)  # shares of the time before the comparison


def make_alternative(kind: str, shares: tuple[float, float]) -> Alternative:
    random = recipe_for(kind, ("image",))
    return Alternative(
        senses=random.senses,
        width=random.width,
        batch=16,
        learning_rate=0.004,
        pretrained_share=shares[0],
        share=shares[1],
    )


def result(value: float, start: str, headline: Headline = ACCURACY) -> Result:
    return Result(start, headline, value, examples=40, steps=72 if start == "efficientnet-lite2" else 75)


@pytest.mark.parametrize("early", [False, True], ids=["after training", "early"])
@pytest.mark.parametrize(
    ("headline", "pretrained", "random", "kept"),
    [
        (ACCURACY, 0.9, 0.8, "own"),
        (ACCURACY, 0.9, 0.9, "own"),
        (ACCURACY, 0.8, 0.9, "random"),
        (ERROR, 1.5, 1.6, "own"),
        (ERROR, 1.6, 1.5, "random"),
    ],
    ids=str,
)
def test_the_better_on_held_out_examples_is_kept_and_its_card_says_so(
    headline: Headline, pretrained: float, random: float, kept: str, early: bool
) -> None:
    heard: list[Event] = []
    results = result(pretrained, "efficientnet-lite2", headline), result(random, "random weights", headline)
    choice = choose(*results, early=early, listen=heard.append)
    assert choice.kept == kept
    own, other = results if kept == "own" else results[::-1]
    recipe = recipe_for("label", ("image",), steps=100).model_copy(update={"comparison": choice.comparison})
    assert Recipe.from_json(recipe.to_json()) == recipe
    card = render_model_card(recipe)
    [notice] = [event.text for event in heard if isinstance(event, Notice)]
    metric = headline.metric
    if early:
        assert f"after {own.steps} steps, it was compared with a recogniser that started from {other.start}" in card
        assert f"40 held-out examples: {metric} {own.value:.3g}, and {other.value:.3g} of the other one" in card
        assert notice == (
            f"from {own.start}: {metric} {own.value:.3g} after {own.steps} steps, from {other.start}: {metric} "
            f"{other.value:.3g} after {other.steps} steps, on the same 40 held-out examples; "
            "the first is trained further"
        )
    else:
        assert f"On the same 40 held-out examples, the {metric} of a recogniser that started from {other.start}" in card
        assert f" is {other.value:.3g}; that of this recogniser is {own.value:.3g}" in card
        assert notice.startswith(f"from {own.start}: {metric} {own.value:.3g}, from {other.start}: {metric}")


@pytest.mark.parametrize(("pretrained", "random", "kept"), [(math.nan, math.nan, "own"), (math.nan, 0.0, "random")])
def test_what_cannot_be_measured_is_not_compared(pretrained: float, random: float, kept: str) -> None:
    heard: list[Event] = []
    results = result(pretrained, "efficientnet-lite2"), result(random, "random weights")
    assert choose(*results, early=True, listen=heard.append) == Choice(kept=kept, comparison=None)  # type: ignore[arg-type]
    [notice] = heard
    start = "efficientnet-lite2" if kept == "own" else "random weights"
    assert isinstance(notice, Notice)
    assert notice.text.startswith("the held-out examples do not show") and f"from {start} is trained" in notice.text


@pytest.mark.parametrize("shares", [FULLY, (0.125, 0.125), (0.2, 0.3)])
def test_the_time_of_both_is_the_whole_whichever_is_kept(shares: tuple[float, float]) -> None:
    given = make_alternative("boxes", shares)
    whole = Clock(recipe_for("boxes", ("image",)).training, 600.0)
    clocks = [share_clock(whole, share, given.left) for share in shares]
    before_s = [clock.until * clock.seconds for clock in clocks]
    assert before_s == pytest.approx([600 * share for share in shares])
    for kept, other in ((0, 1), (1, 0)):
        assert clocks[kept].seconds + before_s[other] == pytest.approx(600)


class Scripted:
    """Stands for the preparation and training of networks, and records what is trained."""

    def __init__(self, values: dict[str, float]) -> None:
        self.values = values
        self.trained: list[tuple[Any, ...]] = []  # the start, until, and seconds
        self.prepared: list[tuple[Recipe, Path]] = []
        self.finished: list[Any] = []

    @contextmanager
    def prepare(self, data: Any, recipe: Recipe, *, run: Path, **_: Any) -> Iterator[Any]:
        name = "own" if recipe.starts else "random"
        self.prepared.append((recipe, run))
        network = SimpleNamespace(recipe=recipe)
        fitted = SimpleNamespace(network=network, progress=SimpleNamespace(step=7))

        def learn(clock: Clock) -> Any:
            self.trained.append((name, clock.until, clock.seconds))
            return SimpleNamespace(fitted=fitted)

        def finish(learned: Any, comparison: Any) -> Any:
            self.finished.append((name, comparison))
            return tiny.bundle()

        prepared = SimpleNamespace(
            network=network,
            split=SimpleNamespace(val=None, val_rows=torch.arange(40).numpy()),
            problems=(),
            after_s=10.0,
            clock=lambda seconds: Clock(recipe.training, seconds),
            learn=learn,
            finish=finish,
        )
        prepared.try_robust = lambda until_s: prepared
        yield prepared

    def measure(self, network: Any, dataset: Any, rows: Any) -> tuple[Headline, float]:
        return Headline("map50", True), self.values["own" if network.recipe.starts else "random"]


def train_scripted(
    scripted: Scripted, shares: tuple[float, float], tmp_path: Path, patch: pytest.MonkeyPatch
) -> list[Event]:
    patch.setattr(alternative, "prepare", scripted.prepare)
    patch.setattr(alternative, "measure_network", scripted.measure)
    table = tmp_path / "data" / "examples.csv"
    if not table.exists():
        digits_table(table.parent, PARITY, ("image",))
    data = TrainingData(open_all_kinds(table, workspace=tmp_path))
    recipe = recipe_for("label", ("image",), minutes=3.0, folds=3)
    recipe = recipe.model_copy(update={"starts": START, "alternative": make_alternative("label", shares)})
    (tmp_path / "run").mkdir(exist_ok=True)
    heard: list[Event] = []
    train_best(data, recipe, run=tmp_path / "run", device=CPU, listen=heard.append)
    return heard


def test_compared_after_training_both_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted({"own": 0.9, "random": 0.8})
    train_scripted(scripted, FULLY, tmp_path, monkeypatch)
    left_s = 180 - 2 * 10.0
    assert scripted.trained == [
        ("own", 1.0, pytest.approx(left_s * 2 / 3, abs=1)),
        ("random", 1.0, pytest.approx(left_s / 3, abs=1)),
    ]
    (own, first), (random, second) = scripted.prepared
    assert (own.starts, random.starts) == (START, {})
    assert (own.training.folds, random.training.folds) == (3, 0)
    assert random.training.learning_rate == 0.004 and random.training.batch == 16
    assert own.alternative is None and random.alternative is None
    assert (first, second) == (tmp_path / "run", tmp_path / "run" / FOLDER)
    [(name, comparison)] = scripted.finished
    assert name == "own" and comparison.after_steps is None


def test_compared_early_the_better_one_gets_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = Scripted({"own": 0.3, "random": 0.4})
    heard = train_scripted(scripted, EARLY, tmp_path, monkeypatch)
    assert Notice(COMPARING) in heard
    whole_s: Any = pytest.approx((180 - 2 * 10.0) * 0.75, abs=1)
    third = pytest.approx(1 / 3)
    assert scripted.trained == [("own", third, whole_s), ("random", third, whole_s), ("random", 1.0, whole_s)]
    [(name, comparison)] = scripted.finished
    assert name == "random" and comparison.after_steps == 7


def test_after_the_comparison_only_the_better_one_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Scripted({"own": 0.3, "random": 0.4})
    train_scripted(first, EARLY, tmp_path, monkeypatch)
    assert Choice.model_validate_json((tmp_path / "run" / CHOICE).read_bytes()).kept == "random"
    again = Scripted({"own": 0.5, "random": 0.4})  # would now be chosen otherwise
    train_scripted(again, EARLY, tmp_path, monkeypatch)
    assert [run for _, run in again.prepared] == [tmp_path / "run" / FOLDER]
    assert [name for name, *_ in again.trained] == ["random"]
    assert again.finished == first.finished


class Interrupter:
    """Interrupts a training at a moment, given as the notices before it and the number of steps after the last."""

    def __init__(self, after: str, steps: int) -> None:
        self.after, self.steps, self.come = after, steps, not after

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice) and self.after and self.after in event.text:
            self.come = True
        if self.come and isinstance(event, Advanced) and event.task == loop.TASK:
            self.steps -= 1
        if self.come and self.steps <= 0:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shares"), [("label", FULLY), ("boxes", EARLY), ("mask", EARLY)])
def test_an_interrupted_comparison_is_resumed(
    kind: str, shares: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY_S", -1.0)
    monkeypatch.setattr(loop, "REPORT_EVERY_S", -1.0)
    data = digits_table(tmp_path / "data", {kind: ANSWER_CELLS[kind]}, ("image",))
    given = make_alternative(kind, shares)
    recipe = recipe_for(kind, ("image",), steps=12).model_copy(update={"alternative": given})
    expected = api.train(data, tmp_path / "a.seehear", recipe=recipe)
    compared = expected.recipe.comparison
    assert compared is not None and compared.after_steps == (None if shares == FULLY else 3)
    moments = [("", 2), (COMPARING, 0), (COMPARING, 2), ("; the first is ", 0)]
    for number, moment in enumerate(moments if shares == FULLY else [*moments, ("; the first is trained further", 2)]):
        out = tmp_path / f"{number}.seehear"
        with pytest.raises(KeyboardInterrupt):
            api.train(data, out, recipe=recipe, listen=Interrupter(*moment))
        resumed = api.train(data, out, resume=True)
        assert resumed.recipe.to_json() == expected.recipe.to_json(), moment
        assert resumed._bundle.weights == expected._bundle.weights, moment
