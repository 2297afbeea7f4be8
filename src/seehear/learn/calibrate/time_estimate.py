"""An estimate, before training, of how long calibration will take after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from seehear.amounts import format_count
from seehear.events import Finished, Listener, Started, ignore_events
from seehear.learn.calibrate.calibration import (
    FEWEST,
    TUNED,
    fit_ood_scorers,
    predict_held_out,
    select_calibration_rows,
)
from seehear.learn.data.split import DataSplit
from seehear.learn.kept_features import MOST, supports_new_classes
from seehear.learn.model.network import Network
from seehear.learn.model.ood import BANK
from seehear.sampling import take_evenly

TASK = "estimating time"
EXAMPLES = 8


class Timings(NamedTuple):
    """Seconds per example; for calibration, in total: it takes as long for few examples as for many."""

    ood_s: float
    predict_s: float
    tune_s: float
    decode_s: float
    calibrate_s: float


def estimate_seconds(network: Network, split: DataSplit, listen: Listener) -> float:
    """Seconds that cross-fitted answers, `fit_ood_scorers`, `calibrate_network` and `keep_features` will take.

    `fit_ood_scorers` and `keep_features` share one encoding of the training examples. An untrained network is
    enough to time them: uncertain outputs take as long to decode as confident ones, or longer.
    """
    listen(Started(TASK, None, "examples"))
    _time_calibration(network, split, FEWEST)  # the first call is slow
    timings = _time_calibration(network, split, EXAMPLES)
    listen(Finished(TASK, format_count(min(EXAMPLES, len(split.val_rows)), "example")))
    scored = min(len(split.train_rows), BANK)
    held_out = len(select_calibration_rows(network, split.val, split.val_rows))
    cross_fitted = len(split.train_rows) if network.recipe.training.folds else 0
    answering_s = (timings.predict_s + timings.decode_s) * (held_out + cross_fitted)
    answering_s += timings.tune_s * min(held_out, TUNED)
    kept = min(len(split.val_rows), MOST) * supports_new_classes(network.recipe)
    kept_s = timings.ood_s * kept  # most of both is running the encoder
    return timings.ood_s * scored + answering_s + timings.calibrate_s + kept_s


def _time_calibration(network: Network, split: DataSplit, most: int) -> Timings:
    """Time each step on at most this many examples."""
    held_out = take_evenly(split.val_rows, most)
    lap_s = _stopwatch()
    fit_ood_scorers(network, split.train, split.train_rows, most)
    ood_s = lap_s() / min(len(split.train_rows), most)
    calibrators, _ = predict_held_out(network, split.val, held_out, ignore_events)
    predict_s = lap_s() / len(held_out)
    enough = [calibrator for calibrator in calibrators.values() if len(calibrator.rows) >= FEWEST]
    for calibrator in enough:
        calibrator.tune()
    tune_s = lap_s() / len(held_out)
    for calibrator in enough:
        calibrator.decode()
    decode_s = lap_s() / len(held_out)
    for calibrator in enough:
        calibrator.calibrate(network.recipe.wrong_at_most)
    return Timings(ood_s, predict_s, tune_s, decode_s, calibrate_s=lap_s())


def _stopwatch() -> Callable[[], float]:
    """A function that gives the seconds since its last call."""
    last_s = time.monotonic()

    def lap_s() -> float:
        nonlocal last_s
        before_s, last_s = last_s, time.monotonic()
        return last_s - before_s

    return lap_s
