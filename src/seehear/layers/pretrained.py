"""Loads pretrained weights into a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn


@torch.no_grad()
def load_weights(module: nn.Module, tensors: Mapping[str, NDArray[Any]], architecture: str) -> None:
    """Copy the tensors into the module's state by name. Those that it lacks, such as further layers, are ignored.

    Raises ValueError if a tensor is missing or has another shape.
    """
    for name, own in module.state_dict().items():
        found = tensors.get(name)
        if found is None or found.shape != tuple(own.shape):
            came = "which is missing" if found is None else f"not {found.shape}"
            raise ValueError(f"{architecture} needs {name} of shape {tuple(own.shape)}, {came}")
        own.copy_(torch.from_numpy(found))
