"""The output shapes of ONNX operators, and their cost in multiply-adds.

From https://onnx.ai/onnx/operators/, opset 20; only what seehear exports. Functions raise BundleError, or ValueError,
IndexError and the like, for inputs that do not fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seehear.errors import BundleError
from seehear.runtime.graph import DTYPES, MAX_AXES, Shape
from seehear.runtime.tensor_info import OperatorInputs, OutputTypes

BOOL, INT64 = np.dtype("?"), np.dtype("<i8")
UINT8, INT32, FLOAT32 = np.dtype("u1"), np.dtype("<i4"), np.dtype("<f4")
MAX_KERNEL = 4096  # positions; our widest is the 400 samples of a spectrogram's window


def keep_shape(given: OperatorInputs) -> OutputTypes:
    return [(given[0].shape, given[0].dtype)]


def broadcast(given: OperatorInputs) -> OutputTypes:
    shape = np.broadcast_shapes(*(given[i].shape for i in range(len(given.inputs))))
    return [(shape, given[0].dtype)]


def keep_first_shape(given: OperatorInputs) -> OutputTypes:
    """The second input is broadcast to the first: it has a number for each channel, or one for all."""
    if broadcast(given)[0][0] != given[0].shape:
        raise BundleError("has slopes of a different shape")
    return keep_shape(given)


def compare(given: OperatorInputs) -> OutputTypes:
    return [(broadcast(given)[0][0], BOOL)]


def divide(given: OperatorInputs) -> OutputTypes:
    """Integers may only be divided by known positive values: a division by zero would end the process."""
    by = given[1]
    if given[0].dtype.kind != "f" and (by.contents is None or not (by.contents > 0).all()):
        raise BundleError("divides integers by values that may be 0")
    return broadcast(given)


def select(given: OperatorInputs) -> OutputTypes:
    return [(broadcast(given)[0][0], given[1].dtype)]


def cast(given: OperatorInputs) -> OutputTypes:
    if given.attributes["to"] not in DTYPES:
        raise BundleError("gives a type that seehear does not export")
    return [(given[0].shape, DTYPES[given.attributes["to"]])]


def normalise(given: OperatorInputs) -> OutputTypes:
    """Every input but the first has one number for each channel, the second axis."""
    if any(given[i].shape != given[0].shape[1:2] for i in range(1, 5)):
        raise BundleError("has statistics of another number of channels")
    return keep_shape(given)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise BundleError(f"has the axis {axis} where there are {rank}")
    return axis % rank


def _axes(axes: Sequence[int], rank: int) -> list[int]:
    found = [_axis(axis, rank) for axis in axes]
    if len(set(found)) != len(found):
        raise BundleError("names an axis twice")
    return found


def concat(given: OperatorInputs) -> OutputTypes:
    first = given[0].shape
    axis = _axis(given.attributes["axis"], len(first))
    shapes = [given[i].shape for i in range(len(given.inputs))]
    if any(shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :] for shape in shapes):
        raise BundleError("joins arrays that differ in other axes")
    return [((*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]), given[0].dtype)]


def _window_positions(given: OperatorInputs, kernel: Sequence[int]) -> Shape:
    """The number of window positions along each axis after the first two."""
    sizes, rank = given[0].shape[2:], len(kernel)
    strides = given.attributes.get("strides", (1,) * rank)
    dilations = given.attributes.get("dilations", (1,) * rank)
    pads = given.attributes.get("pads", (0,) * 2 * rank)
    if len(sizes) != rank or (len(strides), len(dilations), len(pads)) != (rank, rank, 2 * rank):
        raise BundleError("has a window of another number of axes")
    if min(*kernel, *strides, *dilations) < 1 or min(pads) < 0 or math.prod(kernel) > MAX_KERNEL:
        raise BundleError(f"has a window of {tuple(kernel)}")
    spans = [dilation * (length - 1) + 1 for dilation, length in zip(dilations, kernel, strict=True)]
    places = [(size + pads[i] + pads[rank + i] - spans[i]) // strides[i] + 1 for i, size in enumerate(sizes)]
    if min(places) < 1:
        raise BundleError(f"has a window of {tuple(kernel)} on {sizes}")
    return tuple(places)


def convolve(given: OperatorInputs) -> OutputTypes:
    (batch, channels), weight = given[0].shape[:2], given[1].shape
    kernel, groups = weight[2:], given.attributes.get("group", 1)
    if groups < 1 or weight[0] % groups:
        raise BundleError(f"has {groups} groups")
    if weight[1] * groups != channels or given.attributes.get("kernel_shape", kernel) != kernel:
        raise BundleError("has weights of a different shape")
    if given.has(2) and given[2].shape != weight[:1]:
        raise BundleError("has a bias of a different shape")
    return [((batch, weight[0], *_window_positions(given, kernel)), given[0].dtype)]


def conv_work(given: OperatorInputs, made: OutputTypes) -> int:
    return math.prod(made[0][0]) * math.prod(given[1].shape[1:])


def pool(given: OperatorInputs) -> OutputTypes:
    kernel = given.attributes["kernel_shape"]
    if any(pad >= length for pad, length in zip(given.attributes.get("pads", ()), (*kernel, *kernel), strict=False)):
        raise BundleError("pads by more than its window")
    return [((*given[0].shape[:2], *_window_positions(given, kernel)), given[0].dtype)]


def pool_globally(given: OperatorInputs) -> OutputTypes:
    """Every axis after the first two becomes 1."""
    shape = given[0].shape
    if len(shape) < 3:
        raise BundleError(f"has no axes to pool in {shape}")
    return [((*shape[:2], *(1 for _ in shape[2:])), given[0].dtype)]


def pool_work(given: OperatorInputs, made: OutputTypes) -> int:
    return math.prod((*made[0][0], *given.attributes["kernel_shape"]))


def _einsum_sizes(given: OperatorInputs) -> tuple[dict[str, int], str]:
    terms, _, wanted = given.attributes["equation"].decode("ascii", "replace").partition("->")
    sizes: dict[str, int] = {}
    for i, term in enumerate(terms.split(",")):
        if not term.isalpha() or len(set(term)) != len(term):
            raise BundleError("has an equation that seehear does not write")
        for letter, size in zip(term, given[i].shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise BundleError("has an equation of other shapes")
    if len(terms.split(",")) != len(given.inputs) or len(set(wanted)) != len(wanted):
        raise BundleError("has an equation that seehear does not write")
    return sizes, wanted


def einsum(given: OperatorInputs) -> OutputTypes:
    sizes, wanted = _einsum_sizes(given)
    return [(tuple(sizes[letter] for letter in wanted), given[0].dtype)]


def einsum_work(given: OperatorInputs, made: OutputTypes) -> int:
    return math.prod(_einsum_sizes(given)[0].values())


def expand(given: OperatorInputs) -> OutputTypes:
    return [(np.broadcast_shapes(given[0].shape, _sizes(given.integers(1))), given[0].dtype)]


def _sizes(integers: Sequence[int]) -> Shape:
    if min(integers, default=0) < 0 or len(integers) > MAX_AXES:
        raise BundleError(f"has the sizes {str(list(integers))[:60]}")
    return tuple(integers)


def fill(given: OperatorInputs) -> OutputTypes:
    return [(_sizes(given.integers(0)), np.dtype("<f4"))]


def gather(given: OperatorInputs) -> OutputTypes:
    shape = given[0].shape
    axis = _axis(given.attributes.get("axis", 0), len(shape))
    return [((*shape[:axis], *given[1].shape, *shape[axis + 1 :]), given[0].dtype)]


def gather_elements(given: OperatorInputs) -> OutputTypes:
    shape, places = given[0].shape, given[1].shape
    axis = _axis(given.attributes.get("axis", 0), len(shape))
    if len(places) != len(shape) or any(p > n for i, (p, n) in enumerate(zip(places, shape)) if i != axis):  # noqa: B905
        raise BundleError("has indices of a different shape")
    return [(places, given[0].dtype)]


def gemm(given: OperatorInputs) -> OutputTypes:
    (rows, inner), weight = given[0].shape, given[1].shape
    other, columns = reversed(weight) if given.attributes.get("transB", 0) else weight
    bias = given[2].shape if given.has(2) else ()
    if inner != other or np.broadcast_shapes(bias, (rows, columns)) != (rows, columns):
        raise BundleError("multiplies matrices of other shapes")
    return [((rows, columns), given[0].dtype)]


def matmul(given: OperatorInputs) -> OutputTypes:
    left, right = given[0].shape, given[1].shape
    if min(len(left), len(right)) < 2 or left[-1] != right[-2]:
        raise BundleError("multiplies matrices of other shapes")
    return [((*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1]), given[0].dtype)]


def matmul_integer(given: OperatorInputs) -> OutputTypes:
    """Factors are bytes, each with a single zero point."""
    if any(given.has(i) and given[i].shape != () for i in (2, 3)) or any(given[i].dtype.itemsize != 1 for i in (0, 1)):
        raise BundleError("has factors or zero points of another type or shape")
    return [(matmul(given)[0][0], INT32)]


def quantise(given: OperatorInputs) -> OutputTypes:
    """Bytes, their scale and their zero point."""
    if given[0].dtype != FLOAT32:
        raise BundleError("has an input of another type than float")
    return [(given[0].shape, UINT8), ((), FLOAT32), ((), UINT8)]


def matmul_work(given: OperatorInputs, made: OutputTypes) -> int:
    return math.prod(made[0][0]) * given[0].shape[-1]


def gru(given: OperatorInputs) -> OutputTypes:
    (steps, batch, width), hidden = given[0].shape, given.attributes["hidden_size"]
    wanted = [(1, 3 * hidden, width), (1, 3 * hidden, hidden), (1, 6 * hidden)]
    if [given[i].shape for i in (1, 2, 3)] != wanted or given.has(4) or given[5].shape != (1, batch, hidden):
        raise BundleError("has weights of a different shape")
    return [((steps, 1, batch, hidden), given[0].dtype), ((1, batch, hidden), given[0].dtype)]


def gru_work(given: OperatorInputs, made: OutputTypes) -> int:
    steps, batch, width = given[0].shape
    hidden = int(given.attributes["hidden_size"])
    return steps * batch * 3 * hidden * (width + hidden)


def layer_norm(given: OperatorInputs) -> OutputTypes:
    if any(given[i].shape != given[0].shape[-1:] for i in (1, 2)):
        raise BundleError("has weights of a different shape")
    return keep_shape(given)


def pad(given: OperatorInputs) -> OutputTypes:
    shape, pads = given[0].shape, given.integers(1)
    if len(pads) != 2 * len(shape) or min(pads) < 0:
        raise BundleError(f"pads by {str(pads)[:60]}")
    return [(tuple(n + pads[i] + pads[len(shape) + i] for i, n in enumerate(shape)), given[0].dtype)]


def count_range(given: OperatorInputs) -> OutputTypes:
    start, limit, step = (given[i].contents for i in range(3))
    if start is None or limit is None or step is None:
        raise BundleError("has a size that is only known when it is run")
    return [((max(0, math.ceil((limit.item() - start.item()) / step.item())),), given[0].dtype)]


def reduce_axes(given: OperatorInputs) -> OutputTypes:
    shape = given[0].shape
    gone = _axes(given.integers(1) if given.has(1) else range(len(shape)), len(shape))
    if given.attributes.get("keepdims", 1):
        return [(tuple(1 if i in gone else n for i, n in enumerate(shape)), given[0].dtype)]
    return [(tuple(n for i, n in enumerate(shape) if i not in gone), given[0].dtype)]


def reshape(given: OperatorInputs) -> OutputTypes:
    sizes = list(given.integers(1))
    if not given.attributes.get("allowzero", 0):
        sizes = [given[0].shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    if -1 in sizes:
        rest = math.prod(n for n in sizes if n != -1)
        sizes[sizes.index(-1)] = given[0].size // rest if rest > 0 else 0
    if math.prod(_sizes(sizes)) != given[0].size:
        raise BundleError(f"gives {given[0].shape} the shape {tuple(sizes)}")
    return [(tuple(sizes), given[0].dtype)]


def resize(given: OperatorInputs) -> OutputTypes:
    if given.has(1) or given.has(2):
        raise BundleError("has scales or a region, which seehear does not export")
    shape, sizes = given[0].shape, _sizes(given.integers(3))
    if len(sizes) != len(shape) or 0 in (*shape, *sizes) or shape[:2] != sizes[:2]:
        raise BundleError(f"gives {shape} the size {sizes}")
    return [(sizes, given[0].dtype)]


def shape_of(given: OperatorInputs) -> OutputTypes:
    start, end, _ = slice(given.attributes.get("start", 0), given.attributes.get("end")).indices(len(given[0].shape))
    return [((max(0, end - start),), INT64)]


def slice_axes(given: OperatorInputs) -> OutputTypes:
    shape = list(given[0].shape)
    starts, ends = given.integers(1), given.integers(2)
    axes = _axes(given.integers(3) if given.has(3) else range(len(starts)), len(shape))
    steps = given.integers(4) if given.has(4) else [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        shape[axis] = len(range(*slice(start, end, step).indices(shape[axis])))
    return [(tuple(shape), given[0].dtype)]


def split(given: OperatorInputs) -> OutputTypes:
    shape, pieces = given[0].shape, given.outputs
    axis = _axis(given.attributes.get("axis", 0), len(shape))
    if given.has(1):
        lengths = given.integers(1)
    else:
        most = -(-shape[axis] // pieces)
        lengths = [*[most] * (pieces - 1), shape[axis] - most * (pieces - 1)]
    if len(lengths) != pieces or min(lengths) < 0 or sum(lengths) != shape[axis]:
        raise BundleError(f"cuts {shape} into {str(lengths)[:60]}")
    return [((*shape[:axis], length, *shape[axis + 1 :]), given[0].dtype) for length in lengths]


def squeeze(given: OperatorInputs) -> OutputTypes:
    shape = given[0].shape
    ones = [i for i, n in enumerate(shape) if n == 1]
    gone = _axes(given.integers(1), len(shape)) if given.has(1) else ones
    if not set(gone) <= set(ones):
        raise BundleError(f"leaves out axes of {shape}")
    return [(tuple(n for i, n in enumerate(shape) if i not in gone), given[0].dtype)]


def unsqueeze(given: OperatorInputs) -> OutputTypes:
    axes = given.integers(1)
    rest = iter(given[0].shape)
    rank = len(given[0].shape) + len(axes)
    new = _axes(axes, rank)
    return [(tuple(1 if i in new else next(rest) for i in range(rank)), given[0].dtype)]


def top_k(given: OperatorInputs) -> OutputTypes:
    shape, most = given[0].shape, given.integer(1)
    axis = _axis(given.attributes.get("axis", -1), len(shape))
    if not 0 <= most <= shape[axis]:
        raise BundleError(f"takes {most} of {shape[axis]}")
    kept = (*shape[:axis], most, *shape[axis + 1 :])
    return [(kept, given[0].dtype), (kept, INT64)]


def top_k_work(given: OperatorInputs, made: OutputTypes) -> int:
    return given[0].size * 32  # no more than a sort


def transpose(given: OperatorInputs) -> OutputTypes:
    shape, order = given[0].shape, given.attributes["perm"]
    if sorted(order) != list(range(len(shape))):
        raise BundleError(f"puts {shape} in the order {order}")
    return [(tuple(shape[i] for i in order), given[0].dtype)]


def input_work(given: OperatorInputs, made: OutputTypes) -> int:
    return given[0].size
