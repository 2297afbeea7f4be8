"""From cells to logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.head_layers import Pool
from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters

if TYPE_CHECKING:
    from seehear.answers.label import LabelSpec

SMOOTHING = 0.1  # label smoothing (Szegedy 2016)


class Head(nn.Module):
    """Cells -> {"logits": (B, C)}."""

    def __init__(self, spec: LabelSpec, widths: Sequence[int]) -> None:
        super().__init__()
        self.several = spec.several
        self.pool = Pool(widths[-1])
        self.norm = nn.LayerNorm(self.pool.width)
        self.classify = Float32Linear(self.pool.width, len(spec.classes))
        nn.init.zeros_(self.classify.weight)

    def parameter_groups(self) -> ParameterGroups:
        return head_parameters(self)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        return {"logits": self.classify(self.norm(self.pool(cells)))}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Cross-entropy (B,): categorical for one label, binary and summed over classes for several."""
        logits, truth = raw["logits"], target["classes"]  # (B, C) each
        if self.several:
            return F.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(1)
        return F.cross_entropy(logits, truth, reduction="none", label_smoothing=SMOOTHING)
