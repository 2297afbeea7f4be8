"""Training from a table to a model file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from seehear.datasets import TrainingData
from seehear.effects import Comparison, Fairness, Robustness, UnlabelledUse
from seehear.events import Listener, Notice
from seehear.learn.calibrate.calibration import calibrate_network, fit_ood_scorers
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.calibrate.time_estimate import estimate_seconds
from seehear.learn.calibrate.untrained import Untrained, measure_untrained
from seehear.learn.cross_fit import FineTuning, Fitted, Member
from seehear.learn.data.balance import balance
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.split import DataSplit, load_split
from seehear.learn.data.statistics import describe_groups, measure_inputs, to_ranges
from seehear.learn.export import export_graphs, to_safetensors
from seehear.learn.kept_features import keep_features, supports_new_classes
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import EncodedExamples, FrozenFeatures, encode_examples, fit_head
from seehear.learn.loop.validation import Validation
from seehear.learn.model.network import Network, create_network
from seehear.learn.model.ood import BANK
from seehear.learn.model.pretrained import Pretrained, load_starts
from seehear.learn.robustness import check_robust, measure_robustness
from seehear.learn.tracing_process import Tracing, trace_in_background
from seehear.learn.unlabelled import TEACHER_SHARE, SelfTraining, load_unlabelled
from seehear.recipe import Recipe
from seehear.run_files import CHECKPOINT
from seehear.runtime.bundle import Bundle
from seehear.sampling import take_evenly
from seehear.table import RowProblem

EXPORTING = 0.15  # duration of the export, relative to that of tracing


class Learned(NamedTuple):
    """A trained network, and what unlabelled examples changed, if there were any."""

    fitted: Fitted
    unlabelled: UnlabelledUse | None = None


@dataclass(frozen=True)
class PreparedTraining:
    """A network, its examples, and what else its training needs.

    network    with initial weights
    frozen     what its head was fitted to; None for a head that learns by gradient steps only
    more       unlabelled examples
    untrained  how good its start is without training
    tracing    of its graphs
    after_s    an estimate of the seconds from the last step to the finished model file
    robustness what robust training changes, if that was measured
    """

    network: Network
    frozen: FrozenFeatures | None
    split: DataSplit
    more: DatasetCache | None
    untrained: Untrained | None
    tracing: Tracing
    after_s: float
    run: Path
    listen: Listener
    robustness: Robustness | None = None

    @property
    def problems(self) -> tuple[RowProblem, ...]:
        """The rows that could not be used."""
        return (*self.split.problems, *(self.more.problems if self.more else ()))

    def clock(self, seconds: float) -> Clock:
        """A clock with this time for the steps, but at least half of the budget if the head is random.

        A pretrained network with a fitted head works without.
        """
        training = self.network.recipe.training
        least_s = 0.0 if self.frozen is not None else 60 * training.minutes / 2
        return Clock(training, max(least_s, seconds))

    def try_robust(self, until_s: float) -> PreparedTraining:
        """The same, after a part of the time until then has shown what robust training changes, if it is requested."""
        training = self.network.recipe.training
        if not training.robust:
            return self
        clock = Clock(training, max(0.0, until_s - self.after_s - time.monotonic()))
        return replace(self, robustness=measure_robustness(self.network, self.split, clock, self.run, self.listen))

    def learn(self, clock: Clock) -> Learned:
        """Train on the labelled examples, and then on unlabelled ones, too, if there are `more`."""
        saved = self.run / CHECKPOINT
        if self.more is None:
            return Learned(self._fit(clock, saved))
        alone = self._fit(clock.share(TEACHER_SHARE), saved)
        further = SelfTraining(self.split, self.more, self.run / "unlabelled.safetensors", self.listen)
        return Learned(*further.run(alone, clock.share(1 - TEACHER_SHARE)))

    def _fit(self, clock: Clock, saved: Path) -> Fitted:
        split, listen = self.split, self.listen
        if self.frozen is not None:
            if not self.network.trains_encoders:  # there is no better head for features that do not change
                clock = Clock(clock.training.model_copy(update={"steps": None, "folds": 0}), seconds=0.0)
            return FineTuning(self.network, self.frozen, split, saved, listen).run(clock)
        rows = split.train_rows
        validation = Validation(split, clock.seconds, listen)
        network, progress = fit(
            self.network,
            split.train,
            rows[balance(split.train, rows)],
            clock,
            validation=validation,
            saved=saved,
            listen=listen,
        )
        return Fitted(network, progress, [Member(network, rows, rows[:0])])

    def _describe_fairness(self) -> Fairness | None:
        if not (column := self.network.recipe.training.fair):
            return None
        measured = None if self.frozen is None else self.frozen.fairness
        return measured or Fairness(column=column)

    def finish(self, learned: Learned, comparison: Comparison | None = None) -> Bundle:
        """Calibrate and export. The comparison goes onto the card, if there is none with the untrained start."""
        split = self.split
        traced = self.tracing.wait()  # the scorers get other shapes below
        fitted, frozen = learned.fitted, self.frozen
        encoded = frozen.encoded if frozen is not None and fitted.network is self.network else None
        network, progress, out_of_fold = fitted.network, fitted.progress, fitted.out_of_fold
        kept = _store_examples(network, encoded, split)
        calibrated = calibrate_network(network, split.val, split.val_rows, out_of_fold, listen=self.listen)
        if self.untrained is not None:
            comparison = self.untrained.compare(calibrated, self.listen)
        recipe = calibrated.recipe
        settings = recipe.training.model_copy(update={"steps": progress.step, "precision": progress.precision})
        measured = measure_inputs(split)
        statistics = {"input_statistics": to_ranges(measured), "groups_seen": describe_groups(split)}
        found: dict[str, Any] = {"training": settings, "unlabelled": learned.unlabelled, "comparison": comparison}
        found["fairness"] = self._describe_fairness()
        found["robustness"] = (self.robustness or Robustness()) if settings.robust else None
        found["usual"] = recipe.usual.model_copy(update={"measured": measured})
        recipe = recipe.model_copy(update=statistics | found)
        graphs = export_graphs(traced.graphs, network, split.val, split.val_rows)
        card = render_model_card(recipe)
        return Bundle(recipe, graphs.network, to_safetensors(network), card, graphs.decoder, kept)


def train(
    data: TrainingData,
    recipe: Recipe,
    *,
    start: Pretrained | None = None,
    run: Path,
    device: torch.device,
    listen: Listener,
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Decode, trace the graphs, fit, calibrate and export -> the bundle, and the rows that could not be used.

    Weights are initialised at random, or with those of `start`. The directory `run` keeps what an interrupted run needs
    to resume. Raises DataError for too few examples, TrainingError if training or export fails, and UsageError if
    `start` does not fit.
    """
    until_s = time.monotonic() + 60 * recipe.training.minutes
    with prepare(data, recipe, start=start, run=run, until_s=until_s, device=device, listen=listen) as prepared:
        training = prepared.try_robust(until_s)
        clock = training.clock(until_s - training.after_s - time.monotonic())
        return training.finish(training.learn(clock)), training.problems


@contextmanager
def prepare(
    data: TrainingData,
    recipe: Recipe,
    *,
    start: Pretrained | None = None,
    run: Path,
    until_s: float,
    device: torch.device,
    listen: Listener,
) -> Iterator[PreparedTraining]:
    """Decode the examples, create the network, fit its head, and trace its graphs. `train` says what it raises.

    until_s   when the time budget ends, as `time.monotonic()`
    """
    split = load_split(data.examples, data.val, recipe, run, listen)
    more = None if data.unlabelled is None else load_unlabelled(data.unlabelled, split, run, listen)
    torch.manual_seed(recipe.training.seed)
    network = create_network(recipe, device)
    _load_weights(network, start, listen)
    with trace_in_background(network, split.val, split.val_rows, listen) as tracing:
        frozen = _fit_head(network, start, split, tracing, listen)
        check_robust(network)
        spent = frozen is not None and time.monotonic() > until_s
        resumed = (run / CHECKPOINT).exists()  # it keeps its time budget
        estimated = recipe.training.steps is None and not resumed and not spent
        untrained = None if start is not None else measure_untrained(network, split.val, split.val_rows, listen)
        tracing_s = 0.0 if spent else tracing.wait().seconds
        calibrating_s = estimate_seconds(deepcopy(network).eval(), split, listen) if estimated else 0.0
        after_s = calibrating_s + EXPORTING * tracing_s
        yield PreparedTraining(network, frozen, split, more, untrained, tracing, after_s, run, listen)


def _load_weights(network: Network, start: Pretrained | None, listen: Listener) -> None:
    """Load the weights of the model to start from, or else of the recipe's pretrained encoders."""
    if start is None:
        load_starts(network)
    else:
        start.load_into(network)
        listen(Notice(_describe_start(start, network.recipe)))


def _fit_head(
    network: Network, start: Pretrained | None, split: DataSplit, tracing: Tracing, listen: Listener
) -> FrozenFeatures | None:
    """Fit the head to the features of a single pretrained encoder, and return them."""
    if start is not None or len(network.recipe.senses) > 1 or not network.recipe.starts:
        return None
    return fit_head(network, split.train, split.train_rows, listen, tracing.share_cores)


def _store_examples(network: Network, encoded: EncodedExamples | None, split: DataSplit) -> bytes | None:
    """Store what the out-of-distribution scorers compare in the network -> the features for adding classes.

    encoded   the training examples, if the network's encoder is the one that they were encoded with
    """
    keeps = supports_new_classes(network.recipe)
    if encoded is None and keeps:
        encoded = encode_examples(network, split.train, take_evenly(split.train_rows, BANK))
    if encoded is None:
        fit_ood_scorers(network, split.train, split.train_rows)
        return None
    (scorer,) = network.ood.values()
    scorer.fit(encoded.ood_features)  # type: ignore[operator]
    return keep_features(network, split, encoded) if keeps else None


def _describe_start(start: Pretrained, recipe: Recipe) -> str:
    if start.keeps_head(recipe):
        return f"starting from the weights of {start.name}"
    return f"starting from the encoders of {start.name}; its answers differ, so the head is re-initialised"
