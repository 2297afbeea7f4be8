"""Whisper's decoder (Radford et al. 2022, arXiv:2212.04356): a Transformer that generates text token by token.

Its tensors have the published names, from `token_embedding.weight` to `ln.bias`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.decoding.whisper import NEXT, list_cross_names, list_past_names
from seehear.layers.parameter_groups import WHISPER_RATE, ParameterGroups, pretrained_parameters
from seehear.layers.pretrained import load_weights
from seehear.layers.token_loss import compute_token_loss, end_texts

if TYPE_CHECKING:
    from seehear.answers.text.whisper_spec import WhisperSpec


class WhisperDecoder(nn.Module):
    """tokens (K, L), after P earlier ones, and the encoder's keys and values -> logits (K, L, V) of each next token.

    past    for each block, keys and values (K, heads, P, D / heads) of the earlier tokens
    cross   for each block, keys (1 or K, heads, D / heads, N) and values (1 or K, heads, N, D / heads), from
            `project_states`
    """

    def __init__(self, spec: WhisperSpec) -> None:
        super().__init__()
        self.spec = spec
        self.token_embedding = nn.Embedding(spec.tokens, spec.width).requires_grad_(False)
        self.positional_embedding = nn.Parameter(torch.zeros(spec.longest, spec.width), requires_grad=False)
        self.blocks = nn.ModuleList(_Block(spec.width, spec.heads) for _ in range(spec.layers))
        self.ln = nn.LayerNorm(spec.width)

    def project_states(self, states: Tensor) -> list[Tensor]:
        """states (B, N, D) of the encoder -> the keys and values of each block in turn."""
        return [each for block in self.blocks for each in block.cross_attn.project_states(states)]  # type: ignore[operator, union-attr]

    def forward(
        self, tokens: Tensor, past: Sequence[Tensor], cross: Sequence[Tensor], valid_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Logits (K, L, V), attention (K, A, L, N) of the alignment heads, and the past including these tokens.

        valid_mask (K, N) is False for states that are padding; None if there is none.
        """
        before, length = past[0].shape[2], tokens.shape[1]
        place = torch.arange(length, device=tokens.device) + before
        x = self.token_embedding(tokens) + F.embedding(place, self.positional_embedding)
        allowed = place[:, None] >= torch.arange(before + length, device=tokens.device)  # (L, P + L)
        attention, after = [], []
        for i, block in enumerate(self.blocks):
            x, weights, own = block(x, allowed, past[2 * i : 2 * i + 2], cross[2 * i : 2 * i + 2], valid_mask)
            after += own
            attention += [weights[:, head] for layer, head in self.spec.alignment_heads if layer == i]
        return F.linear(self.ln(x), self.token_embedding.weight), torch.stack(attention, 1), after

    def predict_next(self, tokens: Tensor, cross: Sequence[Tensor], valid_mask: Tensor | None = None) -> Tensor:
        """tokens (B, L) from the first on -> logits (B, L, V) of the token after each."""
        nothing = cross[0].new_zeros(len(tokens), self.spec.heads, 0, self.spec.width // self.spec.heads)
        logits: Tensor
        logits, _, _ = self(tokens, [nothing] * (2 * len(self.blocks)), cross, valid_mask)
        return logits

    def loss(self, cross: Sequence[Tensor], valid_mask: Tensor, tokens: Tensor, length: Tensor) -> Tensor:
        """(B,): cross entropy per token, the end included. Of tokens (B, L), the first `length` (B,) count."""
        special = self.spec.special
        ended = end_texts(tokens, length, special.text)
        prompt = tokens.new_tensor(special.build_prompt(self.spec.language, self.spec.translate))
        given = torch.cat([prompt.expand(len(tokens), -1), ended[:, :-1]], 1)
        logits = self.predict_next(given, cross, valid_mask)[:, len(prompt) - 1 :]  # (B, L + 1, V)
        return compute_token_loss(logits, ended, length)

    def parameter_groups(self) -> ParameterGroups:
        """The blocks; embeddings stay as they are, since a few examples have only a few of the tokens."""
        *lower, last = self.blocks
        return pretrained_parameters([*lower, nn.ModuleList([last, self.ln])], rate=WHISPER_RATE)

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Load the published tensors, whose names begin with `decoder.`. Raises ValueError if one is missing."""
        load_weights(nn.ModuleDict({"decoder": self}), tensors, "Whisper")


class ExportedWhisperDecoder(nn.Module):
    """The decoder as it is exported: for one example, its inputs and outputs in a fixed order.

    tokens (K, L), then the past and the cross inputs of each block -> logits, attention, then the new past.
    """

    quantised = True  # it is large, and runs for one example at a time, so that no example changes another's answer

    def __init__(self, decoder: WhisperDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        blocks = len(decoder.blocks)
        self.past, self.cross = list_past_names(blocks), list_cross_names(blocks)
        self.outputs = ("logits", "attention", *(f"{NEXT}{name}" for name in self.past))
        self.dynamic_axes: Mapping[str, Mapping[int, str]] = {
            "tokens": {0: "texts", 1: "length"},
            **{name: {0: "texts", 2: "past"} for name in self.past},
            **{name: {1 + (i + 1) % 2: "frames"} for i, name in enumerate(self.cross)},  # keys, values in turn
        }

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        tokens, *rest = inputs
        past, cross = rest[: len(self.past)], [each[None] for each in rest[len(self.past) :]]
        logits, attention, after = self.decoder(tokens, past, cross)
        return logits, attention, *after

    def example_inputs(self, raw: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
        """Inputs of two shapes for each example: several tokens after a past, then one more token."""
        spec, examples = self.decoder.spec, len(raw[self.cross[0]])
        for example in range(examples):
            cross = {name: raw[name][example] for name in self.cross}
            tokens = torch.arange(6).reshape(2, 3) % spec.tokens
            past = [cross[self.cross[0]].new_zeros(2, spec.heads, 2, spec.width // spec.heads) for _ in self.past]
            inputs = {"tokens": tokens, **dict(zip(self.past, past, strict=True)), **cross}
            yield inputs
            _, _, *after = self(*inputs.values())
            past = [each[:1] for each in after]
            yield {"tokens": tokens[:1, :1], **dict(zip(self.past, past, strict=True)), **cross}


class _Block(nn.Module):
    """x (K, L, D) -> x, attention to the states (K, heads, L, N), [keys, values] of all tokens so far."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn, self.attn_ln = _Attention(width, heads), nn.LayerNorm(width)
        self.cross_attn, self.cross_attn_ln = _Attention(width, heads), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(
        self,
        x: Tensor,
        allowed: Tensor,
        past: Sequence[Tensor],
        cross: Sequence[Tensor],
        valid_mask: Tensor | None,
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        y = self.attn_ln(x)
        keys = torch.cat([past[0], self.attn.split(self.attn.key(y))], 2)
        values = torch.cat([past[1], self.attn.split(self.attn.value(y))], 2)
        attended, _ = self.attn(y, keys.transpose(2, 3), values, allowed)
        x = x + attended
        states = None if valid_mask is None else valid_mask[:, None, None]
        attended, weights = self.cross_attn(self.cross_attn_ln(x), cross[0], cross[1], states)
        x = x + attended
        return x + self.mlp(self.mlp_ln(x)), weights, [keys, values]


class _Attention(nn.Module):
    """x (K, L, D), keys (K, heads, d, N), values (K, heads, N, d), allowed (..., L, N) or None -> (K, L, D), and the
    weights (K, heads, L, N)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.query, self.value, self.out = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(width, width, bias=False)

    def split(self, x: Tensor) -> Tensor:
        """(K, L, D) -> (K, heads, L, D / heads)."""
        batch, length, width = x.shape
        return x.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def project_states(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """states (B, N, D) -> keys (B, heads, d, N), values (B, heads, N, d)."""
        return self.split(self.key(states)).transpose(2, 3), self.split(self.value(states))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
        logits = self.split(self.query(x)) * self.scale @ keys  # (K, heads, L, N)
        weights = (logits if allowed is None else logits.masked_fill(~allowed, -1e4)).softmax(3)
        attended: Tensor = self.out((weights @ values).transpose(1, 2).flatten(2))
        return attended, weights
