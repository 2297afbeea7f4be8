"""Before learning it is known how long measuring will take after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning import EXAMPLES, PAIRS, dataset_of, recipe_for
from seehear.answers import ANSWERS
from seehear.events import silence
from seehear.learn.calibrate import calibration as trial
from seehear.learn.calibrate import time_estimate as rehearsal
from seehear.learn.data.split import DataSplit
from seehear.learn.model.network import Network

TUNED = 5
TUNES_S, MAKES_OUT_S, REMEMBERS_S, SUMS_UP_S = 10.0, 2.0, 0.5, 100.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


def test_a_few_examples_tell_how_long_all_will_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = dataset_of(recipe_for("text", ("audio",)), tmp_path)
    material = DataSplit(dataset, np.arange(0, EXAMPLES, 2), dataset, np.arange(1, EXAMPLES, 2))
    clock, plain = Clock(), ANSWERS["text"]
    slow, remember, evaluation = copy(plain), rehearsal.remember, trial.evaluation

    def tune(raws: Sequence[Any], *told: Any) -> Mapping[str, float]:
        clock.now_s += TUNES_S * len(raws)
        return plain.tune(raws, *told)

    def n_best(raw: Any, *told: Any) -> Any:
        clock.now_s += MAKES_OUT_S
        return plain.n_best(raw, *told)

    def remembering(network: Network, of: Any, rows: Any, most: int) -> None:
        clock.now_s += REMEMBERS_S * min(len(rows), most)
        remember(network, of, rows, most)

    def summing_up(*told: Any, **how: Any) -> Any:
        clock.now_s += SUMS_UP_S
        return evaluation(*told, **how)

    slow.tune, slow.n_best = tune, n_best
    monkeypatch.setitem(ANSWERS, "text", slow)
    monkeypatch.setattr(rehearsal, "time", clock)
    monkeypatch.setattr(rehearsal, "remember", remembering)
    monkeypatch.setattr(trial, "evaluation", summing_up)
    monkeypatch.setattr(rehearsal, "EXAMPLES", 3)
    monkeypatch.setattr(rehearsal, "TUNED", TUNED)
    took_s = rehearsal.estimate_seconds(Network(dataset.recipe).eval(), material, silence)
    assert took_s == pytest.approx((REMEMBERS_S + MAKES_OUT_S) * EXAMPLES / 2 + TUNES_S * TUNED + SUMS_UP_S)


@pytest.mark.parametrize(("kind", "senses"), dict(reversed(PAIRS)).items())
def test_every_answer_is_rehearsed_by_a_network_that_knows_nothing(
    kind: str, senses: tuple[str, ...], tmp_path: Path
) -> None:
    dataset = dataset_of(recipe_for(kind, senses), tmp_path)
    rows = np.arange(EXAMPLES)
    assert (
        0
        < rehearsal.estimate_seconds(Network(dataset.recipe).eval(), DataSplit(dataset, rows, dataset, rows), silence)
        < np.inf
    )


def test_examples_that_lack_a_sense_are_rehearsed_too(tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for("label", ("image", "audio")), tmp_path)
    dataset._preprocessed["audio"]._ends[3:] = dataset._preprocessed["audio"]._ends[2]
    dataset._preprocessed["audio"].lengths[2:] = 0  # only the first two have a sound
    rows = np.arange(EXAMPLES)
    assert (
        rehearsal.estimate_seconds(Network(dataset.recipe).eval(), DataSplit(dataset, rows, dataset, rows), silence) > 0
    )
