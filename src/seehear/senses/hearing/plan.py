"""The size of the hearing encoder, chosen from the recordings and the compute budget."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from seehear.senses.model_sizing import TEMPORAL_EPOCHS, SizingInputs

RATE_HZ = 16_000
HOP_SAMPLES = 160  # 10 ms between frames
WINDOW_SAMPLES = 400  # 25 ms
FRAMES_PER_CELL = 4
CELL_SAMPLES = FRAMES_PER_CELL * HOP_SAMPLES
CELL_S = CELL_SAMPLES / RATE_HZ

LOWEST_HZ = 40.0
LONGEST_S, SHORTEST_S = 60.0, 0.25
MELS = 64

# Channels of the three convolution stages and width of the GRU, cheapest first. Training on one second of sound costs
# about 0.11, 0.38, 0.75 and 1.5 GFLOP.
MODEL_SIZES = (((16, 32, 48), 96), ((24, 64, 96), 160), ((32, 96, 128), 224), ((48, 128, 192), 320))


class ConvRecurrent(BaseModel):
    """Log-mel spectrogram, three convolution stages, a bidirectional GRU; trained from random weights.

    top_hz  the highest frequency in the recordings, where the log-mel bands end
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["conv-recurrent"] = "conv-recurrent"
    top_hz: float = Field(gt=LOWEST_HZ, le=RATE_HZ / 2)
    mels: int = Field(default=MELS, ge=16, le=128)
    stages: tuple[int, int, int]
    width: int = Field(ge=16)

    def __str__(self) -> str:
        return (
            f"{LOWEST_HZ:g} to {self.top_hz:g} Hz, convolutions of {', '.join(map(str, self.stages))} channels, "
            f"a bidirectional GRU of width {self.width}"
        )

    def step_gigaflop(self, seconds: float) -> float:
        """GFLOP to train on this much sound once: 2 FLOP per multiply-add, the backward pass counted twice."""
        area = seconds * RATE_HZ / HOP_SAMPLES * self.mels  # frames times bands
        before, total = 1, 0.0
        for i, channels in enumerate(self.stages):
            area /= 2 if i == len(self.stages) - 1 else 4
            total += 9 * (before + channels) * channels * area
            before = channels
        cells = seconds / CELL_S
        total += cells * (self.stages[-1] * self.mels / 8 * self.width + 6 * self.width * self.width)
        return 6 * total / 1e9


class HearingSpec(BaseModel):
    """One recording is (T,) float32 at RATE_HZ, shortest_s to longest_s long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_s: float = Field(gt=0, le=LONGEST_S)
    shortest_s: float = Field(default=SHORTEST_S, gt=0, le=LONGEST_S)
    encoder: ConvRecurrent
    augmentation_strength: float = Field(default=0.5, ge=0, le=1)
    requires_full_input: bool = False  # reject recordings longer than longest_s instead of cutting them
    heavy_noise: bool = False  # augment with much louder noise, because another sense can help

    def __str__(self) -> str:
        return f"up to {self.longest_s:g} s, {self.encoder}"

    @property
    def cell_width(self) -> int:
        return self.encoder.width

    def step_gigaflop(self, seconds: float) -> float:
        """GFLOP to train on one recording of this length once."""
        return self.encoder.step_gigaflop(seconds)


def plan_hearing(inputs: SizingInputs) -> HearingSpec:
    """The largest of MODEL_SIZES that the budget can train for enough epochs.

    longest_s follows from the 98th percentile of lengths, or is LONGEST_S if the answer requires the full input.
    """
    seconds = np.array([fact["seconds"] for fact in inputs.summaries])
    usual_s = LONGEST_S if inputs.requires_full_input else np.quantile(seconds, 0.98) * 1.25
    longest_s = float(np.clip(usual_s, 2 * SHORTEST_S, LONGEST_S))
    top_hz = float(np.clip(np.median([fact["top_hz"] for fact in inputs.summaries]), 2_000, RATE_HZ / 2))
    sizes = [ConvRecurrent(top_hz=round(top_hz, -2), stages=stages, width=width) for stages, width in MODEL_SIZES]
    encoder, passes = inputs.choose_size(
        sizes, lambda size: size.step_gigaflop(float(seconds.mean())), TEMPORAL_EPOCHS.wanted
    )
    return HearingSpec(
        longest_s=round(longest_s, 2),
        encoder=encoder,
        augmentation_strength=TEMPORAL_EPOCHS.augmentation_strength(passes),
        requires_full_input=inputs.requires_full_input,
        heavy_noise=inputs.has_aligned_sense,
    )
