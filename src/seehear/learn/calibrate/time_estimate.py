"""How long it will take to measure what was learned: told before, by a network that has learned nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from seehear.amounts import counted
from seehear.events import Finished, Listener, Started, silence
from seehear.learn.calibrate.calibration import FEWEST, TUNED, calibration_rows, remember, run_held_out, spread
from seehear.learn.data.split import DataSplit
from seehear.learn.model.network import Network
from seehear.learn.model.ood import BANK

TASK = "rehearsing"
EXAMPLES = 8


class Took(NamedTuple):
    """Seconds for each example; to sum up, for all of them: figures take as long for few as for many."""

    remember_s: float
    try_s: float
    tune_s: float
    make_out_s: float
    sum_up_s: float


def estimate_seconds(network: Network, material: DataSplit, listen: Listener) -> float:
    """Seconds that `remember` and `trusted` will take.

    What a network is unsure of takes as long to make out as what it is sure of, or longer: so one that has learned
    nothing tells enough.
    """
    listen(Started(TASK, None, "examples"))
    _rehearsal(network, material, FEWEST)  # whatever is used for the first time is slow
    took = _rehearsal(network, material, EXAMPLES)
    listen(Finished(TASK, counted(min(EXAMPLES, len(material.held_out)), "example")))
    remembered = min(len(material.rows), BANK)
    judges = len(calibration_rows(network, material.judges, material.held_out))
    by_judge_s = (took.try_s + took.make_out_s) * judges + took.tune_s * min(judges, TUNED)
    return took.remember_s * remembered + by_judge_s + took.sum_up_s


def _rehearsal(network: Network, material: DataSplit, most: int) -> Took:
    """With so many examples at most."""
    held_out = spread(material.held_out, most)
    lap_s = _stopwatch()
    remember(network, material.dataset, material.rows, most)
    remember_s = lap_s() / min(len(material.rows), most)
    calibrators, _ = run_held_out(network, material.judges, held_out, silence)
    try_s = lap_s() / len(held_out)
    enough = [trial for trial in calibrators.values() if len(trial.rows) >= FEWEST]
    for trial in enough:
        trial.tune()
    tune_s = lap_s() / len(held_out)
    for trial in enough:
        trial.make_out()
    make_out_s = lap_s() / len(held_out)
    for trial in enough:
        trial.outcome(network.recipe.wrong_at_most)
    return Took(remember_s, try_s, tune_s, make_out_s, sum_up_s=lap_s())


def _stopwatch() -> Callable[[], float]:
    """Seconds since it was last asked."""
    last_s = time.monotonic()

    def lap_s() -> float:
        nonlocal last_s
        before_s, last_s = last_s, time.monotonic()
        return last_s - before_s

    return lap_s
