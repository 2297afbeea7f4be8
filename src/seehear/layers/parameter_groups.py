"""Which optimiser updates which parameter of a module."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from torch import Tensor, nn

PRETRAINED_RATE = 0.5  # that of the last block of a pretrained encoder, as a multiple of that of new layers
PRETRAINED_DENSE_RATE = 0.125  # the same under a head for positions: it starts at random, so it learns 4 times as fast
WHISPER_RATE = 0.1  # of Whisper's encoder and decoder together: what they know of each other is soon lost
DECAY = 0.9  # the rate of each block of a pretrained module, relative to that of the next


class ParameterGroups(NamedTuple):
    """The trainable parameters of a module.

    kernels      of convolutions, each followed by a normalisation: Muon, at the higher rate
    matrices     of linear and recurrent layers: Muon
    other        gains, biases, embeddings and the output layer of a head: AdamW
    pretrained   weights of a pretrained module, each with its rate as a multiple of that of `other`: AdamW
    """

    kernels: list[Tensor]
    matrices: list[Tensor]
    other: list[Tensor]
    pretrained: list[tuple[Tensor, float]]

    @classmethod
    def empty(cls) -> ParameterGroups:
        return cls([], [], [], [])


def hidden_parameters(module: nn.Module, embeddings: Collection[Tensor] = ()) -> ParameterGroups:
    """Parameter groups for modules inside a network. Embeddings are not multiplied, so they count as `other`."""
    groups = ParameterGroups.empty()
    for weight in _trainable(module):
        is_matrix = weight.ndim == 2 and not any(weight is embedding for embedding in embeddings)
        (groups.kernels if weight.ndim > 2 else groups.matrices if is_matrix else groups.other).append(weight)
    return groups


def head_parameters(module: nn.Module) -> ParameterGroups:
    """Parameter groups for heads: their matrices write the output, whose scale matters, so AdamW updates them."""
    groups = ParameterGroups.empty()
    for weight in _trainable(module):
        (groups.kernels if weight.ndim > 2 else groups.other).append(weight)
    return groups


def pretrained_parameters(blocks: Sequence[nn.Module], rate: float = PRETRAINED_RATE) -> ParameterGroups:
    """Parameter groups for pretrained modules: blocks from input to output, and the rate of the last block.

    Rates fall from block to block towards the input: the first blocks need the least change (Howard & Ruder 2018).
    """
    groups = ParameterGroups.empty()
    for depth, block in enumerate(reversed(blocks)):
        groups.pretrained.extend((weight, rate * DECAY**depth) for weight in _trainable(block))
    return groups


def join_groups(parts: Iterable[ParameterGroups]) -> ParameterGroups:
    return ParameterGroups(*(list(chain.from_iterable(lists)) for lists in zip(*parts, strict=True)))


def _trainable(module: nn.Module) -> Iterable[Tensor]:
    return (weight for weight in module.parameters() if weight.requires_grad)
