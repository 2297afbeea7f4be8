"""Messages between the main process and a decoder worker: a JSON header, then the bytes of one file or array.

Never pickle: a worker that decodes hostile files must not be able to run code in the main process.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

_LENGTHS = struct.Struct("<IQ")  # bytes of the header, bytes of the payload
_MOST_HEADER_BYTES = 1 << 20

Header = dict[str, Any]


def encode_header(header: Mapping[str, Any], payload_bytes: int = 0) -> bytes:
    """A message without its payload."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), payload_bytes) + text


def read_header(fill: Callable[[memoryview], None]) -> tuple[Header, int]:
    """Returns the header and the number of payload bytes that follow. `fill` reads until a buffer is full.

    Raises ValueError for an invalid message.
    """
    lengths = bytearray(_LENGTHS.size)
    fill(memoryview(lengths))
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > _MOST_HEADER_BYTES:
        raise ValueError(f"a header of {header_bytes} bytes")
    text = bytearray(header_bytes)
    fill(memoryview(text))
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("a header that is not an object")
    return header, payload_bytes
