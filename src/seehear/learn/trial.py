"""A trained network on examples held out of its training: what its confidence is worth and what is unfamiliar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.answers import ANSWERS, Arrays, Ask, Decoder
from seehear.events import Advanced, Finished, Listener, Started
from seehear.learn.familiarity import BANK
from seehear.learn.network import Network
from seehear.learn.shelf import Batch, Shelf, stacked
from seehear.measure.evaluate import evaluate
from seehear.measure.trust import familiar_limit, fit_risk
from seehear.recipe import Recipe, Trust, used_key

Array = NDArray[Any]
TASK = "measuring"
TOGETHER = 128
FEWEST = 2  # examples that have the senses in question
MOST_HELD_OUT = 5000  # enough for every figure; more would only take time
MOST_NUMBERS = 1e8  # of raw arrays held at once


@torch.no_grad()
def remember(network: Network, shelf: Shelf, rows: NDArray[np.int64]) -> None:
    """Fill the memory of what is familiar with examples it was trained on."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), BANK)).round().astype(int)]
    features: dict[str, list[torch.Tensor]] = {name: [] for name in network.encoders}
    for batch in _batches(shelf, chosen):
        for i, (name, cells) in enumerate(zip(network.encoders, _encode(network, batch), strict=True)):
            features[name].append(network.familiar[name].features(cells)[batch.present[:, i]])  # type: ignore[operator]
    for name, parts in features.items():
        network.familiar[name].remember(torch.cat(parts))  # type: ignore[operator]


@torch.no_grad()
def trusted(network: Network, shelf: Shelf, rows: NDArray[np.int64], *, listen: Listener) -> Recipe:
    """The network's recipe with its trust, its limits of the familiar and its results, from held-out rows."""
    recipe = network.recipe
    kind, spec = ANSWERS[recipe.kind], recipe.answer
    if network.decoder is not None:
        kind = kind.asking(asking(network.decoder, next(network.parameters()).device))
    rows = rows[:: -(-len(rows) // _most(network, shelf, rows))]
    truths = [shelf.truth(int(row)) for row in rows]
    places = [shelf.placed(int(row)) for row in rows]
    raws, unfamiliar, present = _raws(network, shelf, rows, listen)
    limits = {name: familiar_limit(scores[present[:, i]]) for i, (name, scores) in enumerate(unfamiliar.items())}
    limits = {name: limit for name, limit in limits.items() if np.isfinite(limit)}  # none: too few to tell
    trust, results = {}, {}
    for used, raw in raws.items():
        has = _usable(used, recipe, present)
        if has.sum() < FEWEST:
            continue  # without trust, no such answer will be accepted
        here = {key: value[has] for key, value in raw.items()}
        true = [truth for truth, yes in zip(truths, has, strict=True) if yes]
        placed = [place for place, yes in zip(places, has, strict=True) if yes]
        moved = [truth.moved(place.warp) if place else truth for truth, place in zip(true, placed, strict=True)]
        calibration = kind.calibrate(here, moved, spec)
        answers = [
            kind.from_raw({key: value[i] for key, value in here.items()}, spec, calibration, place)
            for i, place in enumerate(placed)
        ]
        confidence = np.array([answer.confidence for answer in answers])
        right = np.array([kind.right(answer, truth, spec) for answer, truth in zip(answers, true, strict=True)])
        trust[used] = Trust(calibration=calibration, risk=fit_risk(confidence, right))
        accepted = confidence >= trust[used].risk.threshold(recipe.wrong_at_most)
        results[used] = evaluate(kind, spec, answers, true, accepted=accepted.tolist()).to_json()
    return recipe.model_copy(update={"trust": trust, "unfamiliar_above": limits, "results": results})


def asking(decoder: Decoder, device: torch.device) -> Ask:
    """As the graph of it will be asked: arrays by name."""

    @torch.no_grad()
    def ask(feeds: Arrays) -> Arrays:
        given = decoder(*(torch.from_numpy(feeds[name]).to(device) for name in decoder.flexible))
        return {name: value.cpu().numpy() for name, value in zip(decoder.outputs, given, strict=True)}

    return ask


def _raws(
    network: Network, shelf: Shelf, rows: NDArray[np.int64], listen: Listener
) -> tuple[dict[str, dict[str, Array]], dict[str, Array], Array]:
    """The head's arrays by senses in use, unfamiliarity by sense, and which senses each row has (n, S)."""
    parts: dict[str, list[dict[str, Array]]] = {}
    unfamiliar: dict[str, list[Array]] = {name: [] for name in network.encoders}
    present = []
    listen(Started(TASK, len(rows), "examples"))
    for number, batch in enumerate(_batches(shelf, rows)):
        cells = _encode(network, batch)
        for name, own in zip(network.encoders, cells, strict=True):
            unfamiliar[name].append(network.familiar[name](own).cpu().numpy())
        for way in network.ways(len(batch.present)):
            used = used_key(name for name, yes in zip(network.encoders, way[0].tolist(), strict=True) if yes)
            raw = network.answer(cells, (way & batch.present).to(cells[0].x.device))
            parts.setdefault(used, []).append({key: value.float().cpu().numpy() for key, value in raw.items()})
        present.append(batch.present.numpy())
        listen(Advanced(TASK, min(len(rows), (number + 1) * shelf.together(TOGETHER))))
    listen(Finished(TASK))
    raws = {used: {key: stacked([row for p in own for row in p[key]]) for key in own[0]} for used, own in parts.items()}
    return raws, {name: np.concatenate(own) for name, own in unfamiliar.items()}, np.concatenate(present)


def _usable(used: str, recipe: Recipe, present: Array) -> Array:
    """(n,) which rows have all the senses in use."""
    wanted = [i for i, name in enumerate(recipe.senses) if name in used.split("+")]
    usable: Array = np.asarray(present[:, wanted].all(1))
    return usable


def _encode(network: Network, batch: Batch) -> Any:
    device = next(network.parameters()).device
    return network.encode({name: tensor.to(device) for name, tensor in batch.inputs.items()})


def _batches(shelf: Shelf, rows: NDArray[np.int64]) -> Iterator[Batch]:
    size = shelf.together(TOGETHER)
    for start in range(0, len(rows), size):
        yield shelf.batch(rows[start : start + size])


def _most(network: Network, shelf: Shelf, rows: NDArray[np.int64]) -> int:
    """How many examples judge: fewer where the answer to each is many numbers."""
    batch = shelf.batch(rows[:1])
    numbers = sum(array.numel() for array in network.answer(_encode(network, batch), batch.present).values())
    return int(np.clip(MOST_NUMBERS // numbers, 1, MOST_HELD_OUT))
