"""Trains a recipe, and its alternative from random weights if it has one, and keeps the better network.

With many examples, and for answers with positions, a network that was planned for them can be better than a pretrained
one. Both are trained for their shares of the time and compared on held-out examples; the better one gets the time that
is left. See docs/decisions/039-random-weights.md and 041-early-comparison.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from pydantic import ValidationError

from seehear.amounts import format_count
from seehear.answers.kind import Headline
from seehear.datasets import TrainingData
from seehear.effects import Comparison
from seehear.errors import TrainingError
from seehear.events import Listener, Notice
from seehear.files import write_atomically
from seehear.learn.loop.fit import Clock
from seehear.learn.loop.validation import measure_network
from seehear.learn.model.pretrained import Pretrained
from seehear.learn.provenance import EffortMeter, describe_origin
from seehear.learn.run_directory import START_ANEW, record_start
from seehear.learn.train import Learned, PreparedTraining, prepare, train
from seehear.learn.unlabelled import check_supported
from seehear.planning.variants import make_random
from seehear.recipe import Alternative, Frozen, Recipe
from seehear.run_files import MANIFEST
from seehear.runtime.bundle import Bundle
from seehear.sampling import take_evenly
from seehear.table import RowProblem

MOST = 1000  # held-out examples that are compared
FOLDER = "random-weights"  # in the run directory, for the alternative
CHOICE = "choice.json"  # in the run directory, after the comparison
COMPARING = "training from random weights, to compare"

Name = Literal["own", "random"]


class Choice(Frozen):
    """Which of the two networks is kept, and how they compare; None if the held-out examples do not show it."""

    kept: Name
    comparison: Comparison | None


class Result(NamedTuple):
    """What a network started from, and its headline metric on this many held-out examples after this many steps."""

    start: str
    headline: Headline
    value: float
    examples: int
    steps: int


@dataclass
class Candidate:
    """One of the two networks.

    clock     of its whole training; it pauses for the comparison
    learned   until then
    """

    training: PreparedTraining
    clock: Clock
    learned: Learned | None = None

    def try_out(self) -> Result:
        """Train until the comparison, and measure on held-out examples, which are the same for both."""
        self.learned = self.training.learn(self.clock)
        network, split = self.learned.fitted.network, self.training.split
        rows = take_evenly(split.val_rows, MOST)
        start = " and ".join(network.recipe.starts.values()) or "random weights"
        return Result(start, *measure_network(network, split.val, rows), len(rows), self.learned.fitted.progress.step)

    def finish(self, comparison: Comparison | None) -> Bundle:
        """Train to the end, and make the bundle."""
        if self.learned is None or self.clock.until < 1:
            self.learned = self.training.learn(replace(self.clock, until=1.0))
        return self.training.finish(self.learned, comparison)


def train_best(
    data: TrainingData,
    recipe: Recipe,
    *,
    start: Pretrained | None = None,
    run: Path,
    device: torch.device,
    listen: Listener,
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Train the recipe, or its alternative if that is better -> the bundle, and the rows that could not be used.

    Raises UsageError if the run in the directory started differently, or if unlabelled examples cannot be used by the
    kind of answer, and the errors of `train`.
    """
    if data.unlabelled is not None:
        check_supported(recipe.kind)
    listen(Notice(recipe.describe_training(len(data.examples))))
    resumed = (run / MANIFEST).exists()
    record_start(run, recipe, data, start)
    measured = not resumed and recipe.training.steps is None
    effort = EffortMeter() if measured else None
    bundle, problems = _train_best(data, recipe, start=start, run=run, device=device, listen=listen)
    made = bundle.recipe.model_copy(update={"provenance": describe_origin(data, effort)})
    return replace(bundle, recipe=made), problems


def _train_best(
    data: TrainingData,
    recipe: Recipe,
    *,
    start: Pretrained | None,
    run: Path,
    device: torch.device,
    listen: Listener,
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    if (alternative := recipe.alternative) is None:
        return train(data, recipe, start=start, run=run, device=device, listen=listen)
    choice = _read_choice(run)
    until_s = time.monotonic() + 60 * recipe.training.minutes
    begin = partial(prepare, data, until_s=until_s, device=device, listen=listen)
    own = recipe.model_copy(update={"alternative": None})
    with ExitStack() as stack:
        trainings: dict[Name, PreparedTraining] = {}
        if choice is None or choice.kept == "own":
            trainings["own"] = stack.enter_context(begin(own, start=start, run=run)).try_robust(until_s)
        if choice is None or choice.kept == "random":
            trainings["random"] = stack.enter_context(begin(make_random(own, alternative), run=run / FOLDER))
        candidates = _share_time(trainings, alternative, until_s)
        if choice is None:
            choice = _compare(candidates, alternative, listen)
            write_atomically(run / CHOICE, choice.model_dump_json().encode())
        best = candidates[choice.kept]
        return best.finish(choice.comparison), best.training.problems


def _share_time(
    trainings: Mapping[Name, PreparedTraining], alternative: Alternative, until_s: float
) -> dict[Name, Candidate]:
    """Divide the time that is left after the preparation."""
    # Of the network that is not kept, this covers the comparison instead: it is not calibrated.
    after_s = sum(training.after_s for training in trainings.values())
    left_s = until_s - time.monotonic() - after_s
    shares: dict[Name, float] = {"own": alternative.pretrained_share, "random": alternative.share}
    return {
        name: Candidate(training, share_clock(training.clock(left_s), shares[name], alternative.left))
        for name, training in trainings.items()
    }


def share_clock(clock: Clock, before: float, after: float) -> Clock:
    """A clock with these shares of the time before and after the comparison, for which it pauses."""
    return replace(clock.share(before + after), until=before / (before + after))


def _compare(candidates: Mapping[Name, Candidate], alternative: Alternative, listen: Listener) -> Choice:
    own = candidates["own"].try_out()
    listen(Notice(COMPARING))
    return choose(own, candidates["random"].try_out(), early=alternative.left > 0, listen=listen)


def choose(own: Result, random: Result, *, early: bool, listen: Listener) -> Choice:
    """The better network; the recipe's own if they are equal or cannot be measured.

    early   whether the better one is trained further
    """
    kept, rejected = (random, own) if _rank(random) > _rank(own) else (own, random)
    name: Name = "random" if kept is random else "own"
    then = "is trained further" if early else "is kept"
    if not (math.isfinite(kept.value) and math.isfinite(rejected.value)):
        listen(Notice(f"the held-out examples do not show which network is better; the one from {kept.start} {then}"))
        return Choice(kept=name, comparison=None)
    metric, examples = kept.headline.metric, format_count(kept.examples, "held-out example")
    described = [
        f"from {each.start}: {metric} {each.value:.3g}" + f" after {format_count(each.steps, 'step')}" * early
        for each in (kept, rejected)
    ]
    listen(Notice(f"{described[0]}, {described[1]}, on the same {examples}; the first {then}"))
    comparison = Comparison(
        metric=metric,
        other=f"a recogniser that started from {rejected.start}",
        other_value=rejected.value,
        own_value=kept.value,
        examples=kept.examples,
        after_steps=kept.steps if early else None,
    )
    return Choice(kept=name, comparison=comparison)


def _rank(result: Result) -> float:
    """Higher is better."""
    if not math.isfinite(result.value):
        return -math.inf
    return result.value if result.headline.higher_is_better else -result.value


def _read_choice(run: Path) -> Choice | None:
    """What an interrupted run chose; None if it ended before the comparison."""
    file = run / CHOICE
    try:
        return Choice.model_validate_json(file.read_bytes()) if file.exists() else None
    except ValidationError as error:
        raise TrainingError(f"the comparison cannot be read: {error}", where=str(file), hint=START_ANEW) from None
