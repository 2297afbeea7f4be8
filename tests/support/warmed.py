"""Imported once by a fork server, so that its children have PyTorch loaded and its exporter warm."""

from __future__ import annotations

import onnxruntime  # noqa: F401
import torch

import mortal  # noqa: F401
import seehear.learn.train  # noqa: F401

torch.set_num_threads(1)
torch.onnx.export(torch.nn.Linear(2, 2).eval(), (torch.zeros(2, 2),), dynamo=True, verbose=False)
