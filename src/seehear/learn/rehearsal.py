"""How long it will take to measure what was learned: told before, by a network that has learned nothing."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from seehear.events import silence
from seehear.learn.familiarity import BANK
from seehear.learn.material import Material
from seehear.learn.network import Network
from seehear.learn.trial import FEWEST, TUNED, judging, remember, spread, tried

EXAMPLES = 8


class Took(NamedTuple):
    """Seconds for each example."""

    remembered: float
    tried: float
    tuned: float
    judged: float


def rehearsed(network: Network, material: Material) -> float:
    """Seconds that `remember` and `trusted` will take.

    What a network is unsure of takes as long to make out as what it is sure of, or longer: so one that has learned
    nothing tells enough.
    """
    _rehearsal(network, material, FEWEST)  # whatever is used for the first time is slow
    took = _rehearsal(network, material, EXAMPLES)
    judges = len(judging(network, material.judges, material.held_out))
    remembering_s = took.remembered * min(len(material.rows), BANK)
    return remembering_s + took.tuned * min(judges, TUNED) + (took.tried + took.judged) * judges


def _rehearsal(network: Network, material: Material, most: int) -> Took:
    """With so many examples at most."""
    held_out = spread(material.held_out, most)
    begins_s = [time.monotonic()]
    remember(network, material.shelf, material.rows, most)
    begins_s.append(time.monotonic())
    trials, _ = tried(network, material.judges, held_out, silence)
    begins_s.append(time.monotonic())
    enough = [trial for trial in trials.values() if len(trial.rows) >= FEWEST]
    for trial in enough:
        trial.tune()
    begins_s.append(time.monotonic())
    for trial in enough:
        trial.outcome(network.recipe.wrong_at_most)
    begins_s.append(time.monotonic())
    examples = min(len(material.rows), most), *[len(held_out)] * 3
    return Took(*(np.diff(begins_s) / examples).tolist())
