"""Our recurrent layers equal torch's, forward and backward."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seehear.layers.recurrence import GRU, BidirectionalGRU, reverse_sequences

LENGTHS = torch.tensor([9, 3, 5, 1, 7])


def torchs_own(layer: nn.GRU) -> nn.GRU:
    own = nn.GRU(layer.input_size, layer.hidden_size, batch_first=True).double()
    own.load_state_dict(layer.state_dict())
    return own


@pytest.mark.parametrize("begun", [True, False])
def test_states_and_gradients_equal_torch(begun: bool) -> None:
    torch.manual_seed(0)
    layer = GRU(6, 7, batch_first=True).double()
    own = torchs_own(layer)
    x = torch.randn(5, 9, 6, dtype=torch.double)
    start = torch.randn(5, 7, dtype=torch.double) if begun else None
    towards = torch.randn(5, 9, 7, dtype=torch.double)
    given = [x, *([start] if start is not None else [])]
    ours_given, own_given = ([each.clone().requires_grad_() for each in given] for _ in range(2))
    states = layer(*ours_given)
    expected = own(own_given[0], *(each[None] for each in own_given[1:]))[0]
    torch.testing.assert_close(states, expected)
    (states * towards).sum().backward()
    (expected * towards).sum().backward()
    for one, other in zip([*ours_given, *layer.parameters()], [*own_given, *own.parameters()], strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_bidirectional_equals_two_layers() -> None:
    torch.manual_seed(0)
    both = BidirectionalGRU(8).double()
    x = torch.randn(5, 9, 8, dtype=torch.double)
    ahead = torchs_own(both.forward_gru)(x)[0]
    back = reverse_sequences(torchs_own(both.backward_gru)(reverse_sequences(x, LENGTHS))[0], LENGTHS)
    torch.testing.assert_close(both(x, LENGTHS), torch.cat([ahead, back], 2))


def test_steps_run_in_float32_under_autocast() -> None:
    torch.manual_seed(0)
    both = BidirectionalGRU(8)
    x = torch.randn(5, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        states = both(x, LENGTHS)
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, both(x, LENGTHS), atol=0.03, rtol=0.03)
    states.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in both.parameters())
