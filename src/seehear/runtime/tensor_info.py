"""Shapes and types of a graph's tensors, inferred before it runs, and the contents of small ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seehear.errors import BundleError
from seehear.runtime.graph import Shape
from seehear.senses import Array


class TensorInfo(NamedTuple):
    """A tensor's shape and type. `contents` is None if they are large, or depend on the graph's inputs."""

    shape: Shape
    dtype: np.dtype
    contents: Array | None = None
    constant: bool = False  # computed once, when the graph is loaded

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


@dataclass(frozen=True)
class OperatorInputs:
    """The inputs and attributes of one operator. Inputs that are left out are None, attributes have their defaults."""

    inputs: Sequence[TensorInfo | None]
    attributes: Mapping[str, Any]
    outputs: int

    def __getitem__(self, i: int) -> TensorInfo:
        value = self.inputs[i] if i < len(self.inputs) else None
        if value is None:
            raise BundleError("lacks an input")
        return value

    def has(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i] is not None

    def integers(self, i: int) -> list[int]:
        """The contents of an input that must follow from shapes and constants: axes, sizes, positions."""
        value = self[i]
        if value.contents is None or value.dtype.kind != "i" or len(value.shape) > 1:
            raise BundleError("has a size that is only known when it is run")
        return [int(n) for n in value.contents.reshape(-1)]

    def integer(self, i: int) -> int:
        (number,) = self.integers(i)
        return number


OutputTypes = list[tuple[Shape, np.dtype[Any]]]  # of each output
