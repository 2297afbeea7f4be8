"""The digest of tensors: the same for the same numbers in any file format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


def to_precision(tensors: Tensors, precision: str) -> dict[str, NDArray[Any]]:
    """The tensors as "float16" or "float32", little-endian and contiguous, in order of their names.

    Bytes stay bytes.
    """
    kind = np.dtype(precision).newbyteorder("<")
    return {
        name: np.ascontiguousarray(tensors[name], None if tensors[name].dtype == np.uint8 else kind)
        for name in sorted(tensors)
    }


def compute_digest(tensors: Tensors) -> str:
    """SHA-256 over the tensors in order of their names: for each `name dtype shape\\n`, then its bytes.

    For example "decoder.ln.bias float16 384\\n" and 768 bytes. Little-endian, the last axis first.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.name} {'x'.join(map(str, array.shape))}\n".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()
