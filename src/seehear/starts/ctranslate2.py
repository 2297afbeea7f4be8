"""Reads the tensors of a CTranslate2 model, `model.bin`.

Little-endian: uint32 format version; the name of the specification; uint32 its revision; uint32 number of variables;
for each its name, uint8 rank, a uint32 for each axis, uint8 type, uint32 number of bytes, the bytes; uint32 number of
aliases; for each two names. A name is a uint16 length, which includes the closing NUL, and the bytes.
Source: python/ctranslate2/specs/model_spec.py of https://github.com/OpenNMT/CTranslate2, format version 6.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError

VERSIONS = range(4, 7)  # from 4 on, variables have a type
MAX_AXES = 8
_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


def read_ctranslate2(content: bytes) -> dict[str, NDArray[Any]]:
    """Every variable by name; quantised ones as float32. Raises BundleError if it is damaged or another format."""
    cursor = _Cursor(content)
    version = cursor.number("<I")
    if version not in VERSIONS:
        raise _refuse(f"its format version is {version}, and {VERSIONS[0]} to {VERSIONS[-1]} can be read")
    cursor.name()
    cursor.number("<I")
    variables: dict[str, NDArray[Any]] = {}
    for _ in range(cursor.number("<I")):
        name = cursor.name()
        if name in variables:
            raise _refuse(f"the variable {name!r} appears twice")
        variables[name] = _read_variable(cursor, name)
    for _ in range(cursor.number("<I")):
        cursor.name()
        cursor.name()
    if cursor.at != len(content):
        raise _refuse(f"{len(content) - cursor.at:,} bytes follow its end")
    return _dequantise(variables)


class _Cursor:
    """Reads numbers, names and bytes one after another, and never past the end."""

    def __init__(self, content: bytes) -> None:
        self._content, self.at = content, 0

    def take(self, count: int) -> memoryview:
        begin, self.at = self.at, self.at + count
        if self.at > len(self._content):
            raise _refuse(f"it ends at byte {len(self._content):,}, but {count:,} bytes should follow byte {begin:,}")
        return memoryview(self._content)[begin : self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def name(self) -> str:
        raw = bytes(self.take(self.number("<H")))
        try:
            return raw.removesuffix(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            raise _refuse(f"the name before byte {self.at:,} is not text") from None


def _read_variable(cursor: _Cursor, name: str) -> NDArray[Any]:
    axes = cursor.number("<B")
    if axes > MAX_AXES:
        raise _refuse(f"the variable {name!r} has {axes} axes")
    shape = [cursor.number("<I") for _ in range(axes)]
    code, size = cursor.number("<B"), cursor.number("<I")
    if code not in _TYPES:
        raise _refuse(f"the variable {name!r} has the unknown type {code}")
    kind = np.dtype(_TYPES[code])
    if math.prod(shape) * kind.itemsize != size:
        raise _refuse(f"the variable {name!r} of shape {shape} and type {kind} has {size:,} bytes")
    return np.frombuffer(cursor.take(size), kind).reshape(shape)


def _dequantise(variables: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Stored integers are weight times scale: one scale for each row (int8), or one for all (int16)."""
    scales = {name.removesuffix("_scale"): array for name, array in variables.items() if name.endswith("_scale")}
    found = {name: array for name, array in variables.items() if not name.endswith("_scale")}
    for name, scale in scales.items():
        if name not in found or scale.size not in (1, *found[name].shape[:1]) or not np.all(scale > 0):
            raise _refuse(f"the scale of {name!r} does not fit")
        rows = scale.astype(np.float32).reshape(-1, *[1] * (found[name].ndim - 1))
        found[name] = found[name].astype(np.float32) / rows
    return found


def _refuse(reason: str) -> BundleError:
    hint = "get the file again: it is damaged, or not a model.bin of CTranslate2"
    return BundleError(f"the weights are refused: {reason}", hint=hint)
