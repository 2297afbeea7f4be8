"""Measures a network on held-out examples while it is trained, so that people see how good it is already.

Nothing is chosen by these figures. They take a small share of the time, and fewer examples where each takes long.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.kind import Headline
from seehear.events import Listener, Measured
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.probe import decode_answers, measure_headline
from seehear.learn.model.network import Network
from seehear.learn.outputs import BATCH, compute_outputs
from seehear.sampling import take_evenly

SHARE = 0.02  # of the time, at most, from one measurement to the next
FIRST_S = 2.0  # until the first
TIMED, MOST = 8, 256  # examples: those that show how long one takes, and those that are measured
MOST_OF_BUDGET = 0.005  # that one measurement may take

Rows = NDArray[np.int64]


def measure_network(network: Network, dataset: DatasetCache, rows: Rows) -> tuple[Headline, float]:
    """The headline metric and its value for the network's answers to these rows.

    They are decoded batch by batch, because the outputs for a mask are larger than the mask.
    """
    answers: list[Any] = []
    for chosen in dataset.split_rows(rows, BATCH):
        answers += decode_answers(dataset, chosen, compute_outputs(network, dataset, chosen))
    return measure_headline(dataset, rows, answers)


class Validation:
    """Measures on the held-out examples of a split, during a training of this many seconds."""

    def __init__(self, split: DataSplit, seconds: float, listen: Listener) -> None:
        self._dataset, self._held_out, self._listen = split.val, split.val_rows, listen
        self._seconds = seconds
        self._rows: Rows | None = None  # chosen by the first measurement
        self._next_s = time.monotonic() + FIRST_S

    def measure_in_time(self, network: Network, task: str, done: float) -> None:
        """Say how good the network is when the task has done so much, if the last measurement was long enough ago.

        Never for a network with a decoder, which takes seconds for each example.
        """
        if time.monotonic() < self._next_s or network.decoder is not None:
            return
        if self._rows is None:
            self._rows = self._choose_rows(network)
        started_s = time.monotonic()
        if len(self._rows):
            headline, value = self._measure(network, self._rows)
            if math.isfinite(value):
                self._listen(Measured(task, done, headline.metric, value, headline.higher_is_better, len(self._rows)))
        self._next_s = time.monotonic() + (time.monotonic() - started_s) / SHARE

    def _choose_rows(self, network: Network) -> Rows:
        """As many as can be measured in their share of the budget; none if these are too few."""
        some = take_evenly(self._held_out, TIMED)
        started_s = time.monotonic()
        self._measure(network, some)
        each_s = (time.monotonic() - started_s) / len(some)
        most = min(MOST, int(MOST_OF_BUDGET * self._seconds / each_s))
        return take_evenly(self._held_out, most) if most >= TIMED else self._held_out[:0]

    def _measure(self, network: Network, rows: Rows) -> tuple[Headline, float]:
        return measure_network(network, self._dataset, rows)
