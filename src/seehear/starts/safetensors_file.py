"""Reads and writes safetensors, a format of numbers only, so reading a file runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from seehear.errors import BundleError, SeehearError


def read_safetensors(content: bytes) -> dict[str, NDArray[Any]]:
    """Every tensor by name. Raises BundleError if the file is damaged."""
    try:
        return dict(_library().load(content))
    except Exception as error:  # its own error, or numpy's for a type that it lacks
        hint = "get the file again: it is damaged, or not in the safetensors format"
        raise BundleError(f"the weights are refused: safetensors cannot read them ({error})", hint=hint) from None


def write_safetensors(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    return bytes(_library().save(dict(tensors)))


def _library() -> ModuleType:
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        raise SeehearError("pretrained weights need safetensors", hint="pip install 'seehear[start]'") from None
    return safetensors.numpy
