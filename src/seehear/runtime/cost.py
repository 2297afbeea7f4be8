"""The memory and multiply-adds that a graph needs, computed from its shapes before it is loaded or run.

While it loads a graph, onnxruntime computes everything that depends only on constants, and cannot be interrupted: a
small file can make it use terabytes of memory or years of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seehear.errors import BundleError
from seehear.runtime.graph import Graph, Node, Shape
from seehear.runtime.operators import MAX_CONTENTS, infer
from seehear.runtime.tensor_info import TensorInfo
from seehear.senses import Array

InputTypes = Mapping[str, tuple[Shape, np.dtype[Any]]]  # shape and type of each input


class Cost(NamedTuple):
    """What one example costs, beyond the constants that the graph contains.

    peak_bytes       the most memory in use at once, with what is computed from constants
    constant_bytes   what is computed from constants when the graph is loaded
    multiply_adds    the arithmetic
    """

    peak_bytes: int
    constant_bytes: int
    multiply_adds: int


# The largest network that seehear plans, with 60 s of lips and sound, needs 408 MB, 33 MB of it constants, and 117
# billion multiply-adds for one example.
MAX = Cost(peak_bytes=2 << 30, constant_bytes=1 << 27, multiply_adds=1 << 40)
MAX_AT_LOAD = Cost(peak_bytes=1 << 30, constant_bytes=1 << 27, multiply_adds=1 << 37)


def check_cost(graph: Graph, fed: InputTypes, most: Cost) -> None:
    """Raises BundleError for a graph that costs more than the limits, or that does not take these inputs."""
    if graph.inputs.keys() != fed.keys():
        raise BundleError(f"it takes {', '.join(graph.inputs)}", allowed=", ".join(fed))
    for name, (shape, dtype) in fed.items():
        declared = graph.inputs[name]
        if declared[1] != dtype or len(declared[0]) != len(shape):
            raise BundleError(f"it takes {name} as {declared[1]} of shape {declared[0]}", allowed=f"{dtype}, {shape}")
    cost = estimate_cost(graph, fed)
    for what, needed, limit in zip(("bytes", "bytes of constants", "multiply-adds"), cost, most, strict=True):
        if needed > limit:
            raise BundleError(f"it needs {needed:,} {what} for one example", allowed=f"at most {limit:,}")


def estimate_cost(graph: Graph, fed: InputTypes) -> Cost:
    """Raises BundleError for an operator that seehear does not export, and for shapes that do not fit."""
    uses = Counter(name for node in graph.nodes for name in node.inputs) + Counter(graph.outputs)
    held_by = {name: TensorInfo(*each).nbytes for name, each in fed.items()}
    now, peak_bytes, constant_bytes, multiply_adds = sum(held_by.values()), 0, 0, 0
    for node, made, more in infer_shapes(graph, fed):
        multiply_adds += more
        for name, value in zip(node.outputs, made, strict=False):
            if value.constant:
                constant_bytes += value.nbytes
            else:
                held_by[name] = value.nbytes
                now += value.nbytes
        peak_bytes = max(peak_bytes, now)
        uses.subtract(node.inputs)
        for name in {*node.inputs, *node.outputs}:
            if uses[name] <= 0:
                now -= held_by.pop(name, 0)
    return Cost(peak_bytes + constant_bytes, constant_bytes, multiply_adds)


def infer_shapes(graph: Graph, fed: InputTypes) -> Iterator[tuple[Node, list[TensorInfo], int]]:
    """Each operator in order, its outputs, and its multiply-adds."""
    values: dict[str, TensorInfo | None] = {"": None}
    values |= {name: _constant(array) for name, array in graph.constants.items()}
    values |= {name: TensorInfo(*each) for name, each in fed.items()}
    for node in graph.nodes:
        if not {*node.inputs} <= values.keys():
            raise BundleError(f"{node.op} reads an input that is missing")
        made, multiply_adds = infer(node, [values[name] for name in node.inputs])
        values |= dict(zip(node.outputs, made, strict=False))
        values[""] = None
        yield node, made, multiply_adds


def _constant(array: Array) -> TensorInfo:
    return TensorInfo(array.shape, array.dtype, array if array.size <= MAX_CONTENTS else None, constant=True)
