"""An ONNX graph of the user's own as a sight encoder, which training does not change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seehear.layers.exporting import is_exporting
from seehear.layers.parameter_groups import ParameterGroups
from seehear.senses.sight.architectures import ONNX_PLACEHOLDER, OnnxEncoder
from seehear.senses.sight.encoder import PretrainedSightEncoder
from seehear.senses.sight.plan import SightSpec


class OnnxSightEncoder(PretrainedSightEncoder):
    """See `SightEncoder`. Its only tensor is the file, as bytes, so that a model file contains it.

    run   pictures (B, 3, H, W) float32 -> (B, *output) float32, by the graph in the file. It is None until a file is
          loaded, and all cells are 0
    """

    file: Tensor
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None

    def __init__(self, spec: SightSpec, architecture: OnnxEncoder) -> None:
        super().__init__(spec, architecture.normalisation)
        self.architecture = architecture
        self.register_buffer("file", torch.zeros(architecture.size, dtype=torch.uint8))

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Raises ValueError for another file."""
        found = hashlib.sha256(tensors["file"].tobytes()).hexdigest() if "file" in tensors else "no ONNX file"
        if found != self.architecture.sha256:
            raise ValueError(f"the SHA-256 is {found}, in the recipe {self.architecture.sha256}")
        super().load_pretrained(tensors)

    def parameter_groups(self) -> ParameterGroups:
        return ParameterGroups.empty()

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        encoded = self._encode(self.normalise(planes))
        match encoded.ndim:
            case 2:
                yield encoded[:, :, None, None]
            case 3:
                yield encoded.transpose(1, 2)[:, :, :, None]
            case _:
                yield encoded

    def _encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, *output)."""
        shape = (pictures.shape[0], *self.architecture.output)
        if is_exporting():
            return torch.onnx.ops.symbolic(
                ONNX_PLACEHOLDER, (pictures, self.file), dtype=torch.float32, shape=shape, version=1
            )
        if self.run is None:
            return torch.zeros(shape, device=pictures.device)
        return torch.from_numpy(self.run(pictures.numpy(force=True))).to(pictures.device)
