"""From cells to a text, token by token: a recurrent decoder that looks at the cells (Bahdanau et al. 2015).

Two layers, each of which reads the tokens so far with a GRU and then attends to the cells (Vaswani et al. 2017, 3.2.2).
The second one's GRU reads what the first one saw, so that it knows where it has looked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.decoding.autoregressive import LAYERS
from seehear.layers.linear import Float32Linear
from seehear.layers.recurrence import GRU

HEAD_CHANNELS = 32  # of each attention head, as bfloat16 kernels like them
DROPOUT = 0.15
SMOOTHING = 0.1  # of the odds that are aimed at (Szegedy et al. 2016)
LONGEST_WAVE = 1e4  # cells


class Decoder(nn.Module):
    """memory (B, N, D), valid_mask (B, N), tokens (B, L), state (B, LAYERS, D) -> (B, L, V + 1), state (B, LAYERS, D).

    Log probabilities of what follows each token; the token V is the edge: before the first and after the last one.
    One example's memory (1, N, D) serves any number of texts. State: what is known of the tokens before these.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.edge, self.width = vocabulary, width
        self.embed = nn.Embedding(vocabulary + 1, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        self.read = nn.ModuleList(_Read(width) for _ in range(LAYERS))
        self.look = nn.ModuleList(_Look(width) for _ in range(LAYERS))
        self.drop = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(width)
        self.classify = Float32Linear(width, vocabulary + 1)

    def forward(self, memory: Tensor, valid_mask: Tensor, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        memory = memory + _waves(memory)
        x = self.drop(self.embed(tokens) * self.width**0.5)
        after = []
        for layer, (read, look) in enumerate(zip(self.read, self.look, strict=True)):
            states = read(x, state[:, layer])
            after.append(states[:, -1])
            x = x + self.drop(states)
            x = x + self.drop(look(x, memory, valid_mask))
        return self.classify(self.drop(self.norm(x))).log_softmax(2), torch.stack(after, 1)

    def start(self, texts: int, like: Tensor) -> Tensor:
        """(texts, LAYERS, D): the state before the first token."""
        return like.new_zeros(texts, LAYERS, self.width)

    def loss(self, memory: Tensor, valid_mask: Tensor, tokens: Tensor, length: Tensor) -> Tensor:
        """(B,): cross entropy a token, the end among them; tokens (B, L), of which the first `length` (B,) count."""
        batch, most = tokens.shape
        place = torch.arange(most + 1, device=tokens.device)
        said = torch.where(place[:-1] < length[:, None], tokens, self.edge)
        edge = torch.full_like(length, self.edge)[:, None]  # (B, 1)
        logp, _ = self(memory, valid_mask, torch.cat([edge, said], 1), self.start(batch, memory))
        wanted = torch.cat([said, edge], 1)
        each = F.cross_entropy(logp.transpose(1, 2), wanted, reduction="none", label_smoothing=SMOOTHING)  # (B, L + 1)
        return (each * (place <= length[:, None])).sum(1) / (length + 1)


class AskedDecoder(nn.Module):
    """The decoder as a graph is asked: about one example, without padding.

    memory (N, D), tokens (K, L), state (K, LAYERS, D) -> logp (K, L, V + 1), next_state (K, LAYERS, D).
    """

    flexible = {"memory": {0: "cells"}, "tokens": {0: "texts", 1: "length"}, "state": {0: "texts"}}  # noqa: RUF012
    outputs = ("logp", "next_state")

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, memory: Tensor, tokens: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        valid_mask = torch.ones(1, memory.shape[0], dtype=torch.bool, device=memory.device)
        logp, next_state = self.decoder(memory[None], valid_mask, tokens, state)
        return logp, next_state

    def questions(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """Of several shapes about real examples: all their texts from the beginning, then one token more of one."""
        edge = torch.full_like(target["tokens"][:, :1], self.decoder.edge)
        tokens = torch.cat([edge, target["tokens"]], 1)
        for memory, cells in zip(raw["memory"], raw["cells"].long().clamp_min(1).tolist(), strict=True):
            asked = {"memory": memory[:cells], "tokens": tokens, "state": self.decoder.start(len(tokens), memory)}
            yield asked
            _, state = self(*asked.values())
            yield {"memory": memory[:cells], "tokens": tokens[:1, -1:], "state": state[:1]}


class _Read(nn.Module):
    """x (B, L, D), state (B, D) -> the states after each token (B, L, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gru = GRU(width, width, batch_first=True)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        states: Tensor = self.gru(self.norm(x), state)
        return states


class _Look(nn.Module):
    """x (B, L, D), memory (B or 1, N, D), valid_mask (B or 1, N) -> what is seen there (B, L, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD_CHANNELS)
        if width % self.heads:
            raise ValueError(f"Expected a width that {HEAD_CHANNELS} divides, got {width}")
        self.norm = nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor, valid_mask: Tensor) -> Tensor:
        query, key, value = self.query(self.norm(x)), self.key(memory), self.value(memory)
        query, key, value = (each.unflatten(2, (self.heads, -1)).transpose(1, 2) for each in (query, key, value))
        match = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (B, heads, L, N)
        seen = match.masked_fill(~valid_mask[:, None, None], -1e4).softmax(3) @ value
        looked: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return looked


def _waves(memory: Tensor) -> Tensor:
    """(1, N, D): where each cell lies, as Vaswani et al. 2017 (3.5) say it."""
    _, cells, width = memory.shape
    place = torch.arange(cells, device=memory.device, dtype=torch.float32)[:, None]
    pitch = torch.arange(0, width, 2, device=memory.device, dtype=torch.float32) / width
    angle = place * torch.exp(-math.log(LONGEST_WAVE) * pitch)
    return torch.cat([angle.sin(), angle.cos()], 1)[None, :, :width].to(memory)
