"""Which optimiser updates which parameter of a module."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from torch import Tensor, nn


class ParameterGroups(NamedTuple):
    """The trainable parameters of a module.

    kernels      of convolutions, each followed by a normalisation: Muon, at the higher rate
    matrices     of linear and recurrent layers: Muon
    other        gains, biases, embeddings and the output layer of a head: AdamW
    pretrained   weights of a pretrained encoder, each with the number of blocks between it and the output: AdamW, at a
                 rate that falls with that number
    """

    kernels: list[Tensor]
    matrices: list[Tensor]
    other: list[Tensor]
    pretrained: list[tuple[Tensor, int]]

    @classmethod
    def empty(cls) -> ParameterGroups:
        return cls([], [], [], [])


def hidden_parameters(module: nn.Module, embeddings: Collection[Tensor] = ()) -> ParameterGroups:
    """For modules inside a network. Embeddings are looked up or added, not multiplied, so they count as `other`."""
    groups = ParameterGroups.empty()
    for weight in _trainable(module):
        is_matrix = weight.ndim == 2 and not any(weight is embedding for embedding in embeddings)
        (groups.kernels if weight.ndim > 2 else groups.matrices if is_matrix else groups.other).append(weight)
    return groups


def head_parameters(module: nn.Module) -> ParameterGroups:
    """For heads: their matrices write the output, whose scale matters, so AdamW updates them."""
    groups = ParameterGroups.empty()
    for weight in _trainable(module):
        (groups.kernels if weight.ndim > 2 else groups.other).append(weight)
    return groups


def pretrained_parameters(blocks: Sequence[nn.Module]) -> ParameterGroups:
    """For pretrained encoders: their blocks, from input to output."""
    groups = ParameterGroups.empty()
    for depth, block in enumerate(reversed(blocks)):
        groups.pretrained.extend((weight, depth) for weight in _trainable(block))
    return groups


def join_groups(parts: Iterable[ParameterGroups]) -> ParameterGroups:
    return ParameterGroups(*(list(chain.from_iterable(lists)) for lists in zip(*parts, strict=True)))


def _trainable(module: nn.Module) -> Iterable[Tensor]:
    return (weight for weight in module.parameters() if weight.requires_grad)
