"""The ONNX operators that seehear exports, and those that users' own encoders need; all others are refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from seehear.errors import BundleError
from seehear.runtime import shape_inference
from seehear.runtime.graph import DTYPES, MAX_AXES, Node, Shape
from seehear.runtime.tensor_info import OperatorInputs, OutputTypes, TensorInfo
from seehear.senses import Array

MAX_CONTENTS = 1024  # numbers


class Operator(NamedTuple):
    """`attributes` maps each allowed attribute to its one allowed value, or to a type.

    `rule` infers the output types. `multiply_adds` counts those beyond one for each output number. `contents` computes
    the first output as onnxruntime does; None if it depends on the graph's inputs.
    """

    rule: Callable[[OperatorInputs], OutputTypes]
    attributes: Mapping[str, Any] = {}
    multiply_adds: Callable[[OperatorInputs, OutputTypes], int] = lambda given, made: 0
    contents: Callable[[OperatorInputs, Shape], Array | None] = lambda given, shape: None


def infer(node: Node, inputs: Sequence[TensorInfo | None]) -> tuple[list[TensorInfo], int]:
    """The outputs of one operator, and its multiply-adds. Raises BundleError for one that seehear does not export."""
    operator = check_exported(node)
    try:
        given = OperatorInputs(inputs, node.attributes, len(node.outputs))
        made = operator.rule(given)
        _check_outputs(made, len(node.outputs))
        return _describe_outputs(operator, given, made), operator.multiply_adds(given, made) + sum(
            math.prod(shape) for shape, _ in made
        )
    except BundleError as error:
        raise BundleError(f"{node.op} {error.what}") from None
    except (LookupError, ValueError, TypeError, OverflowError, ZeroDivisionError, MemoryError) as error:
        raise BundleError(f"{node.op} does not fit its inputs ({type(error).__name__})") from None


def check_exported(node: Node) -> Operator:
    """Raises BundleError for an operator or an attribute that seehear does not export."""
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise BundleError(f"it has an operator that seehear does not export, {node.op[:40]!r}")
    for name, value in node.attributes.items():
        allowed = operator.attributes.get(name)
        fits = isinstance(value, allowed) if isinstance(allowed, type) else value == allowed
        if allowed is None or not fits:
            raise BundleError(f"{node.op} has {name[:40]}={str(value)[:40]}, which seehear does not export")
    return operator


def _check_outputs(made: OutputTypes, outputs: int) -> None:
    if len(made) < outputs:
        raise BundleError(f"has {outputs} outputs")
    for shape, _ in made:
        if len(shape) > MAX_AXES or min(shape, default=0) < 0:
            raise BundleError(f"gives the shape {shape}")


def _describe_outputs(operator: Operator, given: OperatorInputs, made: OutputTypes) -> list[TensorInfo]:
    constant = all(value.constant for value in given.inputs if value is not None)
    values = [TensorInfo(shape, dtype, constant=constant) for shape, dtype in made]
    if values[0].size > MAX_CONTENTS:
        return values
    with np.errstate(all="ignore"):
        array = operator.contents(given, values[0].shape)
    if array is None:
        return values
    if array.shape != values[0].shape:
        raise BundleError(f"gives the shape {array.shape} instead of {values[0].shape}")
    return [values[0]._replace(contents=array.astype(values[0].dtype)), *values[1:]]


# --- Contents of small arrays ----------------------------------------------------------------------------------------


def _compute_with(function: Callable[..., Any]) -> Callable[[OperatorInputs, Shape], Array | None]:
    """Compute the output with a function of the inputs' contents, in order, and the attributes by name."""

    def contents(given: OperatorInputs, shape: Shape) -> Array | None:
        arrays = [None if value is None else value.contents for value in given.inputs]
        if any(array is None for array, value in zip(arrays, given.inputs, strict=True) if value is not None):
            return None
        return np.asarray(function(*arrays, **given.attributes))

    return contents


def _reshape_contents(given: OperatorInputs, shape: Shape) -> Array | None:
    contents = given[0].contents
    return None if contents is None else contents.reshape(shape)


def _expand_contents(given: OperatorInputs, shape: Shape) -> Array | None:
    contents = given[0].contents
    return None if contents is None else np.broadcast_to(contents, shape)


def _shape_contents(given: OperatorInputs, shape: Shape) -> Array:
    return np.array(
        given[0].shape[given.attributes.get("start", 0) : given.attributes.get("end")], shape_inference.INT64
    )


def _divide(a: Array, b: Array) -> Array:
    """Integers are rounded towards 0."""
    return a / b if a.dtype.kind == "f" else np.abs(a) // b * np.sign(a)


def _slice(x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None) -> Array:
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), int) if steps is None else steps
    places: list[slice] = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        places[axis] = slice(start, end, step)
    return x[tuple(places)]


_WINDOW = {"auto_pad": b"NOTSET", **dict.fromkeys(("kernel_shape", "strides", "dilations", "pads"), tuple)}
_POOL = {"ceil_mode": 0, **_WINDOW}

OPERATORS: Mapping[str, Operator] = {
    "Add": Operator(shape_inference.broadcast, contents=_compute_with(np.add)),
    "And": Operator(shape_inference.compare, contents=_compute_with(np.logical_and)),
    "AveragePool": Operator(shape_inference.pool, {"count_include_pad": int, **_POOL}, shape_inference.pool_work),
    "BatchNormalization": Operator(
        shape_inference.normalise, {"epsilon": float, "momentum": float, "training_mode": 0}
    ),
    "Cast": Operator(shape_inference.cast, {"to": int}, contents=_compute_with(lambda x, to: x.astype(DTYPES[to]))),
    "Clip": Operator(shape_inference.keep_shape),
    "Concat": Operator(
        shape_inference.concat,
        {"axis": int},
        contents=_compute_with(lambda *arrays, axis: np.concatenate(arrays, axis)),
    ),
    "ConstantOfShape": Operator(shape_inference.fill, contents=_compute_with(np.zeros)),
    "Conv": Operator(shape_inference.convolve, {"group": int, **_WINDOW}, shape_inference.conv_work),
    "Cos": Operator(shape_inference.keep_shape),
    "Div": Operator(shape_inference.divide, contents=_compute_with(_divide)),
    "DynamicQuantizeLinear": Operator(shape_inference.quantise),
    "Einsum": Operator(shape_inference.einsum, {"equation": bytes}, shape_inference.einsum_work),
    "Elu": Operator(shape_inference.keep_shape, {"alpha": float}),
    "Equal": Operator(shape_inference.compare, contents=_compute_with(np.equal)),
    "Erf": Operator(shape_inference.keep_shape),
    "Exp": Operator(shape_inference.keep_shape),
    "Expand": Operator(shape_inference.expand, contents=_expand_contents),
    "GRU": Operator(shape_inference.gru, {"hidden_size": int, "linear_before_reset": 1}, shape_inference.gru_work),
    "Gather": Operator(
        shape_inference.gather, {"axis": int}, contents=_compute_with(lambda x, i, axis=0: np.take(x, i, axis))
    ),
    "GatherElements": Operator(shape_inference.gather_elements, {"axis": int}),
    "Gelu": Operator(shape_inference.keep_shape, {"approximate": b"none"}),
    "Gemm": Operator(
        shape_inference.gemm, {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": int}, shape_inference.matmul_work
    ),
    "GlobalAveragePool": Operator(shape_inference.pool_globally, {}, shape_inference.input_work),
    "Greater": Operator(shape_inference.compare, contents=_compute_with(np.greater)),
    "GreaterOrEqual": Operator(shape_inference.compare, contents=_compute_with(np.greater_equal)),
    "HardSigmoid": Operator(shape_inference.keep_shape, {"alpha": float, "beta": float}),
    "HardSwish": Operator(shape_inference.keep_shape),
    "LayerNormalization": Operator(shape_inference.layer_norm, {"axis": -1, "epsilon": float, "stash_type": 1}),
    "LeakyRelu": Operator(shape_inference.keep_shape, {"alpha": float}),
    "Less": Operator(shape_inference.compare, contents=_compute_with(np.less)),
    "Log": Operator(shape_inference.keep_shape),
    "LogSoftmax": Operator(shape_inference.keep_shape, {"axis": int}),
    "MatMul": Operator(shape_inference.matmul, {}, shape_inference.matmul_work),
    "MatMulInteger": Operator(shape_inference.matmul_integer, {}, shape_inference.matmul_work),
    "Max": Operator(shape_inference.broadcast, contents=_compute_with(lambda *arrays: reduce(np.maximum, arrays))),
    "MaxPool": Operator(shape_inference.pool, {"storage_order": 0, **_POOL}, shape_inference.pool_work),
    "Min": Operator(shape_inference.broadcast, contents=_compute_with(lambda *arrays: reduce(np.minimum, arrays))),
    "Mod": Operator(shape_inference.divide, {"fmod": 0}, contents=_compute_with(lambda a, b, fmod=0: np.mod(a, b))),
    "Mul": Operator(shape_inference.broadcast, contents=_compute_with(np.multiply)),
    "Neg": Operator(shape_inference.keep_shape, contents=_compute_with(np.negative)),
    "Not": Operator(shape_inference.keep_shape, contents=_compute_with(np.logical_not)),
    "Pad": Operator(shape_inference.pad, {"mode": b"constant"}),
    "PRelu": Operator(shape_inference.keep_first_shape),
    "Pow": Operator(shape_inference.broadcast),
    "Range": Operator(
        shape_inference.count_range,
        contents=_compute_with(lambda start, limit, step: np.arange(start.item(), limit.item(), step.item())),
    ),
    "Reciprocal": Operator(shape_inference.keep_shape),
    "ReduceL2": Operator(
        shape_inference.reduce_axes, {"keepdims": int, "noop_with_empty_axes": 0}, shape_inference.input_work
    ),
    "ReduceMax": Operator(
        shape_inference.reduce_axes, {"keepdims": int, "noop_with_empty_axes": 0}, shape_inference.input_work
    ),
    "ReduceMean": Operator(
        shape_inference.reduce_axes, {"keepdims": int, "noop_with_empty_axes": 0}, shape_inference.input_work
    ),
    "ReduceSum": Operator(
        shape_inference.reduce_axes, {"keepdims": int, "noop_with_empty_axes": 0}, shape_inference.input_work
    ),
    "Relu": Operator(shape_inference.keep_shape),
    "Reshape": Operator(shape_inference.reshape, {"allowzero": int}, contents=_reshape_contents),
    "Resize": Operator(
        shape_inference.resize,
        {
            **{"keep_aspect_ratio_policy": b"stretch", "antialias": 0, "exclude_outside": 0, "nearest_mode": b"floor"},
            **{"extrapolation_value": float, "cubic_coeff_a": float},
            **{"coordinate_transformation_mode": bytes, "mode": bytes},
        },
        lambda given, made: 8 * math.prod(made[0][0]),
    ),
    "Shape": Operator(shape_inference.shape_of, {"start": int, "end": int}, contents=_shape_contents),
    "Sigmoid": Operator(shape_inference.keep_shape),
    "Sin": Operator(shape_inference.keep_shape),
    "Slice": Operator(shape_inference.slice_axes, contents=_compute_with(_slice)),
    "Softmax": Operator(shape_inference.keep_shape, {"axis": int}),
    "Softplus": Operator(shape_inference.keep_shape),
    "Split": Operator(shape_inference.split, {"axis": int, "num_outputs": int}),
    "Sqrt": Operator(shape_inference.keep_shape),
    "Squeeze": Operator(shape_inference.squeeze, contents=_reshape_contents),
    "Sub": Operator(shape_inference.broadcast, contents=_compute_with(np.subtract)),
    "Sum": Operator(shape_inference.broadcast),
    "Tanh": Operator(shape_inference.keep_shape),
    "TopK": Operator(shape_inference.top_k, {"axis": int, "largest": int, "sorted": 1}, shape_inference.top_k_work),
    "Transpose": Operator(shape_inference.transpose, {"perm": tuple}),
    "Unsqueeze": Operator(shape_inference.unsqueeze, contents=_reshape_contents),
    "Where": Operator(shape_inference.select, contents=_compute_with(np.where)),
}
