"""The optimisers of a training, and which weights each of them moves."""

from __future__ import annotations

import torch
from torch import Tensor

from seehear.learn.loop.muon import Muon
from seehear.learn.model.network import Network
from seehear.recipe import Training

MATRIX_RATE, CONVOLUTION_RATE = 10.0, 30.0  # Muon's learning rates for every unit of AdamW's
WEIGHT_DECAY = 0.02


def optimizers(network: Network, training: Training) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for what is inside encoders and fusion, and for convolutions in heads; AdamW for the stems, all else in
    heads, gains and biases.

    Convolutions may be moved further than matrices: a normalisation follows each, so that their size says nothing.
    """
    convolutions: list[Tensor] = []
    matrices: list[Tensor] = []
    outer: list[Tensor] = []
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            inside = not name.startswith("head.") and name not in ("fusion.sense", "fusion.absent")
            hidden = weight.ndim > 2 or (weight.ndim == 2 and inside)
            (outer if not hidden else matrices if weight.ndim == 2 else convolutions).append(weight)
    rate = training.learning_rate
    inner = [
        {"params": convolutions, "lr": CONVOLUTION_RATE * rate},
        {"params": matrices, "lr": MATRIX_RATE * rate},
    ]
    return (
        Muon([group for group in inner if group["params"]], lr=rate, weight_decay=WEIGHT_DECAY),
        torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY),
    )
