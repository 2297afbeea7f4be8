"""A trained network on examples held out of its training: what its confidence is worth and what is unfamiliar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import counted
from seehear.answers import ANSWERS, AnswerKind, Arrays, Ask, Decoder, Items
from seehear.answers.selective import USUAL, RiskBounds, bound_risk, choose_target_risk, growth_needed
from seehear.events import Advanced, Finished, Listener, Said, Started
from seehear.geometry import Geometry
from seehear.learn.calibrate.card import promise
from seehear.learn.data.cache import Batch, DatasetCache
from seehear.learn.model.network import Network
from seehear.learn.model.ood import BANK
from seehear.measure.clusters import Clusters, find_clusters
from seehear.measure.evaluate import evaluate_scored
from seehear.measure.scored_answers import ScoredAnswers
from seehear.measure.selective import fit_ood_threshold, to_risk_curve
from seehear.recipe import Recipe, RiskCoverageCurve, SelectivePrediction, used_key
from seehear.table.groups import is_group

Array = NDArray[Any]
TASK = "measuring"
TOGETHER = 128
FEWEST = 2  # examples that have the senses in question
FEWEST_GROUPS = 5  # that tell how much speakers, patients and the like differ
MOST_HELD_OUT = 5000  # enough for every figure; more would only take time
TUNED = 64  # examples by which a kind chooses how it makes out the others
MOST_NUMBERS = 1e8  # of raw arrays held at once


@torch.no_grad()
def remember(network: Network, dataset: DatasetCache, rows: NDArray[np.int64], most: int = BANK) -> None:
    """Fill the memory of what is familiar with examples it was trained on, of each sense so many at most."""
    device = next(network.parameters()).device
    for name, encoder in network.encoders.items():
        chosen = spread(rows[dataset.has_sense(name)[rows]], most)
        features: list[torch.Tensor] = []
        for some in _some(dataset, chosen):
            cells = encoder(**{key: tensor.to(device) for key, tensor in dataset.inputs(name, some).items()})
            features.append(network.ood[name].features(cells))  # type: ignore[operator]
        network.ood[name].remember(torch.cat(features))  # type: ignore[operator]


def calibrate_network(network: Network, dataset: DatasetCache, rows: NDArray[np.int64], *, listen: Listener) -> Recipe:
    """The recipe, with selective prediction, limits of the familiar and results from held-out rows."""
    recipe = network.recipe
    calibrators, unfamiliar = run_held_out(network, dataset, calibration_rows(network, dataset, rows), listen)
    limits = {name: fit_ood_threshold(scores) for name, scores in unfamiliar.items()}
    limits = {name: limit for name, limit in limits.items() if np.isfinite(limit)}  # none: too few to tell
    selective, results = {}, {}
    for used, trial in calibrators.items():
        if len(trial.rows) >= FEWEST:  # without it, no such answer will be accepted
            selective[used], results[used] = trial.outcome(recipe.wrong_at_most)
    recipe = recipe.model_copy(update={"selective": selective, "ood_threshold": limits, "results": results})
    if (every := used_key(recipe.senses)) in selective:
        listen(Said(promise(recipe, every)))
    return recipe


class Calibrator:
    """What the network may answer by one set of senses. The arrays of the heads are given up soon: of long examples
    they are much larger than what may be answered.
    """

    def __init__(self, kind: AnswerKind, dataset: DatasetCache) -> None:
        self.kind, self.spec, self.dataset = kind, dataset.recipe.answer, dataset
        self.rows: list[int] = []
        self._raws: list[Arrays] = []  # of the first, until there are enough to tune by
        self._tuned: dict[str, float] | None = None
        self._seen: list[Any] = []

    def take(self, row: int, raw: Arrays) -> None:
        """One more example, and what the head gives for it."""
        self.rows.append(row)
        self._raws.append(raw)
        if self._tuned is not None or len(self._raws) == TUNED:
            self.make_out()

    def tune(self) -> dict[str, float]:
        """Choose how examples are made out, by those whose arrays wait, unless it was chosen before."""
        if self._tuned is None:
            truths, places = self._truths(), [self.dataset.geometry(row) for row in self.rows]
            self._tuned = self.kind.tune(self._raws, _moved(truths, places), self.spec)
        return self._tuned

    def make_out(self) -> dict[str, float]:
        """Find what may be answered to those whose arrays wait -> what that rests on."""
        tuned = self.tune()
        self._seen += [self.kind.n_best(raw, self.spec, tuned) for raw in self._raws]
        self._raws.clear()
        return tuned

    def outcome(self, wrong_at_most: float | None) -> tuple[SelectivePrediction, dict[str, Any]]:
        """When to believe such answers, and how good they are. `wrong_at_most` is what was asked for, if anything."""
        tuned = self.make_out()
        truths, places = self._truths(), [self.dataset.geometry(row) for row in self.rows]
        calibration = tuned | self.kind.calibrate(self._seen, _moved(truths, places), self.spec)
        answers = [
            self.kind.select(each, self.spec, calibration, place)
            for each, place in zip(self._seen, places, strict=True)
        ]
        judged = ScoredAnswers.of(self.kind, self.spec, answers, truths)
        selective = self._selective(calibration, judged, wrong_at_most)
        item, whole = (risk.threshold(selective.wrong_at_most) for risk in (selective.risk, selective.whole_risk))
        judged = judged.accept_from(item, whole if self.kind.item else item)
        told = evaluate_scored(self.kind, self.spec, judged, clusters=self._units())
        return selective, replace(told, wrong_at_most=selective.wrong_at_most).to_json()

    def _units(self) -> Clusters:
        """What is resampled for the intervals."""
        table = self.dataset.table.take(self.rows)
        return find_clusters(
            len(table), {name: table.metadata_column(name) for name in table.metadata if is_group(name)}
        )

    def _selective(
        self, calibration: dict[str, float], judged: ScoredAnswers, wrong_at_most: float | None
    ) -> SelectivePrediction:
        clusters, few_groups = self._clusters()
        bounds = bound_risk(judged.items, clusters, few_groups)
        wholes = bound_risk(Items.of_wholes(judged.confidence, judged.right), clusters, few_groups)
        return SelectivePrediction(
            calibration=calibration,
            risk=to_risk_curve(bounds),
            whole_risk=to_risk_curve(wholes) if self.kind.item else RiskCoverageCurve(),
            wrong_at_most=wrong_at_most or choose_target_risk(bounds),
            more_held_out=_more(bounds, len(self.rows)),
            few_groups=few_groups,
        )

    def _clusters(self) -> tuple[Array, int]:
        """(n,) which examples are alike, those of one speaker or the like; where too few of these were held out, each
        example alone, and how many of them there are."""
        groups = np.unique(self.dataset.groups[self.rows], return_inverse=True)[1]
        number = int(groups.max(initial=-1)) + 1
        few = number < min(FEWEST_GROUPS, len(groups))
        return (np.arange(len(groups)), number) if few else (groups, 0)

    def _truths(self) -> list[Any]:
        return [self.dataset.truth(row) for row in self.rows]


def _more(bounds: RiskBounds, held_out: int) -> int | None:
    """How many more examples held out would allow to promise what is usual; None where no number would."""
    times = growth_needed(bounds, USUAL)
    return math.ceil((times - 1) * held_out) if math.isfinite(times) else None


def _moved(truths: Sequence[Any], places: Sequence[Geometry | None]) -> list[Any]:
    """In prepared coordinates."""
    return [truth.moved(place.warp) if place else truth for truth, place in zip(truths, places, strict=True)]


def decoder_function(decoder: Decoder, device: torch.device) -> Ask:
    """As the graph of it will be asked: arrays by name."""

    @torch.no_grad()
    def ask(feeds: Arrays) -> Arrays:
        given = decoder(*(torch.from_numpy(feeds[name]).to(device) for name in decoder.flexible))
        return {name: value.cpu().numpy() for name, value in zip(decoder.outputs, given, strict=True)}

    return ask


@torch.no_grad()
def run_held_out(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> tuple[dict[str, Calibrator], dict[str, Array]]:
    """By senses in use, a trial by the rows that have them; by sense, how unfamiliar the rows are that have it."""
    kind = _kind(network)
    calibrators: dict[str, Calibrator] = {}
    unfamiliar: dict[str, list[Array]] = {name: [] for name in network.encoders}
    listen(Started(TASK, len(rows), "examples"))
    done = 0
    for some in _some(dataset, rows):
        batch = dataset.batch(some)
        cells = _encode(network, batch)
        for i, (name, own) in enumerate(zip(network.encoders, cells, strict=True)):
            unfamiliar[name].append(network.ood[name](own)[batch.present[:, i]].cpu().numpy())
        for way in network.ways(len(some)):
            used = used_key(name for name, yes in zip(network.encoders, way[0].tolist(), strict=True) if yes)
            raw = network.answer(cells, (way & batch.present).to(cells[0].x.device))
            arrays = {key: value.float().cpu().numpy() for key, value in raw.items()}
            trial = calibrators.setdefault(used, Calibrator(kind, dataset))
            for place in np.flatnonzero((batch.present | ~way).all(1)):
                trial.take(int(some[place]), {key: value[place] for key, value in arrays.items()})
        done += len(some)
        listen(Advanced(TASK, done))
    listen(Finished(TASK, counted(len(rows), "example")))
    return calibrators, {name: np.concatenate(own) for name, own in unfamiliar.items()}


def _kind(network: Network) -> AnswerKind:
    """The network's, which asks its decoder where there is one."""
    kind = ANSWERS[network.recipe.kind]
    if network.decoder is None:
        return kind
    return kind.asking(decoder_function(network.decoder, next(network.parameters()).device))


def _encode(network: Network, batch: Batch) -> Any:
    device = next(network.parameters()).device
    return network.encode({name: tensor.to(device) for name, tensor in batch.inputs.items()})


def _some(dataset: DatasetCache, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The rows, as many at once as fit into memory."""
    size = dataset.batch_limit(TOGETHER)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@torch.no_grad()
def calibration_rows(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the rows that judge: fewer where the answer to each is many numbers."""
    batch = dataset.batch(rows[:1])
    cells = _encode(network, batch)
    raw = network.answer(cells, batch.present.to(cells[0].x.device))
    numbers = sum(array.numel() for array in raw.values())
    return rows[:: -(-len(rows) // int(np.clip(MOST_NUMBERS // numbers, 1, MOST_HELD_OUT)))]


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Up to so many of the rows, from all over them."""
    chosen: NDArray[np.int64] = rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)]
    return chosen
