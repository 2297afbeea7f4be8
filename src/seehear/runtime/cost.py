"""The memory and work that a graph needs, computed from its shapes before it is loaded or run.

While onnxruntime loads a graph, it computes everything that depends on constants alone, and it cannot be interrupted: a
small file may make it use terabytes or years.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seehear.errors import BundleError
from seehear.runtime.graph import Graph, Node, Shape
from seehear.runtime.operators import MOST_CONTENTS, applied
from seehear.runtime.values import Value
from seehear.senses import Array

Fed = Mapping[str, tuple[Shape, np.dtype[Any]]]  # shape and type of each input


class Cost(NamedTuple):
    """held, bytes at the moment when most is held at once; folded, bytes that are made of constants and stay; both
    beside the constants that the graph brings. work, in multiply-adds."""

    held: int
    folded: int
    work: int


# What the largest network of the plans needs for one example, 60 s of lips and sound, is 408 MB, 33 MB of constants and
# 117 billion multiply-adds.
MOST = Cost(held=2 << 30, folded=1 << 27, work=1 << 40)
AT_LOAD = Cost(held=1 << 30, folded=1 << 27, work=1 << 37)


def check_cost(graph: Graph, fed: Fed, most: Cost) -> None:
    """Raises BundleError for a graph that needs more, or that does not fit what it is fed."""
    if graph.inputs.keys() != fed.keys():
        raise BundleError(f"it takes {', '.join(graph.inputs)}", allowed=", ".join(fed))
    for name, (shape, dtype) in fed.items():
        declared = graph.inputs[name]
        if declared[1] != dtype or len(declared[0]) != len(shape):
            raise BundleError(f"it takes {name} as {declared[1]} of shape {declared[0]}", allowed=f"{dtype}, {shape}")
    cost = cost_of(graph, fed)
    for what, needed, limit in zip(("bytes", "bytes of constants", "multiply-adds"), cost, most, strict=True):
        if needed > limit:
            raise BundleError(f"it needs {needed:,} {what} for one example", allowed=f"at most {limit:,}")


def cost_of(graph: Graph, fed: Fed) -> Cost:
    """Raises BundleError for an operator that seehear does not export, and for shapes that do not fit each other."""
    uses = Counter(name for node in graph.nodes for name in node.inputs) + Counter(graph.outputs)
    held_by = {name: Value(*each).nbytes for name, each in fed.items()}
    now, held, folded, work = sum(held_by.values()), 0, 0, 0
    for node, made, more in steps(graph, fed):
        work += more
        for name, value in zip(node.outputs, made, strict=False):
            if value.constant:
                folded += value.nbytes
            else:
                held_by[name] = value.nbytes
                now += value.nbytes
        held = max(held, now)
        uses.subtract(node.inputs)
        for name in {*node.inputs, *node.outputs}:
            if uses[name] <= 0:
                now -= held_by.pop(name, 0)
    return Cost(held + folded, folded, work)


def steps(graph: Graph, fed: Fed) -> Iterator[tuple[Node, list[Value], int]]:
    """Each operator in order, what it gives, and its work."""
    values: dict[str, Value | None] = {"": None}
    values |= {name: _constant(array) for name, array in graph.constants.items()}
    values |= {name: Value(*each) for name, each in fed.items()}
    for node in graph.nodes:
        if not {*node.inputs} <= values.keys():
            raise BundleError(f"{node.op} reads an input that is missing")
        made, work = applied(node, [values[name] for name in node.inputs])
        values |= dict(zip(node.outputs, made, strict=False))
        values[""] = None
        yield node, made, work


def _constant(array: Array) -> Value:
    return Value(array.shape, array.dtype, array if array.size <= MOST_CONTENTS else None, constant=True)
