"""The size of the lips encoder, chosen from the videos and the compute budget."""

from __future__ import annotations

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from seehear.senses.model_sizing import TEMPORAL_EPOCHS, SizingInputs

RATE_HZ = 25  # frames per second, one per cell: the rate of television and of most lip reading corpora
CELL_S = 1 / RATE_HZ
LONGEST_S, SHORTEST_FRAMES = 60.0, 7  # as long as the shortest sound, in cells
SEEN_FRAMES, FRONT_PX = 5, 5  # size of the first convolution in frames and pixels

# Height and width of a frame, channels after each halving, and width of the GRU, cheapest first. Training on one second
# costs about 0.7, 1.4, 4.1 and 8.7 GFLOP.
MODEL_SIZES = (
    ((32, 48), (16, 32, 64, 64), 96),
    ((32, 48), (24, 48, 96, 96), 160),
    ((48, 72), (24, 64, 128, 128), 224),
    ((48, 72), (32, 96, 192, 192), 320),
)


class LipsSpec(BaseModel):
    """One clip is (T, height, width) uint8 at RATE_HZ, up to longest_s long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_s: float = Field(gt=0, le=LONGEST_S)
    height: int = Field(ge=16, le=128)
    width_px: int = Field(ge=16, le=192)
    stages: tuple[int, ...] = Field(min_length=2, max_length=5)
    width: int = Field(ge=16)
    augmentation_strength: float = Field(default=0.5, ge=0, le=1)
    requires_full_input: bool = False  # reject clips longer than longest_s instead of cutting them

    def __str__(self) -> str:
        return (
            f"up to {self.longest_s:g} s at {RATE_HZ} frames per second of {self.width_px} x {self.height} px, "
            f"convolutions of {', '.join(map(str, self.stages))} channels, a bidirectional GRU of width {self.width}"
        )

    @property
    def cell_width(self) -> int:
        return self.width

    @property
    def smallest_map(self) -> tuple[int, int]:
        """Rows and columns after the last stage."""
        height, width = self.height, self.width_px
        for _ in self.stages:
            height, width = -(-height // 2), -(-width // 2)
        return height, width

    def step_gigaflop(self, seconds: float) -> float:
        """GFLOP to train on one clip once: 2 FLOP per multiply-add, the backward pass counted twice."""
        first, *others = self.stages
        area = math.ceil(self.height / 2) * math.ceil(self.width_px / 2)
        total = float(area * first * SEEN_FRAMES * FRONT_PX**2)
        before = first
        for channels in others:
            area = math.ceil(area / 4)
            total += 9 * area * (before * channels + channels * channels)
            before = channels
        total += math.prod(self.smallest_map) * before * self.width + 6 * self.width * self.width
        return 6 * total * seconds * RATE_HZ / 1e9


def plan_lips(inputs: SizingInputs) -> LipsSpec:
    """The largest of MODEL_SIZES that the budget can train for enough epochs.

    longest_s follows from the 98th percentile of lengths, or is LONGEST_S if the answer requires the full input.
    """
    seconds = np.array([fact["seconds"] for fact in inputs.summaries])
    usual_s = LONGEST_S if inputs.requires_full_input else float(np.quantile(seconds, 0.98)) * 1.25
    longest_s = round(float(np.clip(usual_s, 2 * SHORTEST_FRAMES * CELL_S, LONGEST_S)), 2)
    sizes = [
        LipsSpec(
            longest_s=longest_s,
            height=height,
            width_px=width_px,
            stages=stages,
            width=width,
            requires_full_input=inputs.requires_full_input,
        )
        for (height, width_px), stages, width in MODEL_SIZES
    ]
    spec, passes = inputs.choose_size(sizes, TEMPORAL_EPOCHS.wanted)
    return spec.model_copy(update={"augmentation_strength": TEMPORAL_EPOCHS.augmentation_strength(passes)})
