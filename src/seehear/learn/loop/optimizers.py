"""The optimisers: Muon, AdamW, and the learning rates of their parameter groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from seehear.layers.parameter_groups import ParameterGroups
from seehear.recipe import Training

MATRIX_RATE, KERNEL_RATE = 10.0, 30.0  # Muon's learning rates, as multiples of AdamW's
WARM_UP, PRETRAINED_WARM_UP = 0.05, 0.2  # shares of the run in which rates rise; new layers adapt first
WEIGHT_DECAY = 0.02
QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan 2024: pushes singular values towards 1 fast, if not exactly
ITERATIONS = 3
TILE = 32  # oneDNN's bfloat16 products are only safe where inner sizes are multiples of it (oneDNN issue 5717)


def make_optimizers(parameters: ParameterGroups, training: Training) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for kernels and matrices, AdamW for everything else.

    Kernels take larger steps than matrices: a normalisation follows each of them, so their scale has no effect.
    """
    rate = training.learning_rate
    groups = [
        {"params": parameters.kernels, "lr": KERNEL_RATE * rate, "warm_up": WARM_UP},
        {"params": parameters.matrices, "lr": MATRIX_RATE * rate, "warm_up": WARM_UP},
    ]
    by_rate: dict[float, list[Tensor]] = {}
    for weight, relative in parameters.pretrained:
        by_rate.setdefault(relative, []).append(weight)
    others: list[dict[str, Any]] = [{"params": parameters.other, "warm_up": WARM_UP}]
    for relative, weights in sorted(by_rate.items(), reverse=True):
        others.append({"params": weights, "lr": relative * rate, "warm_up": PRETRAINED_WARM_UP})
    return (
        Muon(groups, lr=rate, weight_decay=WEIGHT_DECAY),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY),
    )


def scale_rate(done: float, warm_up: float) -> float:
    """The factor of a learning rate after the share `done` of a run: it rises during `warm_up`, then falls to 0."""
    return max(0.0, min((done + 1e-3) / warm_up, (1 - done) / (1 - warm_up)))


class Muon(Optimizer):
    """Momentum, orthogonalised by Newton-Schulz iterations (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

    For weights of two or more axes, viewed as matrices (outputs, everything else). Updates of tall matrices are scaled
    by sqrt(outputs / inputs), so that one learning rate fits all shapes.

    dtype   for orthogonalising updates; bfloat16 is precise enough, and faster where the hardware supports it
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype = torch.float32

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].mul_(group["momentum"]).add_(gradient)
        update = gradient.add(momentum, alpha=group["momentum"])
        rows = _as_rows(update)  # (outputs, everything else)
        direction = orthogonalize(rows.flatten(1).to(self.dtype)).to(weight.dtype)
        tall = max(1.0, direction.shape[0] / direction.shape[1]) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        _as_rows(weight).add_(direction.view(rows.shape), alpha=-group["lr"] * tall)


def _as_rows(weight: Tensor) -> Tensor:
    """A view with axes in memory order (channels last), so that flattening copies nothing."""
    return weight.movedim(1, -1) if weight.ndim > 2 else weight


def orthogonalize(matrix: Tensor) -> Tensor:
    """(m, n) -> (m, n) with the same singular vectors, all singular values near 1, in the matrix's dtype.

    Each Newton-Schulz step multiplies X by p(X Xᵀ), a polynomial of the Gram matrix. These polynomials commute, so the
    steps work on the Gram matrix alone, and X, several times as wide as high for a convolution, is multiplied once.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix
    rows, columns = x.shape
    x = F.pad(x / (x.norm() + 1e-7), (0, -columns % TILE, 0, -rows % TILE))  # zeros stay zeros
    first, second, third = QUINTIC
    gram, product = x @ x.mT, None
    for iteration in range(ITERATIONS):
        step = torch.addmm(gram, gram, gram, beta=second, alpha=third)
        step.diagonal().add_(first)
        product = step if product is None else step @ product
        if iteration < ITERATIONS - 1:
            gram = step @ gram @ step
    result = (product @ x)[:rows, :columns] if product is not None else x
    return result.mT if tall else result
