"""Training from a table to a model file."""

from __future__ import annotations

import time
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import torch

from seehear.datasets import TrainingData
from seehear.events import Listener, Notice
from seehear.learn.calibrate.calibration import calibrate_network, fit_ood_scorers
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.calibrate.time_estimate import estimate_seconds
from seehear.learn.calibrate.untrained import measure_untrained
from seehear.learn.cross_fit import FineTuning, Fitted, Member
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.split import DataSplit, load_split
from seehear.learn.data.statistics import describe_groups, measure_input_statistics
from seehear.learn.export import export_graphs, to_safetensors
from seehear.learn.kept_features import keep_features, supports_new_classes
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import EncodedExamples, FrozenFeatures, encode_examples, fit_head
from seehear.learn.loop.validation import Validation
from seehear.learn.model.network import Network, create_network
from seehear.learn.model.ood import BANK
from seehear.learn.model.pretrained import Pretrained, load_starts
from seehear.learn.tracing_process import trace_in_background
from seehear.learn.unlabelled import TEACHER_SHARE, SelfTraining, load_unlabelled
from seehear.recipe import Recipe, UnlabelledUse
from seehear.run_files import CHECKPOINT
from seehear.runtime.bundle import Bundle
from seehear.sampling import take_evenly
from seehear.table import RowProblem

EXPORTING = 0.15  # duration of the export, relative to that of tracing


class Trained(NamedTuple):
    """A model file's contents, the rows that could not be used, the network, and the examples of its training."""

    bundle: Bundle
    problems: tuple[RowProblem, ...]
    network: Network
    split: DataSplit


def train(
    data: TrainingData,
    recipe: Recipe,
    *,
    start: Pretrained | None = None,
    run: Path,
    device: torch.device,
    listen: Listener,
) -> Trained:
    """Decode, trace the graphs, fit, calibrate and export.

    Weights are initialised at random, or with those of `start`. The directory `run` keeps what an interrupted run needs
    to resume. Raises DataError for too few examples, TrainingError if training or export fails, and UsageError if
    `start` does not fit.
    """
    started_s = time.monotonic()
    split = load_split(data.examples, data.val, recipe, run, listen)
    more = None if data.unlabelled is None else load_unlabelled(data.unlabelled, split, run, listen)
    torch.manual_seed(recipe.training.seed)
    network = create_network(recipe, device)
    _load_weights(network, start, listen)
    with trace_in_background(network, split.val, split.val_rows, listen) as wait_for_graphs:
        frozen = _fit_head(network, start, split, listen)
        spent = frozen is not None and time.monotonic() - started_s > recipe.training.minutes * 60
        resumed = (run / CHECKPOINT).exists()  # it keeps its time budget
        estimated = recipe.training.steps is None and not resumed and not spent
        untrained = None if start is not None else measure_untrained(network, split.val, split.val_rows, listen)
        tracing_s = 0.0 if spent else wait_for_graphs().seconds
        calibrating_s = estimate_seconds(deepcopy(network).eval(), split, listen) if estimated else 0.0
        after_s = calibrating_s + EXPORTING * tracing_s
        clock = Clock(recipe.training, _seconds_left(recipe, started_s, after_s, head_fitted=frozen is not None))
        fitted, use = _learn(network, frozen, split, more, clock, run, listen)
        traced = wait_for_graphs()  # the scorers get other shapes below
    encoded = frozen.encoded if frozen is not None and fitted.network is network else None
    network, progress, out_of_fold = fitted.network, fitted.progress, fitted.out_of_fold
    kept = _store_examples(network, encoded, split)
    calibrated = calibrate_network(network, split.val, split.val_rows, out_of_fold, listen=listen)
    training = recipe.training.model_copy(update={"steps": progress.step, "precision": progress.precision})
    statistics = {"input_statistics": measure_input_statistics(split), "groups_seen": describe_groups(split)}
    recipe = calibrated.recipe.model_copy(update=statistics | {"training": training, "unlabelled": use})
    graphs = export_graphs(traced.graphs, network, split.val, split.val_rows)
    if untrained is not None:
        recipe = recipe.model_copy(update={"comparison": untrained.compare(calibrated, listen)})
    card = render_model_card(recipe)
    problems = (*split.problems, *(more.problems if more else ()))
    bundle = Bundle(recipe, graphs.network, to_safetensors(network), card, graphs.decoder, kept)
    return Trained(bundle, problems, network, split)


def _learn(
    network: Network,
    frozen: FrozenFeatures | None,
    split: DataSplit,
    more: DatasetCache | None,
    clock: Clock,
    run: Path,
    listen: Listener,
) -> tuple[Fitted, UnlabelledUse | None]:
    """Train on the labelled examples, and then on unlabelled ones, too, if there are `more`."""
    saved = run / CHECKPOINT
    if more is None:
        return _fit(network, frozen, split, clock, saved, listen), None
    alone = _fit(network, frozen, split, clock.share(TEACHER_SHARE), saved, listen)
    further = SelfTraining(split, more, run / "unlabelled.safetensors", listen)
    return further.run(alone, clock.share(1 - TEACHER_SHARE))


def _fit(
    network: Network, frozen: FrozenFeatures | None, split: DataSplit, clock: Clock, saved: Path, listen: Listener
) -> Fitted:
    if frozen is not None:
        if not network.trains_encoders:  # there is no better head for features that do not change
            clock = Clock(clock.training.model_copy(update={"steps": None, "folds": 0}), seconds=0.0)
        return FineTuning(network, frozen, split, saved, listen).run(clock)
    rows = split.train_rows
    validation = Validation(split, clock.seconds, listen)
    network, progress = fit(network, split.train, rows, clock, validation=validation, saved=saved, listen=listen)
    return Fitted(network, progress, [Member(network, rows, rows[:0])])


def _load_weights(network: Network, start: Pretrained | None, listen: Listener) -> None:
    """Load the weights of the model to start from, or else of the recipe's pretrained encoders."""
    if start is None:
        load_starts(network)
    else:
        start.load_into(network)
        listen(Notice(_describe_start(start, network.recipe)))


def _fit_head(network: Network, start: Pretrained | None, split: DataSplit, listen: Listener) -> FrozenFeatures | None:
    """Fit the head to the features of a single pretrained encoder, and return them."""
    if start is not None or len(network.recipe.senses) > 1 or not network.recipe.starts:
        return None
    return fit_head(network, split.train, split.train_rows, listen)


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


def _seconds_left(recipe: Recipe, started_s: float, after_s: float, *, head_fitted: bool) -> float:
    """For the fit: the rest of the budget, less the time needed after it.

    At least half of the budget if the head is random; a pretrained network with a fitted head works without.
    """
    budget_s = recipe.training.minutes * 60
    least_s = 0.0 if head_fitted else budget_s / 2
    return max(least_s, budget_s - (time.monotonic() - started_s) - after_s)
