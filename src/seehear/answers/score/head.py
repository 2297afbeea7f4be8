"""The head for scores: turns cells into a normal distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seehear.answers.head_layers import Pool, load_probe
from seehear.answers.linear_probe import USUAL_PENALTY, fit_numbers
from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters

if TYPE_CHECKING:
    from seehear.answers.score import ScoreSpec

Array = NDArray[Any]

LOG_SCALE_RANGE = (-4.0, 2.0)  # in standard deviations of the training answers: 2 % to 7 times


class Head(nn.Module):
    """Cells -> {"mean": (B,), "log_scale": (B,)}, both in standard deviations of the training answers."""

    def __init__(self, spec: ScoreSpec, widths: Sequence[int]) -> None:
        super().__init__()
        self.pool = Pool(widths[-1])
        self.norm = nn.LayerNorm(self.pool.width)
        self.penalty = USUAL_PENALTY  # of the last fit
        self.regress = Float32Linear(self.pool.width, 2)
        nn.init.zeros_(self.regress.weight)

    def parameter_groups(self) -> ParameterGroups:
        return head_parameters(self)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        return self.apply_last_layer(self.extract_features(cells))

    def apply_last_layer(self, features: Tensor) -> dict[str, Tensor]:
        """Apply the last layer to what `extract_features` gives."""
        mean, log_scale = self.regress(features).unbind(1)
        low, high = LOG_SCALE_RANGE
        return {"mean": mean, "log_scale": low + (high - low) * torch.sigmoid(log_scale)}

    def extract_features(self, cells: Cells) -> Tensor:
        """The inputs (B, F) of the last layer."""
        features: Tensor = self.norm(self.pool(cells))
        return features

    def fit_probe(
        self, features: Tensor, target: dict[str, Tensor], groups: Array, penalty: float | None = None
    ) -> dict[str, Array] | None:
        """Fit the last layers to the features (n, F) of an untrained head, by ridge regression.

        All examples get the same spread. Returns the cross-validated mean and log_scale (n,) of each example; None with
        too few examples, or a given penalty.
        """
        probe = fit_numbers(features.double().numpy(), target["value"].double().numpy(), groups, penalty)
        self.penalty = probe.penalty
        load_probe(probe, self.norm, self.regress)
        if probe.out_of_fold is None:
            return None
        mean = probe.out_of_fold[:, 0]
        low, high = LOG_SCALE_RANGE
        log_scale = np.log(np.std(mean - target["value"].numpy()) + 1e-6)
        share = np.clip((log_scale - low) / (high - low), 0.01, 0.99)
        with torch.no_grad():
            self.regress.weight[1] = 0.0
            self.regress.bias[1] = float(np.log(share / (1 - share)))
        return {"mean": mean, "log_scale": np.full_like(mean, low + (high - low) * share)}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """beta-NLL with beta = 1/2 (Seitzer 2022, arXiv:2203.09168, equation 5), (B,).

        With the plain Gaussian likelihood, a network explains hard examples as noise and stops learning from them.
        """
        variance = torch.exp(2 * raw["log_scale"])
        nll = 0.5 * ((target["value"] - raw["mean"]).square() / variance + variance.log())
        return nll * variance.detach().sqrt()
