"""The optimisers, and the learning rates of their parameter groups."""

from __future__ import annotations

import torch

from seehear.layers.parameter_groups import ParameterGroups
from seehear.learn.loop.muon import Muon
from seehear.recipe import Training

MATRIX_RATE, KERNEL_RATE = 10.0, 30.0  # Muon's learning rates, as multiples of AdamW's
WEIGHT_DECAY = 0.02


def make_optimizers(parameters: ParameterGroups, training: Training) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for kernels and matrices, AdamW for everything else.

    Kernels take larger steps than matrices: a normalisation follows each of them, so their scale has no effect.
    """
    rate = training.learning_rate
    groups = [
        {"params": parameters.kernels, "lr": KERNEL_RATE * rate},
        {"params": parameters.matrices, "lr": MATRIX_RATE * rate},
    ]
    return (
        Muon([group for group in groups if group["params"]], lr=rate, weight_decay=WEIGHT_DECAY),
        torch.optim.AdamW(parameters.other, lr=rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY),
    )
