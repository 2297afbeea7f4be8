"""Reads an ONNX encoder of pictures that the user supplies: describes it, and converts its graph to the runtime's form.

It needs the onnx package, which only training has.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError, SeehearError
from seehear.runtime.cost import MAX, check_cost, infer_shapes
from seehear.runtime.graph import OPSET, Graph, Shape, read_graph
from seehear.runtime.graph_safety import check_graph, check_self_contained
from seehear.runtime.onnx_session import Session
from seehear.runtime.operators import OPERATORS
from seehear.runtime.tensor_info import TensorInfo

FILE = "file"  # the name under which the bytes are kept among tensors
MAX_BYTES = 1 << 30
USUAL_PX = 224  # for graphs that take pictures of any size
SMALLEST_PX, LARGEST_PX = 8, 1024
MEAN, STD = "mean", "std"  # keys of the metadata: of the pixels that it was trained on, from 0 to 1, for each colour
IMAGENET = {MEAN: (0.485, 0.456, 0.406), STD: (0.229, 0.224, 0.225)}
INPUT = "one input of type float and shape (batch, 3, height, width)"
OUTPUT = "float, and (batch, channels), (batch, cells, channels) or (batch, channels, rows, columns)"
EXPORT = "export it with a dynamic batch size: torch.onnx.export(..., dynamic_shapes=({0: 'batch'},), opset_version=20)"
SELF_CONTAINED = "a single file with ONNX's own operators: onnx.save(onnx.load(path), path) joins separate weights"
FIRST_IR = 4  # of ONNX's format in which constants need not be inputs as well
TOLERANCE = 1e-3  # relative, or absolute for values below 1

Array = NDArray[Any]


def is_onnx(content: bytes) -> bool:
    """Whether a file begins as ONNX does: with the version of its format, a number between 1 and 127."""
    return content[:1] == b"\x08" and 0 < int.from_bytes(content[1:2]) < 1 << 7


@lru_cache(maxsize=2)
def describe_encoder(content: bytes) -> Mapping[str, Any]:
    """The specification of the encoder, as in a recipe.

    Raises BundleError for a graph that does not encode pictures or that the runtime would refuse, SeehearError if onnx
    is not installed.
    """
    converted = convert_graph(content)
    graph = read_graph(converted)
    name, (shape, dtype) = _get_input(graph)
    height, width = (USUAL_PX if side < 0 else side for side in shape[2:])
    try:
        check_cost(graph, {name: ((1, 3, height, width), dtype)}, MAX)
    except BundleError as error:
        raise _refuse(f"for a picture of {width} x {height} px, {error.what}", allowed=error.allowed) from None
    output, multiply_adds = _infer_output(graph, name, (2, 3, height, width))
    _check_conversion(content, converted, (3, height, width))
    mean, std = _read_normalisation(content)
    return {
        "kind": "onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "height": height,
        "width": width,
        "output": output[1:],
        "mean": mean,
        "std": std,
        "gigaflop": multiply_adds / 1e9,  # for one picture: they are those of two, at 2 FLOP each
    }


@lru_cache(maxsize=2)
def convert_graph(content: bytes) -> bytes:
    """The graph in the form that the runtime reads: its operator set, raw constants, a dynamic batch size.

    Raises BundleError if that is impossible, SeehearError if onnx is not installed.
    """
    if len(content) > MAX_BYTES:
        raise _refuse(f"it is {len(content):,} bytes long", allowed=f"at most {MAX_BYTES:,}")
    try:
        check_self_contained(content)
    except BundleError as error:
        raise _refuse(error.what, allowed=SELF_CONTAINED) from None
    model = _convert(content)
    if unknown := sorted({node.op_type for node in model.graph.node} - OPERATORS.keys()):
        raise _refuse(f"it has the operators {', '.join(unknown)}", allowed=", ".join(OPERATORS), hint=EXPORT)
    converted: bytes = model.SerializeToString()
    try:
        check_graph(converted, "the ONNX graph")
    except BundleError as error:
        raise BundleError(error.what, hint=EXPORT) from None
    return converted


def _convert(content: bytes) -> Any:
    """The model with our operator set, all constants as bytes, a dynamic batch size and only the first output."""
    try:
        import onnx
        from onnx import numpy_helper, version_converter
        from onnxscript import optimizer
    except ModuleNotFoundError:
        raise SeehearError("an ONNX encoder needs onnx", hint="pip install 'seehear[train]'") from None
    with _quiet():
        try:
            model = onnx.load_from_string(content)
            model.ir_version = max(model.ir_version, FIRST_IR)
            batch = _make_batch_dynamic(model.graph)
            model = optimizer.optimize(version_converter.convert_version(model, OPSET))
            _make_reshapes_dynamic(model.graph, batch)
            _expand_constants(model.graph)
            for tensor in model.graph.initializer:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        except Exception as error:  # protobuf's, the converter's and the optimiser's have no common base
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rsplit(": ", 1)[-1][:200]
            raise _refuse(f"it cannot be converted to operator set {OPSET}: {reason}", hint=EXPORT) from None
    del model.graph.value_info[:]
    return model


def _make_batch_dynamic(graph: Any) -> int:
    """Make the batch size dynamic, and remove the shapes that follow from a fixed one. Returns the fixed one, or 0.

    In old files, constants are listed as inputs as well.
    """
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:], graph.output[1:], graph.value_info[:]
    graph.input.extend(inputs)
    fixed = 0
    for value in graph.input:
        if value.type.tensor_type.shape.dim:
            fixed = value.type.tensor_type.shape.dim[0].dim_value
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    return fixed


def _make_reshapes_dynamic(graph: Any, batch: int) -> None:
    """Where a constant shape begins with the fixed batch size, replace this by -1, which follows from the size of the
    input, or by 0, which is the first axis of the input, if the shape has a -1 already."""
    import onnx

    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in constants:
            continue
        sizes = onnx.numpy_helper.to_array(constants[node.input[1]])
        if batch and sizes[:1] == batch and 0 not in sizes:
            dynamic = np.array([0 if -1 in sizes else -1, *sizes[1:]], np.int64)
            graph.initializer.append(onnx.numpy_helper.from_array(dynamic, f"{node.output[0]}/sizes"))
            node.input[1] = f"{node.output[0]}/sizes"
            del node.attribute[:]  # allowzero: whether a 0 in sizes is a size


def _expand_constants(graph: Any) -> None:
    """Replace ConstantOfShape with a value, a tensor in an attribute, by Expand, which gives the same."""
    import onnx

    for node in graph.node:
        if node.op_type == "ConstantOfShape" and node.attribute:
            value = onnx.numpy_helper.to_array(node.attribute[0].t).reshape(())
            constant = onnx.numpy_helper.from_array(value, f"{node.output[0]}/value")
            graph.initializer.append(constant)
            node.CopyFrom(onnx.helper.make_node("Expand", [constant.name, *node.input], node.output, node.name))


def _get_input(graph: Graph) -> tuple[str, tuple[Shape, np.dtype[Any]]]:
    """The name, shape and type of its only input. Raises BundleError unless it is a batch of pictures in colour."""
    found = list(graph.inputs.items())
    listed = ", ".join(f"{name[:40]} of type {dtype} and shape {shape}" for name, (shape, dtype) in found[:4])
    if len(found) != 1 or found[0][1][1] != np.float32 or len(found[0][1][0]) != 4:
        raise _refuse(f"it takes {listed}", allowed=INPUT)
    _, channels, height, width = found[0][1][0]
    fixed = [side for side in (height, width) if side >= 0]
    if channels not in (-1, 3) or any(not SMALLEST_PX <= side <= LARGEST_PX for side in fixed):
        raise _refuse(f"it takes {listed}", allowed=f"{INPUT}, sides from {SMALLEST_PX} to {LARGEST_PX} px")
    return found[0]


def _infer_output(graph: Graph, name: str, shape: Shape) -> tuple[Shape, int]:
    """The shape of the output for two pictures, and the multiply-adds. Raises BundleError unless each is encoded."""
    made: dict[str, TensorInfo] = {}
    multiply_adds = 0
    try:
        for node, values, more in infer_shapes(graph, {name: (shape, np.dtype(np.float32))}):
            multiply_adds += more
            made |= dict(zip(node.outputs, values, strict=False))
    except BundleError as error:
        raise _refuse(f"it takes no batch of two pictures: {error.what}", hint=EXPORT) from None
    found = made.get(graph.outputs[0])
    if found is None or found.dtype != np.float32 or len(found.shape) not in (2, 3, 4) or 0 in found.shape:
        about = "no output that is computed" if found is None else f"an output of type {found.dtype}, {found.shape}"
        raise _refuse(f"for two pictures, it has {about}", allowed=OUTPUT)
    if found.shape[0] != 2:
        raise _refuse(f"for two pictures, its output has the shape {found.shape}: its batch size is fixed", hint=EXPORT)
    return found.shape, multiply_adds


def _check_conversion(content: bytes, converted: bytes, shape: Shape) -> None:
    """Raises BundleError unless both graphs compute the same for noise, one picture at a time and together."""
    pictures = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    original, ours = Session(content), Session(converted)
    name = original.inputs[0]
    together = ours.run({ours.inputs[0]: pictures})[ours.outputs[0]]
    for picture, found in zip(pictures, together, strict=True):
        expected = original.run({name: picture[None]})[original.outputs[0]][0]
        if not np.isfinite(expected).all():
            raise _refuse("for noise, its outputs are not finite numbers", hint="export it again from a sound network")
        difference = float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max())
        if not difference <= TOLERANCE:
            what = f"converted to operator set {OPSET}, it gives other numbers: they differ by {difference:.2g}"
            raise _refuse(what, allowed=f"at most {TOLERANCE:g}", hint=EXPORT)


def _read_normalisation(content: bytes) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each colour, 0 to 1, in its metadata; those of ImageNet if it has none."""
    import onnx

    model = onnx.load_from_string(content)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    if len(stored.keys() & IMAGENET.keys()) == 1:
        raise _refuse("its metadata has only one of mean and std", allowed="both, or neither for ImageNet's")
    found = []
    for key, usual in IMAGENET.items():
        try:
            values = tuple(float(number) for number in stored[key].split(",")) if key in stored else usual
        except ValueError:
            values = ()
        if len(values) != 3 or not np.isfinite(values).all() or (key == STD and min(values) <= 0):
            raise _refuse(f"its metadata has {key} = {stored[key][:60]!r}", allowed="such as 0.485,0.456,0.406")
        found.append(values)
    return found[0], found[1]


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in ("onnxscript", "onnx_ir"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        yield


def _refuse(reason: str, *, allowed: str = "", hint: str = "") -> BundleError:
    return BundleError(f"the ONNX graph is refused: {reason}", allowed=allowed, hint=hint)
