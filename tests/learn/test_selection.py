"""Which weights are kept after fine-tuning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seehear.events import Event
from seehear.learn.loop import selection
from seehear.learn.loop.selection import WEIGHTS, choose_weights


@pytest.mark.parametrize(
    ("before", "mean", "after", "chosen", "told"),
    [
        ([1.0, 1.2, 0.9], [0.8, 0.9, 0.8], [0.5, 0.7, 0.3], "after", "from 1.03 to 0.5"),
        ([1.0, 1.2, 0.9], [0.5, 0.7, 0.3], [0.8, 0.9, 0.8], "mean", "the mean of the weights"),
        ([1.0, 1.2, 0.9], [1.1, 1.3, 1.0], [1.5, 1.5, 1.5], "before", "did not help"),
        ([1.0, 1.2, 0.9], [2.0, 0.4, 0.3], [2.2, 2.4, 2.1], "before", "may be chance (standard error 0.57)"),
    ],
)
def test_fine_tuned_weights_are_kept_if_their_loss_is_clearly_lower(
    monkeypatch: pytest.MonkeyPatch, before: list[float], mean: list[float], after: list[float], chosen: str, told: str
) -> None:
    losses = dict(zip(WEIGHTS, (before, mean, after), strict=True))
    monkeypatch.setattr(selection, "take_weights", lambda weights, *_: weights)
    monkeypatch.setattr(selection, "compute_losses", lambda weights, *_: np.array(losses[weights]))
    nothing: Any = None
    heard: list[Event] = []
    found = choose_weights(nothing, nothing, nothing, nothing, heard.append)
    kept: Any = found.network
    assert (found.weights, kept) == (chosen, chosen)
    assert told in str(heard[-1])
