"""Gated recurrent units, and layers of them that read from both ends."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import custom_bwd, custom_fwd
from torch.nn import functional as F


class BidirectionalGRU(nn.Module):
    """A recurrent layer that reads from both ends: x (B, N, D), lengths (B,) -> (B, N, D).

    Half of the channels come from what went before, half from what comes after. What lies beyond a sequence's own
    length is read last, so it changes nothing before it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ahead = GRU(width, width // 2, batch_first=True)
        self.back = GRU(width, width // 2, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        ahead, back = run_in_step((self.ahead, self.back), (x, reverse_sequences(x, lengths)))
        return torch.cat([ahead, reverse_sequences(back, lengths)], 2)


class GRU(nn.GRU):
    """One layer, one direction, batch first: (B, N, D) -> (B, N, H).

    Under the exporter it becomes one ONNX GRU node: torch's own translation unrolls time and freezes its length.
    """

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """x (B, N, D), start (B, H), the state before the first step -> the state after each step (B, N, H)."""
        if _in_steps(x):
            return _stepped((self,), (x,), start)[0]
        batch, steps, _ = x.shape
        before = x.new_zeros(1, batch, self.hidden_size) if start is None else start[None].contiguous()
        if not _exporting():
            return super().forward(x, before)[0]
        weight_input, weight_hidden, *biases = (_update_first(weight) for weight in self.all_weights[0])
        bias = torch.cat(biases)[None]
        states, _ = torch.onnx.ops.symbolic_multi_out(
            "GRU",
            (x.transpose(0, 1), weight_input[None], weight_hidden[None], bias, None, before),
            {"hidden_size": self.hidden_size, "linear_before_reset": 1},
            dtypes=(torch.float32, torch.float32),
            shapes=((steps, 1, batch, self.hidden_size), (1, batch, self.hidden_size)),
        )
        return states.squeeze(1).transpose(0, 1)


def run_in_step(layers: tuple[GRU, ...], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Each layer on its own input (B, N, D) -> (B, N, H): on a processor all in the same steps."""
    if _in_steps(inputs[0]):
        return _stepped(layers, inputs, None)
    return tuple(layer(x) for layer, x in zip(layers, inputs, strict=True))


def reverse_sequences(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the real steps of x (B, N, D) in time; the padding stays behind them."""
    steps = torch.arange(x.shape[1], device=x.device)
    from_end = lengths[:, None] - 1 - steps
    index = torch.where(from_end >= 0, from_end, steps)  # (B, N)
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))


def _exporting() -> bool:
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()


def _in_steps(x: Tensor) -> bool:
    """A graphics card has a kernel for all steps at once."""
    return x.device.type == "cpu" and not _exporting()


def _stepped(layers: tuple[GRU, ...], inputs: tuple[Tensor, ...], start: Tensor | None) -> tuple[Tensor, ...]:
    told: list[Tensor] = []
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    for layer, x in zip(layers, inputs, strict=True):
        weight_input, weight_hidden, bias_input, bias_hidden = layer.all_weights[0]
        with torch.autocast(x.device.type, enabled=False):  # as the steps are: 3 H is seldom a multiple of 32
            told.append(F.linear(x.transpose(0, 1).to(weight_input.dtype), weight_input, bias_input))  # (N, B, 3 H)
        weights.append(weight_hidden)
        biases.append(bias_hidden)
    states: Tensor = GRUFunction.apply(torch.stack(told, 1), torch.stack(weights), torch.stack(biases), start)  # type: ignore[no-untyped-call]
    return states.permute(1, 2, 0, 3).unbind()


class GRUFunction(torch.autograd.Function):
    """Gated recurrent units (Cho et al. 2014, in torch's form), S of them side by side: their steps and gradients.

    told (N, S, B, 3 H), what the inputs say to the gates reset, update and new; weight (S, 3 H, H) and bias (S, 3 H),
    by which the state speaks to them; start (B, H), the state of all before the first step -> states (N, S, B, H).

        reset, update = sigmoid(told + said);  new = tanh(told + reset * said);  state = lerp(new, state, update)

    Each step of the gradient is one product: all else is known of all steps at once. Of 62 sequences of 126 steps,
    layers both ways took 0.78 of torch's own time at 160 channels, 0.64 at 224, 0.96 at 320.
    """

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]  # as steps add up
    def forward(ctx: Any, told: Tensor, weight: Tensor, bias: Tensor, start: Tensor | None) -> Tensor:
        steps, side, batch, width = *told.shape[:3], weight.shape[2]
        first = told.new_zeros(side, batch, width) if start is None else start.expand(side, -1, -1)
        gates = told.new_empty(steps, side, batch, 2 * width)  # reset, update
        new, said_new, states = (torch.empty_like(gates[..., :width]) for _ in range(3))
        state = first
        for step in range(steps):
            said = torch.baddbmm(bias[:, None], state, weight.mT)  # (S, B, 3 H)
            torch.sigmoid(told[step, ..., : 2 * width] + said[..., : 2 * width], out=gates[step])
            reset, update = gates[step].chunk(2, -1)
            said_new[step] = said[..., 2 * width :]
            torch.addcmul(told[step, ..., 2 * width :], reset, said_new[step], out=new[step]).tanh_()
            state = torch.lerp(new[step], state, update, out=states[step])
        ctx.save_for_backward(weight, first, gates, new, said_new, states)
        ctx.begun = start is not None
        return states

    @staticmethod
    @custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        weight, first, gates, new, said_new, states = ctx.saved_tensors
        width = weight.shape[2]
        reset, update = gates.chunk(2, -1)
        before = torch.cat([first[None], states[:-1]])
        to_new = (1 - update) * (1 - new.square())
        to_reset = to_new * said_new * reset * (1 - reset)
        to_update = (before - new) * update * (1 - update)
        said = torch.stack([to_reset, to_update, to_new * reset], 3)  # (N, S, B, 3, H), to be times that of the state
        state = torch.zeros_like(first)
        after = torch.empty_like(states)  # the gradient of the state after each step
        for step in reversed(range(len(states))):
            torch.add(state, given[step], out=after[step])
            said[step] *= after[step, :, :, None]
            state = torch.baddbmm(after[step] * update[step], said[step].flatten(2), weight)
        said = said.flatten(3)
        told = torch.cat([said[..., : 2 * width], after * to_new], -1)
        each = said.transpose(0, 1).flatten(1, 2)  # (S, N B, 3 H)
        by_weight = each.mT @ before.transpose(0, 1).flatten(1, 2)
        return told, by_weight, each.sum(1), state.sum(0) if ctx.begun else None


def _update_first(weight: Tensor) -> Tensor:
    """torch stacks the gates reset, update, new; ONNX wants update, reset, new."""
    reset, update, new = weight.chunk(3)
    return torch.cat([update, reset, new])
