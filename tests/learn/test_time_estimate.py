"""The estimate, before training, of how long calibration will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning import EXAMPLES, PAIRS, dataset_of, recipe_for
from seehear.answers import ANSWERS
from seehear.events import ignore_events
from seehear.learn.calibrate import calibration, time_estimate
from seehear.learn.data.split import DataSplit
from seehear.learn.model.network import Network
from seehear.measure.evaluate import evaluate_scored

TUNED = 5
TUNE_S, DECODE_S, FIT_S, EVALUATE_S = 10.0, 2.0, 0.5, 100.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


def test_a_few_examples_are_enough_to_estimate_the_time_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dataset_of(recipe_for("text", ("audio",)), tmp_path)
    split = DataSplit(dataset, np.arange(0, EXAMPLES, 2), dataset, np.arange(1, EXAMPLES, 2))
    clock, plain = Clock(), ANSWERS["text"]
    slow, fit_ood_scorers, evaluation = copy(plain), calibration.fit_ood_scorers, evaluate_scored

    def tune(raws: Sequence[Any], *told: Any) -> Mapping[str, float]:
        clock.now_s += TUNE_S * len(raws)
        return plain.tune(raws, *told)

    def n_best(raw: Any, *told: Any) -> Any:
        clock.now_s += DECODE_S
        return plain.n_best(raw, *told)

    def slow_fit(network: Network, of: Any, rows: Any, most: int) -> None:
        clock.now_s += FIT_S * min(len(rows), most)
        fit_ood_scorers(network, of, rows, most)

    def slow_evaluation(*told: Any, **how: Any) -> Any:
        clock.now_s += EVALUATE_S
        return evaluation(*told, **how)

    monkeypatch.setattr(slow, "tune", tune)
    monkeypatch.setattr(slow, "n_best", n_best)
    monkeypatch.setitem(ANSWERS, "text", slow)
    monkeypatch.setattr(time_estimate, "time", clock)
    monkeypatch.setattr(time_estimate, "fit_ood_scorers", slow_fit)
    monkeypatch.setattr(calibration, "evaluate_scored", slow_evaluation)
    monkeypatch.setattr(time_estimate, "EXAMPLES", 3)
    monkeypatch.setattr(time_estimate, "TUNED", TUNED)
    took_s = time_estimate.estimate_seconds(Network(dataset.recipe).eval(), split, ignore_events)
    assert took_s == pytest.approx((FIT_S + DECODE_S) * EXAMPLES / 2 + TUNE_S * TUNED + EVALUATE_S)


@pytest.mark.parametrize(("kind", "senses"), dict(reversed(PAIRS)).items())
def test_every_kind_is_timed_with_an_untrained_network(kind: str, senses: tuple[str, ...], tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for(kind, senses), tmp_path)
    rows = np.arange(EXAMPLES)
    assert (
        0
        < time_estimate.estimate_seconds(
            Network(dataset.recipe).eval(), DataSplit(dataset, rows, dataset, rows), ignore_events
        )
        < np.inf
    )


def test_examples_without_a_sense_are_timed_too(tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    dataset._preprocessed["audio"]._ends[3:] = dataset._preprocessed["audio"]._ends[2]
    dataset._preprocessed["audio"].lengths[2:] = 0  # only the first two have a sound
    rows = np.arange(EXAMPLES)
    assert (
        time_estimate.estimate_seconds(
            Network(dataset.recipe).eval(), DataSplit(dataset, rows, dataset, rows), ignore_events
        )
        > 0
    )
