"""The head for labels: turns cells into logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.head_layers import Pool, load_probe
from seehear.answers.linear_probe import USUAL_PENALTY, fit_class_sets, fit_classes
from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters

if TYPE_CHECKING:
    from seehear.answers.label import LabelSpec

Array = NDArray[Any]

SMOOTHING = 0.1  # label smoothing (Szegedy 2016)


class Head(nn.Module):
    """Cells -> {"logits": (B, C)}."""

    def __init__(self, spec: LabelSpec, widths: Sequence[int]) -> None:
        super().__init__()
        self.several = spec.several
        self.pool = Pool(widths[-1])
        self.norm = nn.LayerNorm(self.pool.width)
        self.penalty = USUAL_PENALTY  # of the last fit
        self.classify = Float32Linear(self.pool.width, len(spec.classes))
        nn.init.zeros_(self.classify.weight)

    def parameter_groups(self) -> ParameterGroups:
        return head_parameters(self)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        return self.apply_last_layer(self.extract_features(cells))

    def apply_last_layer(self, features: Tensor) -> dict[str, Tensor]:
        """Apply the last layer to what `extract_features` gives."""
        return {"logits": self.classify(features)}

    def extract_features(self, cells: Cells) -> Tensor:
        """The inputs (B, F) of the last layer."""
        features: Tensor = self.norm(self.pool(cells))
        return features

    @torch.no_grad()
    def add_classes(self, weight: Tensor, bias: Tensor) -> None:
        """Add an output of the last layer for each row of `weight` (k, F) and `bias` (k,)."""
        grown = Float32Linear(self.pool.width, len(self.classify.bias) + len(bias))
        grown.weight.copy_(torch.cat([self.classify.weight, weight]))
        grown.bias.copy_(torch.cat([self.classify.bias, bias]))
        self.classify = grown

    def fit_probe(
        self, features: Tensor, target: dict[str, Tensor], groups: Array, penalty: float | None = None
    ) -> dict[str, Array] | None:
        """Fit the last layers to the features (n, F) of an untrained head, by logistic regression.

        Returns the cross-validated logits (n, C) of each example; None with too few examples, or a given penalty.
        """
        fit = fit_class_sets if self.several else fit_classes
        probe = fit(features.double().numpy(), target["classes"].double().numpy(), groups, penalty)
        self.penalty = probe.penalty
        load_probe(probe, self.norm, self.classify)
        return None if probe.out_of_fold is None else {"logits": probe.out_of_fold}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Cross-entropy (B,): categorical for one label, binary and summed over classes for several."""
        logits, truth = raw["logits"], target["classes"]  # (B, C) each
        if self.several:
            return F.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(1)
        return F.cross_entropy(logits, truth, reduction="none", label_smoothing=SMOOTHING)
