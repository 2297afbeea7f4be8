"""Checks the header of a safetensors file: names, types, shapes and offsets. Reads tensors without torch.

Format: https://huggingface.co/docs/safetensors, an 8-byte length, a JSON header, then the tensors without gaps.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError

MAX_HEADER_BYTES = 4 << 20
MAX_AXES = 8
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}


def check_tensors(content: bytes, member: str) -> None:
    """`member` is what errors call it.

    Raises BundleError unless the tensors fill the file exactly, each with the bytes of its shape.
    """
    try:
        _check(content)
    except BundleError as error:
        raise BundleError(f"{member} is refused: {error.what}") from None


def read_array(content: bytes, name: str) -> NDArray[Any] | None:
    """One tensor of a file that `check_tensors` accepts; None if none has this name and a type that NumPy has."""
    header, _ = _read_header(content)
    tensor = header.get(name)
    if tensor is None or tensor["dtype"] not in DTYPES:
        return None
    first = struct.unpack("<Q", content[:8])[0] + 8
    begin, end = tensor["data_offsets"]
    return np.frombuffer(content[first + begin : first + end], DTYPES[tensor["dtype"]]).reshape(tensor["shape"])


def _check(content: bytes) -> None:
    header, end = _read_header(content)
    spans = sorted(_read_span(name, tensor) for name, tensor in header.items() if name != "__metadata__")
    at = 0
    for begin, stop, name in spans:
        if begin != at:
            raise BundleError(f"tensor {name!r} begins at byte {begin:,}, where {at:,} is next")
        at = stop
    if at != end:
        raise BundleError(f"its tensors fill {at:,} of {end:,} bytes")


def _read_header(content: bytes) -> tuple[dict[str, Any], int]:
    """The parsed header, and the number of bytes after it."""
    length = struct.unpack("<Q", content[:8])[0] if len(content) >= 8 else 0
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise BundleError(f"its header claims {length:,} bytes of a file of {len(content):,}")
    try:
        header = json.loads(content[8 : 8 + length], object_pairs_hook=_reject_duplicates)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise BundleError("its header is not a JSON object")
    return header, len(content) - 8 - length


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _read_span(name: str, tensor: Any) -> tuple[int, int, str]:
    """(begin, end, name) of one tensor. Raises BundleError unless its type, shape and offsets agree."""
    try:
        bits, shape, (begin, end) = BITS[tensor["dtype"]], tensor["shape"], tensor["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        if sound and len(shape) <= MAX_AXES and math.prod(shape) * bits == (end - begin) * 8:
            return begin, end, name
    except (KeyError, TypeError, ValueError):
        pass
    raise BundleError(f"tensor {name!r} has a type, shape or offsets that do not agree")
