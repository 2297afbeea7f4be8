"""Reads the tensors of a PyTorch state dict. The only module of this room that needs torch."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError, SeehearError

MAX_NUMBERS_PER_BYTE = 2  # tensors may share memory, but few do
_NESTED = ("model_state_dict", "state_dict")  # keys under which checkpoints keep the tensors


def read_state_dict(content: bytes) -> dict[str, NDArray[Any]]:
    """Every tensor by name, floats as float32. Unpickles only tensors and plain containers.

    Raises BundleError if the file is damaged, holds anything else or needs far more memory than its size, SeehearError
    if torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise SeehearError("a state dict needs torch", hint="pip install 'seehear[train]'") from None
    try:
        _check_archive(content)
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except BundleError:
        raise
    except Exception as error:  # many types; not chained, as torch's message advises to run the file's code
        raise _refuse(f"it is damaged or holds more than tensors ({type(error).__name__})") from None
    for key in _NESTED:
        loaded = loaded.get(key, loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        raise _refuse(f"it holds a {type(loaded).__name__} instead of tensors by name")
    if not loaded or not all(map(_is_plain, loaded.values())):
        raise _refuse("it holds something other than numeric tensors")
    numbers = sum(tensor.numel() for tensor in loaded.values())
    if numbers > MAX_NUMBERS_PER_BYTE * len(content):
        raise _refuse(f"it declares {numbers:,} numbers in {len(content):,} bytes")
    return {name: _to_array(tensor) for name, tensor in loaded.items()}


def _check_archive(content: bytes) -> None:
    """torch.save writes archives without compression, so a compressed one could be a decompression bomb."""
    if content.startswith(b"PK"):
        members = zipfile.ZipFile(io.BytesIO(content)).infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise _refuse("it is compressed, which torch.save never does")


def _is_plain(tensor: Any) -> bool:
    import torch

    return (
        isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not (tensor.is_quantized or tensor.is_complex())
    )


def _to_array(tensor: Any) -> NDArray[Any]:
    plain = tensor.detach()
    return np.asarray(plain.float().numpy() if plain.is_floating_point() else plain.numpy())


def _refuse(reason: str) -> BundleError:
    return BundleError(f"the weights are refused: {reason}", hint="give a state dict, as torch.save writes it")
