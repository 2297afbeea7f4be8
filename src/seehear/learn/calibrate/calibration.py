"""Calibration of a trained network on held-out examples: confidence, selective prediction, OOD thresholds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.answers import ANSWERS, AnyKind, Arrays, Decoder, Items, RunDecoder
from seehear.answers.selective import (
    DEFAULT_RISK,
    RiskBounds,
    bound_risk,
    choose_target_risk,
    forecast_risks,
    growth_needed,
)
from seehear.events import Advanced, Finished, Listener, Notice, Started
from seehear.geometry import Geometry
from seehear.learn.calibrate.card import describe_promise, describe_risk
from seehear.learn.cross_fit import OutOfFold
from seehear.learn.data.cache import Batch, DatasetCache, move
from seehear.learn.model.network import Network
from seehear.learn.model.ood import BANK
from seehear.measure.clusters import Clusters
from seehear.measure.evaluate import evaluate_scored
from seehear.measure.scored_answers import ScoredAnswers
from seehear.measure.thresholds import (
    FEWEST_GROUPS,
    fit_coverage,
    fit_group_coverage,
    fit_ood_threshold,
    to_risk_curve,
)
from seehear.recipe import (
    MOST_USUAL,
    CoverageCurve,
    Recipe,
    RiskCoverageCurve,
    SelectivePrediction,
    Usual,
    to_usual,
    used_key,
)
from seehear.sampling import take_evenly

Array = NDArray[Any]
TASK = "calibrating"
BATCH = 128  # at most
FEWEST = 2  # examples with a set of senses, to calibrate it
MOST_HELD_OUT = 5000  # enough for every metric; more would only take time
TUNED = 64  # examples used to tune decoding
MOST_NUMBERS = 1e8  # values in raw arrays


class CalibratedSenses(NamedTuple):
    """What calibration finds for one set of senses: also the results of an evaluation, and the answers by row."""

    selective: SelectivePrediction
    coverage: dict[str, CoverageCurve]
    group_coverage: dict[str, CoverageCurve]
    results: dict[str, Any]
    answers: dict[int, Any]


class Calibrated(NamedTuple):
    """The recipe with selective prediction, OOD thresholds and results, and the answers from all senses by row."""

    recipe: Recipe
    answers: dict[int, Any]


@torch.no_grad()
def fit_ood_scorers(network: Network, dataset: DatasetCache, rows: NDArray[np.int64], most: int = BANK) -> None:
    """Fit the scorer of each sense to up to `most` of its training examples."""
    for name in network.encoders:
        chosen = take_evenly(rows[dataset.has_sense(name)[rows]], most)
        network.ood[name].fit(compute_ood_features(network, name, dataset, chosen))  # type: ignore[operator]


@torch.no_grad()
def compute_ood_features(network: Network, sense: str, dataset: DatasetCache, rows: NDArray[np.int64]) -> torch.Tensor:
    """The features (n, ...) that the scorer of a sense compares."""
    features: list[torch.Tensor] = []
    device = next(network.parameters()).device
    for batch in dataset.split_rows(rows, BATCH):
        inputs = move(dataset.inputs(sense, batch), device)
        features.append(network.ood[sense].features(network.encoders[sense](**inputs)))  # type: ignore[operator]
    return torch.cat(features)


def calibrate_network(
    network: Network,
    dataset: DatasetCache,
    rows: NDArray[np.int64],
    out_of_fold: OutOfFold | None = None,
    *,
    listen: Listener,
) -> Calibrated:
    """Fit selective prediction and OOD thresholds to held-out rows, and evaluate on them.

    out_of_fold   the outputs for further rows of the dataset, by networks that have not seen them, for all senses
    """
    recipe = network.recipe
    calibrators, scores = predict_held_out(network, dataset, select_calibration_rows(network, dataset, rows), listen)
    every = used_key(recipe.senses)
    held_out = tuple(calibrators[every].rows) if every in calibrators else ()
    if out_of_fold is not None:
        _add_outputs(calibrators[every], out_of_fold)
    thresholds = {name: fit_ood_threshold(own) for name, own in scores.items()}
    thresholds = {name: value for name, value in thresholds.items() if np.isfinite(value)}  # infinite: too few scores
    calibrated = {
        used: calibrator.calibrate(recipe.wrong_at_most)
        for used, calibrator in calibrators.items()
        if len(calibrator.rows) >= FEWEST  # otherwise no answer from these senses will be accepted
    }
    fitted: dict[str, Any] = {"ood_threshold": thresholds}
    fitted["selective"] = {used: each.selective for used, each in calibrated.items()}
    fitted["coverage"] = {used: each.coverage for used, each in calibrated.items()}
    fitted["group_coverage"] = {used: each.group_coverage for used, each in calibrated.items()}
    fitted["results"] = {used: each.results for used, each in calibrated.items()}
    answers = calibrated[every].answers if every in calibrated else {}
    fitted["usual"] = _describe_usual(recipe, scores, [answers[row] for row in held_out if row in answers])
    cross_fitted = 0 if out_of_fold is None else len(out_of_fold.rows)
    recipe = recipe.model_copy(update=fitted | {"cross_fitted": cross_fitted})
    if every in calibrated:
        listen(Notice(describe_risk(recipe, every)))
        if recipe.promise is not None:
            listen(Notice(describe_promise(recipe)))
    return Calibrated(recipe, answers)


def _describe_usual(recipe: Recipe, scores: Mapping[str, Array], answers: Sequence[Any]) -> Usual:
    """From the scores by sense, and the network's own answers to held-out examples. The networks of other folds have
    other confidences."""
    kind = ANSWERS[recipe.kind]
    some = [answers[place] for place in take_evenly(np.arange(len(answers)), MOST_USUAL)]
    written = [answer.to_json() for answer in some]
    numbers = [kind.read_numbers(each) for each in written]
    named = [kind.read_classes(each, recipe.answer) for each in written]
    counts = Counter(chain.from_iterable(names or () for names in named))
    classes = kind.rates.names(recipe.answer) if kind.rates is not None and counts else ()
    return Usual(
        unfamiliarity={
            sense: to_usual(own[take_evenly(np.arange(len(own)), MOST_USUAL)].tolist()) for sense, own in scores.items()
        },
        confidence=to_usual(answer.confidence for answer in some),
        answers={name: to_usual(each[name] for each in numbers) for name in (numbers[0] if numbers else ())},
        classes={name: counts[name] for name in classes},
    )


def _add_outputs(calibrator: Calibrator, out_of_fold: OutOfFold) -> None:
    for place, row in enumerate(out_of_fold.rows.tolist()):
        calibrator.add(row, {name: values[place] for name, values in out_of_fold.outputs.items()})


class HeldOut(Protocol):
    """What calibration needs to know about held-out examples, by row; DatasetCache has it."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def groups(self) -> NDArray[np.int64]: ...
    def truth(self, row: int) -> Any: ...
    def geometry(self, row: int) -> Geometry | None: ...
    def clusters(self, rows: Sequence[int]) -> Clusters: ...
    def group_columns(self, rows: Sequence[int]) -> Mapping[str, Sequence[str]]: ...
    def metadata(self, rows: Sequence[int]) -> Mapping[str, Sequence[str]]: ...


class Calibrator:
    """Collects the outputs for one set of senses, and calibrates them.

    Raw arrays are decoded and dropped early: for long examples they are much larger than the decoded answers.
    """

    def __init__(self, kind: AnyKind, dataset: HeldOut) -> None:
        self.kind, self.spec, self.dataset = kind, dataset.recipe.answer, dataset
        self.rows: list[int] = []
        self._searched: list[Any] = []  # not yet decoded; the first TUNED wait until there are enough to tune decoding
        self._tuned: dict[str, float] | None = None
        self._decoded: list[Any] = []

    def add(self, row: int, raw: Arrays) -> None:
        self.rows.append(row)
        self._searched.append(self.kind.search(raw, self.spec))
        if self._tuned is not None or len(self._searched) == TUNED:
            self.decode()

    def tune(self) -> dict[str, float]:
        """Choose the settings of decoding from the examples so far. The first call decides."""
        if self._tuned is None:
            truths, geometries = self._truths(), [self.dataset.geometry(row) for row in self.rows]
            self._tuned = self.kind.tune(self._searched, _warped(truths, geometries), self.spec)
        return self._tuned

    def decode(self) -> dict[str, float]:
        """Decode all examples that wait -> the settings of decoding."""
        tuned = self.tune()
        self._decoded += [self.kind.n_best(each, self.spec, tuned) for each in self._searched]
        self._searched.clear()
        return tuned

    def calibrate(self, wrong_at_most: float | None) -> CalibratedSenses:
        """`wrong_at_most` is the user's, if they gave one."""
        tuned = self.decode()
        truths, geometries = self._truths(), [self.dataset.geometry(row) for row in self.rows]
        calibration = tuned | self.kind.calibrate(self._decoded, _warped(truths, geometries), self.spec)
        answers = [
            self.kind.select(each, self.spec, calibration, geometry)
            for each, geometry in zip(self._decoded, geometries, strict=True)
        ]
        scored = ScoredAnswers.of(self.kind, self.spec, answers, truths)
        selective = self._selective(calibration, scored, wrong_at_most)
        item, whole = (risk.threshold(selective.wrong_at_most) for risk in (selective.risk, selective.whole_risk))
        scored = scored.accept_from(item, whole if self.kind.item else item)
        evaluation = evaluate_scored(
            self.kind,
            self.spec,
            scored,
            metadata=self.dataset.group_columns(self.rows),
            clusters=self.dataset.clusters(self.rows),
        )
        results = replace(evaluation, wrong_at_most=selective.wrong_at_most).to_json()
        coverage = fit_coverage(self.kind, self.spec, answers, truths, *self._clusters())
        groups, columns = self.dataset.groups[self.rows], self.dataset.metadata(self.rows)
        by_group = fit_group_coverage(self.kind, self.spec, answers, truths, groups, columns)
        return CalibratedSenses(selective, coverage, by_group, results, dict(zip(self.rows, answers, strict=True)))

    def _selective(
        self, calibration: dict[str, float], scored: ScoredAnswers, wrong_at_most: float | None
    ) -> SelectivePrediction:
        clusters, few_groups = self._clusters()
        bounds = bound_risk(scored.items, clusters, few_groups)
        wholes = bound_risk(Items.from_answers(scored.confidence, scored.right), clusters, few_groups)
        return SelectivePrediction(
            calibration=calibration,
            risk=to_risk_curve(bounds),
            whole_risk=to_risk_curve(wholes) if self.kind.item else RiskCoverageCurve(),
            forecast=tuple(forecast_risks(bounds)),
            wrong_at_most=wrong_at_most or choose_target_risk(bounds),
            more_held_out=_more_held_out(bounds, len(self.rows)),
            few_groups=few_groups,
        )

    def _clusters(self) -> tuple[Array, int]:
        """(n,) the group of each example, such as its speaker, and 0. With fewer than FEWEST_GROUPS groups: each
        example as its own group, and the number of groups."""
        groups = np.unique(self.dataset.groups[self.rows], return_inverse=True)[1]
        number = int(groups.max(initial=-1)) + 1
        few = number < min(FEWEST_GROUPS, len(groups))
        return (np.arange(len(groups)), number) if few else (groups, 0)

    def _truths(self) -> list[Any]:
        return [self.dataset.truth(row) for row in self.rows]


def _more_held_out(bounds: RiskBounds, held_out: int) -> int | None:
    """How many more held-out examples would allow the usual guarantee; None if no number would."""
    times = growth_needed(bounds, DEFAULT_RISK)
    return math.ceil((times - 1) * held_out) if math.isfinite(times) else None


def _warped(truths: Sequence[Any], geometries: Sequence[Geometry | None]) -> list[Any]:
    """The truths in the coordinates of the preprocessed inputs."""
    return [
        truth.transform(geometry.warp) if geometry else truth
        for truth, geometry in zip(truths, geometries, strict=True)
    ]


def make_decoder_function(decoder: Decoder, device: torch.device) -> RunDecoder:
    """The decoder as a function of arrays by name, like its exported graph."""

    @torch.no_grad()
    def ask(feeds: Arrays) -> Arrays:
        given = decoder(*(torch.from_numpy(feeds[name]).to(device) for name in decoder.dynamic_axes))
        return {name: value.cpu().numpy() for name, value in zip(decoder.outputs, given, strict=True)}

    return ask


@torch.no_grad()
def predict_held_out(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> tuple[dict[str, Calibrator], dict[str, Array]]:
    """Run the network on these rows -> a calibrator for each set of senses, and OOD scores by sense."""
    kind = bind_decoder(network)
    calibrators: dict[str, Calibrator] = {}
    scores: dict[str, list[Array]] = {name: [] for name in network.encoders}
    listen(Started(TASK, len(rows), "examples"))
    done = 0
    for chosen in dataset.split_rows(rows, BATCH):
        batch = dataset.batch(chosen)
        cells = _encode(network, batch)
        for i, (name, own) in enumerate(zip(network.encoders, cells, strict=True)):
            scores[name].append(network.ood[name](own)[batch.present[:, i]].cpu().numpy())
        for subset in network.sense_subsets(len(chosen)):
            used = used_key(name for name, yes in zip(network.encoders, subset[0].tolist(), strict=True) if yes)
            raw = network.apply_head(cells, (subset & batch.present).to(cells[0].x.device))
            arrays = {key: value.float().cpu().numpy() for key, value in raw.items()}
            calibrator = calibrators.setdefault(used, Calibrator(kind, dataset))
            for index in np.flatnonzero((batch.present | ~subset).all(1)):
                calibrator.add(int(chosen[index]), {key: value[index] for key, value in arrays.items()})
        done += len(chosen)
        listen(Advanced(TASK, done))
    listen(Finished(TASK, format_count(len(rows), "example")))
    return calibrators, {name: np.concatenate(own) for name, own in scores.items()}


def bind_decoder(network: Network) -> AnyKind:
    """The network's kind of answer, with its decoder if it has one."""
    kind = ANSWERS[network.recipe.kind]
    if network.decoder is None:
        return kind
    run = make_decoder_function(network.decoder, next(network.parameters()).device)
    return kind.require_decoding("a decoder").with_network(run)


def _encode(network: Network, batch: Batch) -> Any:
    return network.encode(move(batch.inputs, next(network.parameters()).device))


@torch.no_grad()
def select_calibration_rows(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows to calibrate on: fewer if the raw arrays of each are large and are not decoded early."""
    if ANSWERS[network.recipe.kind].decoding is not None:
        return rows[:: -(-len(rows) // MOST_HELD_OUT)]
    batch = dataset.batch(rows[:1])
    cells = _encode(network, batch)
    raw = network.apply_head(cells, batch.present.to(cells[0].x.device))
    numbers = sum(array.numel() for array in raw.values())
    return rows[:: -(-len(rows) // int(np.clip(MOST_NUMBERS // numbers, 1, MOST_HELD_OUT)))]
