"""The header of weights.safetensors, checked before anything trusts it: names, types, shapes and places.

Format: https://huggingface.co/docs/safetensors, an 8-byte length, a JSON header, then the tensors without gaps.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from seehear.errors import BundleError

MOST_HEADER_BYTES = 4 << 20
MOST_AXES = 8
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip


def check_weights(weights: bytes) -> None:
    """Raises BundleError where the tensors do not fill the file exactly, each with the bytes of its shape."""
    header, end = _header(weights)
    spans = sorted(_span(name, tensor) for name, tensor in header.items() if name != "__metadata__")
    at = 0
    for begin, stop, name in spans:
        if begin != at:
            raise _refused(f"tensor {name!r} begins at byte {begin:,}, where {at:,} is next")
        at = stop
    if at != end:
        raise _refused(f"its tensors fill {at:,} of {end:,} bytes")


def _header(weights: bytes) -> tuple[dict[str, Any], int]:
    """The header as JSON, and how many bytes of tensors follow it."""
    length = struct.unpack("<Q", weights[:8])[0] if len(weights) >= 8 else 0
    if not 2 <= length <= min(MOST_HEADER_BYTES, len(weights) - 8):
        raise _refused(f"its header claims {length:,} bytes of a file of {len(weights):,}")
    try:
        header = json.loads(weights[8 : 8 + length], object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _refused(f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise _refused("its header is not a JSON object")
    return header, len(weights) - 8 - length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _span(name: str, tensor: Any) -> tuple[int, int, str]:
    """(begin, end, name) of one tensor, once its type, shape and offsets agree."""
    try:
        bits, shape, (begin, end) = BITS[tensor["dtype"]], tensor["shape"], tensor["data_offsets"]
        sound = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        if sound and len(shape) <= MOST_AXES and math.prod(shape) * bits == (end - begin) * 8:
            return begin, end, name
    except (KeyError, TypeError, ValueError):
        pass
    raise _refused(f"tensor {name!r} has a type, shape or offsets that do not agree")


def _refused(reason: str) -> BundleError:
    return BundleError(f"weights.safetensors is refused: {reason}")
