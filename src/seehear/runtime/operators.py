"""The operators of ONNX that seehear exports, and no others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from seehear.errors import BundleError
from seehear.runtime import shapes
from seehear.runtime.graph import DTYPES, MOST_AXES, Node, Shape
from seehear.runtime.values import Given, Made, Value
from seehear.senses import Array

MOST_CONTENTS = 1024  # numbers


class Operator(NamedTuple):
    """`settings`: each attribute that is allowed with the value that it must have, or with the type of any value.

    `rule` gives shapes, `work` counts multiply-adds beyond one for each number that comes out, and `contents` computes
    the first output as onnxruntime does, or None where that depends on what is fed.
    """

    rule: Callable[[Given], Made]
    settings: Mapping[str, Any] = {}
    work: Callable[[Given, Made], int] = lambda given, made: 0
    contents: Callable[[Given, Shape], Array | None] = lambda given, shape: None


def applied(node: Node, inputs: Sequence[Value | None]) -> tuple[list[Value], int]:
    """The outputs of one operator, and its work. Raises BundleError, naming it, where seehear exports no such thing."""
    operator = check_known(node)
    try:
        given = Given(inputs, node.settings, len(node.outputs))
        made = operator.rule(given)
        _check_made(made, len(node.outputs))
        return _values(operator, given, made), operator.work(given, made) + sum(math.prod(shape) for shape, _ in made)
    except BundleError as error:
        raise BundleError(f"{node.op} {error.what}") from None
    except (LookupError, ValueError, TypeError, OverflowError, ZeroDivisionError, MemoryError) as error:
        raise BundleError(f"{node.op} does not fit its inputs ({type(error).__name__})") from None


def check_known(node: Node) -> Operator:
    """Raises BundleError for an operator that seehear does not export, and for an attribute that it does not export."""
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise BundleError(f"it has an operator that seehear does not export, {node.op[:40]!r}")
    for name, value in node.settings.items():
        allowed = operator.settings.get(name)
        fits = isinstance(value, allowed) if isinstance(allowed, type) else value == allowed
        if allowed is None or not fits:
            raise BundleError(f"{node.op} has {name[:40]}={str(value)[:40]}, which seehear does not export")
    return operator


def _check_made(made: Made, outputs: int) -> None:
    if len(made) < outputs:
        raise BundleError(f"has {outputs} outputs")
    for shape, _ in made:
        if len(shape) > MOST_AXES or min(shape, default=0) < 0:
            raise BundleError(f"gives the shape {shape}")


def _values(operator: Operator, given: Given, made: Made) -> list[Value]:
    constant = all(value.constant for value in given.inputs if value is not None)
    values = [Value(shape, dtype, constant=constant) for shape, dtype in made]
    if values[0].size > MOST_CONTENTS:
        return values
    with np.errstate(all="ignore"):
        array = operator.contents(given, values[0].shape)
    if array is None:
        return values
    if array.shape != values[0].shape:
        raise BundleError(f"gives the shape {array.shape} instead of {values[0].shape}")
    return [values[0]._replace(contents=array.astype(values[0].dtype)), *values[1:]]


# --- Contents of small arrays ----------------------------------------------------------------------------------------


def _by(function: Callable[..., Any]) -> Callable[[Given, Shape], Array | None]:
    """Of the inputs' contents, in their order, and of the settings by name."""

    def contents(given: Given, shape: Shape) -> Array | None:
        arrays = [None if value is None else value.contents for value in given.inputs]
        if any(array is None for array, value in zip(arrays, given.inputs, strict=True) if value is not None):
            return None
        return np.asarray(function(*arrays, **given.settings))

    return contents


def _reshaping(given: Given, shape: Shape) -> Array | None:
    contents = given[0].contents
    return None if contents is None else contents.reshape(shape)


def _expanding(given: Given, shape: Shape) -> Array | None:
    contents = given[0].contents
    return None if contents is None else np.broadcast_to(contents, shape)


def _shape_itself(given: Given, shape: Shape) -> Array:
    return np.array(given[0].shape[given.settings.get("start", 0) : given.settings.get("end")], shapes.INT64)


def _quotient(a: Array, b: Array) -> Array:
    """Integers are cut towards 0."""
    return a / b if a.dtype.kind == "f" else np.abs(a) // b * np.sign(a)


def _slice_of(x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None) -> Array:
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), int) if steps is None else steps
    places: list[slice] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        places[axis] = slice(start, end, step)
    return x[tuple(places)]


_WINDOW = {"auto_pad": b"NOTSET", **dict.fromkeys(("kernel_shape", "strides", "dilations", "pads"), tuple)}
_POOL = {"ceil_mode": 0, **_WINDOW}

OPERATORS: Mapping[str, Operator] = {
    "Add": Operator(shapes.broadcast, contents=_by(np.add)),
    "And": Operator(shapes.compared, contents=_by(np.logical_and)),
    "AveragePool": Operator(shapes.pool, {"count_include_pad": 1, **_POOL}, shapes.pool_work),
    "BatchNormalization": Operator(shapes.normalised, {"epsilon": float, "momentum": float}),
    "Cast": Operator(shapes.cast, {"to": int}, contents=_by(lambda x, to: x.astype(DTYPES[to]))),
    "Clip": Operator(shapes.same),
    "Concat": Operator(shapes.concat, {"axis": int}, contents=_by(lambda *arrays, axis: np.concatenate(arrays, axis))),
    "ConstantOfShape": Operator(shapes.filled, contents=_by(np.zeros)),
    "Conv": Operator(shapes.convolved, {"group": 1, **_WINDOW}, shapes.conv_work),
    "Cos": Operator(shapes.same),
    "Div": Operator(shapes.divided, contents=_by(_quotient)),
    "Einsum": Operator(shapes.einsum, {"equation": bytes}, shapes.einsum_work),
    "Equal": Operator(shapes.compared, contents=_by(np.equal)),
    "Expand": Operator(shapes.expand, contents=_expanding),
    "GRU": Operator(shapes.gru, {"hidden_size": int, "linear_before_reset": 1}, shapes.gru_work),
    "Gather": Operator(shapes.gather, {"axis": int}, contents=_by(lambda x, i, axis=0: np.take(x, i, axis))),
    "GatherElements": Operator(shapes.gather_elements, {"axis": int}),
    "Gelu": Operator(shapes.same, {"approximate": b"none"}),
    "Gemm": Operator(shapes.gemm, {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}, shapes.product_work),
    "Greater": Operator(shapes.compared, contents=_by(np.greater)),
    "GreaterOrEqual": Operator(shapes.compared, contents=_by(np.greater_equal)),
    "LayerNormalization": Operator(shapes.layer_norm, {"axis": -1, "epsilon": float, "stash_type": 1}),
    "Less": Operator(shapes.compared, contents=_by(np.less)),
    "Log": Operator(shapes.same),
    "LogSoftmax": Operator(shapes.same, {"axis": int}),
    "MatMul": Operator(shapes.matmul, {}, shapes.product_work),
    "Max": Operator(shapes.broadcast, contents=_by(lambda *arrays: reduce(np.maximum, arrays))),
    "MaxPool": Operator(shapes.pool, {"storage_order": 0, **_POOL}, shapes.pool_work),
    "Min": Operator(shapes.broadcast, contents=_by(lambda *arrays: reduce(np.minimum, arrays))),
    "Mod": Operator(shapes.divided, {"fmod": 0}, contents=_by(lambda a, b, fmod=0: np.mod(a, b))),
    "Mul": Operator(shapes.broadcast, contents=_by(np.multiply)),
    "Not": Operator(shapes.same, contents=_by(np.logical_not)),
    "Pad": Operator(shapes.padded, {"mode": b"constant"}),
    "Pow": Operator(shapes.broadcast),
    "Range": Operator(
        shapes.counted, contents=_by(lambda start, limit, step: np.arange(start.item(), limit.item(), step.item()))
    ),
    "Reciprocal": Operator(shapes.same),
    "ReduceL2": Operator(shapes.reduced, {"keepdims": int, "noop_with_empty_axes": 0}, shapes.read_work),
    "ReduceMax": Operator(shapes.reduced, {"keepdims": int, "noop_with_empty_axes": 0}, shapes.read_work),
    "ReduceMean": Operator(shapes.reduced, {"keepdims": int, "noop_with_empty_axes": 0}, shapes.read_work),
    "ReduceSum": Operator(shapes.reduced, {"keepdims": int, "noop_with_empty_axes": 0}, shapes.read_work),
    "Reshape": Operator(shapes.reshaped, {"allowzero": int}, contents=_reshaping),
    "Resize": Operator(
        shapes.resized,
        {
            **{"keep_aspect_ratio_policy": b"stretch", "antialias": 0, "exclude_outside": 0, "nearest_mode": b"floor"},
            **{"extrapolation_value": float, "cubic_coeff_a": float},
            **{"coordinate_transformation_mode": bytes, "mode": bytes},
        },
        lambda given, made: 8 * math.prod(made[0][0]),
    ),
    "Shape": Operator(shapes.shape_of, {"start": int, "end": int}, contents=_shape_itself),
    "Sigmoid": Operator(shapes.same),
    "Sin": Operator(shapes.same),
    "Slice": Operator(shapes.sliced, contents=_by(_slice_of)),
    "Softmax": Operator(shapes.same, {"axis": int}),
    "Softplus": Operator(shapes.same),
    "Split": Operator(shapes.split, {"axis": int, "num_outputs": int}),
    "Sqrt": Operator(shapes.same),
    "Squeeze": Operator(shapes.squeezed, contents=_reshaping),
    "Sub": Operator(shapes.broadcast, contents=_by(np.subtract)),
    "TopK": Operator(shapes.top, {"axis": int, "largest": int, "sorted": 1}, shapes.top_work),
    "Transpose": Operator(shapes.transposed, {"perm": tuple}),
    "Unsqueeze": Operator(shapes.unsqueezed, contents=_reshaping),
    "Where": Operator(shapes.chosen, contents=_by(np.where)),
}
