"""Whether a module is being traced for export, when it may write operators of ONNX itself."""

from __future__ import annotations

import torch


def is_exporting() -> bool:
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
