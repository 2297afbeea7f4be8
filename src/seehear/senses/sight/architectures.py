"""The architectures of sight encoders: what a recipe says of them, without torch."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

STEM_CHANNELS = 24  # what the first stage of a FeaturePyramid reads


class InputSize(NamedTuple):
    """Height and width of preprocessed pictures, and the stride of the finest cells that the answer needs.

    output_stride_px  at most; None without positions, where the encoder chooses
    """

    height: int
    width: int
    output_stride_px: int | None


class FeaturePyramid(BaseModel):
    """Stages of 3x3 convolutions, taught from nothing; `stages` are the channels after each halving."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["feature-pyramid"] = "feature-pyramid"
    stages: tuple[int, ...] = Field(min_length=1, max_length=6)
    depth: int = Field(default=2, ge=1, le=8)

    def __str__(self) -> str:
        return f"{self.depth} convolutions each of {', '.join(map(str, self.stages))} channels"

    def widths(self, size: InputSize) -> tuple[int, ...]:
        """Channels of each level of cells, finest first."""
        return self.stages

    def stem_stride(self, size: InputSize) -> int:
        """Stride of the stem: 1 below 64 px, above that what keeps the first map 32 to 63 cells wide.

        Half of output_stride_px at most, since the first stage halves the map.
        """
        usual = int(2 ** max(0, math.floor(math.log2(min(size.height, size.width) / 32))))
        return usual if size.output_stride_px is None else min(usual, size.output_stride_px // 2)

    def coarsest_px(self, size: InputSize) -> int:
        """Pitch of the coarsest cells. Pictures whose sides are multiples of it have maps that nest."""
        return self.stem_stride(size) << len(self.stages)

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice."""
        stride = self.stem_stride(size)
        area = (size.height // stride) * (size.width // stride)
        before, total = STEM_CHANNELS, 0.0
        for channels in self.stages:
            total += 9 * before * channels * area + 9 * channels * channels * (self.depth - 1) * area / 4
            before, area = channels, area // 4
        return 6 * total / 1e9
