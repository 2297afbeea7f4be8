"""The listener: cells for any length of sound."""

from __future__ import annotations

import pytest
import torch

from learning import SPECS
from seehear.senses.hearing.augment import TRANSFORMED_SAMPLES, _in_a_room
from seehear.senses.hearing.encoder import Listener
from seehear.senses.hearing.plan import FRAMES_PER_CELL, HOP_SAMPLES


@pytest.fixture(scope="module")
def listener() -> Listener:
    torch.manual_seed(0)
    return Listener(SPECS["audio"]).eval()


@pytest.mark.parametrize("samples", [4000, 4001, 4159, 4160, 4161, 4320, 6399])
def test_a_cell_that_is_begun_is_a_cell(listener: Listener, samples: int) -> None:
    with torch.no_grad():
        cells = listener(torch.randn(2, samples), torch.tensor([samples, samples - 700]))
    per_cell = FRAMES_PER_CELL * HOP_SAMPLES
    assert cells.real.sum(1).tolist() == [-(-n // per_cell) for n in (samples, samples - 700)]
    assert cells.x.shape[1] == -(-samples // per_cell)


@pytest.mark.parametrize("samples", [6400, TRANSFORMED_SAMPLES - 4000, TRANSFORMED_SAMPLES, 9001])
def test_a_room_echoes_what_was_and_nothing_of_the_end_comes_round_to_the_beginning(samples: int) -> None:
    clap = torch.zeros(8, samples)
    clap[:, -200] = 1
    heard = _in_a_room(clap, share=1.0)
    assert heard.shape == clap.shape
    assert heard[:, :-200].abs().max() < 1e-5
    torch.testing.assert_close(heard[:, -200], torch.ones(8))
    assert (heard[:, -199:].abs().amax(1) > 0.01).all()
