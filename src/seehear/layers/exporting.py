"""Tells whether a module is being traced for export, when it may emit ONNX operators directly."""

from __future__ import annotations

import torch


def is_exporting() -> bool:
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
