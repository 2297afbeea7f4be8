"""A recurrent decoder with attention, which writes a text token by token (Bahdanau et al. 2015).

Two layers, each a GRU over the tokens so far followed by attention to the cells (Vaswani et al. 2017, section 3.2.2).
The second GRU reads what the first layer attended to, and so can remember where it has looked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from seehear.decoding.autoregressive import LAYERS
from seehear.layers.linear import Float32Linear
from seehear.layers.recurrence import GRU
from seehear.layers.token_loss import compute_token_loss, end_texts

CHANNELS_PER_HEAD = 32  # a size for which bfloat16 kernels are fast
DROPOUT = 0.15
MAX_WAVELENGTH = 1e4  # cells


class AttentionDecoder(nn.Module):
    """memory (B, N, D), valid_mask (B, N), tokens (B, L), state (B, LAYERS, D) -> (B, L, V + 1), state (B, LAYERS, D).

    Log probabilities of what follows each token. Token V is the edge, before the first and after the last token. The
    memory of one example (1, N, D) serves any number of texts. The state summarises the tokens before `tokens`.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.edge, self.width = vocabulary, width
        self.embed = nn.Embedding(vocabulary + 1, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        self.recurrent = nn.ModuleList(_RecurrentLayer(width) for _ in range(LAYERS))
        self.attention = nn.ModuleList(_CrossAttention(width) for _ in range(LAYERS))
        self.drop = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(width)
        self.classify = Float32Linear(width, vocabulary + 1)

    def forward(self, memory: Tensor, valid_mask: Tensor, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        memory = memory + _encode_positions(memory)
        x = self.drop(self.embed(tokens) * self.width**0.5)
        next_state = []
        for layer, (recurrent, attention) in enumerate(zip(self.recurrent, self.attention, strict=True)):
            states = recurrent(x, state[:, layer])
            next_state.append(states[:, -1])
            x = x + self.drop(states)
            x = x + self.drop(attention(x, memory, valid_mask))
        return self.classify(self.drop(self.norm(x))).log_softmax(2), torch.stack(next_state, 1)

    def start(self, texts: int, like: Tensor) -> Tensor:
        """(texts, LAYERS, D): the state before the first token, with the type and device of `like`."""
        return like.new_zeros(texts, LAYERS, self.width)

    def loss(self, memory: Tensor, valid_mask: Tensor, tokens: Tensor, length: Tensor) -> Tensor:
        """(B,): cross entropy per token, the end included. Of tokens (B, L), the first `length` (B,) count."""
        ended = end_texts(tokens, length, self.edge)
        edge = torch.full_like(length, self.edge)[:, None]  # (B, 1)
        logp, _ = self(memory, valid_mask, torch.cat([edge, ended[:, :-1]], 1), self.start(len(tokens), memory))
        return compute_token_loss(logp, ended, length)


class ExportedDecoder(nn.Module):
    """The decoder as it is exported: for one example, without padding.

    memory (N, D), tokens (K, L), state (K, LAYERS, D) -> logp (K, L, V + 1), next_state (K, LAYERS, D).
    """

    dynamic_axes = {"memory": {0: "cells"}, "tokens": {0: "texts", 1: "length"}, "state": {0: "texts"}}  # noqa: RUF012
    outputs = ("logp", "next_state")
    quantised = False

    def __init__(self, decoder: AttentionDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, memory: Tensor, tokens: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        valid_mask = torch.ones(1, memory.shape[0], dtype=torch.bool, device=memory.device)
        logp, next_state = self.decoder(memory[None], valid_mask, tokens, state)
        return logp, next_state

    def example_inputs(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """Inputs of several shapes: for each example, all texts from the start, then one more token of one text."""
        edge = torch.full_like(target["tokens"][:, :1], self.decoder.edge)
        tokens = torch.cat([edge, target["tokens"]], 1)
        for memory, cells in zip(raw["memory"], raw["cells"].long().clamp_min(1).tolist(), strict=True):
            inputs = {"memory": memory[:cells], "tokens": tokens, "state": self.decoder.start(len(tokens), memory)}
            yield inputs
            _, state = self(*inputs.values())
            yield {"memory": memory[:cells], "tokens": tokens[:1, -1:], "state": state[:1]}


class _RecurrentLayer(nn.Module):
    """x (B, L, D), state (B, D) -> the states after each token (B, L, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gru = GRU(width, width, batch_first=True)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        states: Tensor = self.gru(self.norm(x), state)
        return states


class _CrossAttention(nn.Module):
    """x (B, L, D), memory (B or 1, N, D), valid_mask (B or 1, N) -> (B, L, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // CHANNELS_PER_HEAD)
        if width % self.heads:
            raise ValueError(f"Expected a width that {CHANNELS_PER_HEAD} divides, got {width}")
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor, valid_mask: Tensor) -> Tensor:
        query, key, value = self.query(self.norm(x)), self.key(memory), self.value(memory)
        query, key, value = (each.unflatten(2, (self.heads, -1)).transpose(1, 2) for each in (query, key, value))
        logits = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (B, heads, L, N)
        attended = logits.masked_fill(~valid_mask[:, None, None], -1e4).softmax(3) @ value
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out


def _encode_positions(memory: Tensor) -> Tensor:
    """(1, N, D): sinusoidal positions of the cells (Vaswani et al. 2017, section 3.5)."""
    _, cells, width = memory.shape
    place = torch.arange(cells, device=memory.device, dtype=torch.float32)[:, None]
    frequency = torch.arange(0, width, 2, device=memory.device, dtype=torch.float32) / width
    angle = place * torch.exp(-math.log(MAX_WAVELENGTH) * frequency)
    return torch.cat([angle.sin(), angle.cos()], 1)[None, :, :width].to(memory)
