"""Reads a weights file of any format into tensors with our names, and checks their digest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError
from seehear.starts.ctranslate2 import read_ctranslate2
from seehear.starts.definition import Start
from seehear.starts.digest import Tensors, compute_digest, to_precision
from seehear.starts.names import to_our_names
from seehear.starts.onnx_encoder import FILE, is_onnx
from seehear.starts.safetensors_file import read_safetensors
from seehear.starts.state_dict import read_state_dict


def read_tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """The first bytes show the format: the length of a JSON header, an archive or a pickle, or a version number.

    An ONNX file has a graph as well as weights, so the file as a whole becomes the one tensor.
    """
    if content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= len(content):
        return to_our_names(read_safetensors(content))
    if content[:4] == b"PK\x03\x04" or content[:1] == b"\x80":
        return to_our_names(read_state_dict(content))
    if is_onnx(content):
        return {FILE: np.frombuffer(bytearray(content), np.uint8)}  # writable, as torch expects
    return to_our_names(read_ctranslate2(content))


def check_digest(tensors: Tensors, start: Start) -> dict[str, NDArray[Any]]:
    """The tensors in the start's precision. Raises BundleError if the digest differs."""
    exact = to_precision(tensors, start.precision)
    if compute_digest(exact) != start.digest:
        raise BundleError(f"the weights are not those of {start.name}: other names, shapes or numbers")
    return exact
