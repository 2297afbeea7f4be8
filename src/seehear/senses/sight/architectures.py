"""The architectures of sight encoders: what a recipe says of them, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

STEM_CHANNELS = 24  # what the first stage of a FeaturePyramid reads
FINEST_PX = 8  # of the cells of an EfficientNetLite, for answers without positions


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

    def pitches_px(self, size: InputSize) -> tuple[int, ...]:
        """Pitch of each level of cells. Pictures whose sides are multiples of the last have maps that nest."""
        return tuple(self.stem_stride(size) << i for i in range(1, len(self.stages) + 1))

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice."""
        stride = self.stem_stride(size)
        area = (size.height // stride) * (size.width // stride)
        before, total = STEM_CHANNELS, 0.0
        for channels in self.stages:
            total += 9 * before * channels * area + 9 * channels * channels * (self.depth - 1) * area / 4
            before, area = channels, area // 4
        return 6 * total / 1e9


class Bottleneck(NamedTuple):
    """The shape of one inverted bottleneck: channels before and after, side of the kernel, stride, expansion."""

    before: int
    after: int
    kernel: int
    stride: int
    expansion: int


class BottleneckStage(NamedTuple):
    """Bottlenecks of the same shape, but for the stride, which only the first has; of EfficientNet-Lite0."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


class EfficientNetLite(BaseModel):
    """EfficientNet without squeeze-and-excitation, with ReLU6 (Tan & Le 2019, arXiv:1905.11946; Liu 2020,
    blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html).

    frozen   how many bottlenecks, from the input, keep their weights in training
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["efficientnet-lite"] = "efficientnet-lite"
    size: Literal[0, 1, 2]
    frozen: int = Field(default=0, ge=0)

    def __str__(self) -> str:
        trained = f", trained from bottleneck {self.frozen + 1} on" if self.frozen else ""
        return f"EfficientNet-Lite{self.size}{trained}"

    def freeze(self, share: float) -> EfficientNetLite:
        """The same, with this share of its bottlenecks frozen."""
        return self.model_copy(update={"frozen": round(share * len(list(self.bottlenecks())))})

    def widths(self, size: InputSize) -> tuple[int, ...]:
        """Channels of each level of cells, finest first."""
        return tuple(width for width, _ in self._levels(size))

    def pitches_px(self, size: InputSize) -> tuple[int, ...]:
        """Pitch of each level of cells. Pictures whose sides are multiples of the last have maps that nest."""
        return tuple(pitch for _, pitch in self._levels(size))

    def _levels(self, size: InputSize) -> list[tuple[int, int]]:
        """Channels and pitch of each level: the last bottleneck of each pitch, then the head."""
        finest, pitch = size.output_stride_px or FINEST_PX, STEM_STRIDE
        last_of = {pitch: LITE_STEM}
        for bottleneck in self.bottlenecks():
            pitch *= bottleneck.stride
            last_of[pitch] = bottleneck.after
        last_of[pitch] = LITE_HEAD
        return [(width, own) for own, width in last_of.items() if own >= finest or own == pitch]

    def bottlenecks(self) -> Iterator[Bottleneck]:
        """From input to output. Larger sizes repeat more and have wider stages, but for the first and the last."""
        wider, deeper = SCALING[self.size]
        before = LITE_STEM
        for stage in STAGES:
            fixed = stage in (STAGES[0], STAGES[-1])
            after = _round_channels(stage.channels * wider)
            for i in range(stage.repeats if fixed else math.ceil(stage.repeats * deeper)):
                yield Bottleneck(before, after, stage.kernel, stage.stride if i == 0 else 1, stage.expansion)
                before = after

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice.

        What is frozen has no backward pass.
        """
        forward, trained = 2 / 1e9, 6 / 1e9
        area = size.height * size.width / STEM_STRIDE**2
        total, after = (forward if self.frozen else trained) * 9 * 3 * LITE_STEM * area, LITE_STEM
        for i, (before, after, kernel, stride, expansion) in enumerate(self.bottlenecks()):
            inner, passes = before * expansion, forward if i < self.frozen else trained
            total += passes * before * inner * area * (expansion > 1)
            area /= stride**2
            total += passes * (kernel**2 + after) * inner * area
        return total + trained * after * LITE_HEAD * area


STEM_STRIDE, LITE_STEM, LITE_HEAD = 2, 32, 1280  # channels of the first and of the last convolution
STAGES = (
    BottleneckStage(1, 3, 1, 1, 16),
    BottleneckStage(2, 3, 2, 6, 24),
    BottleneckStage(2, 5, 2, 6, 40),
    BottleneckStage(3, 3, 2, 6, 80),
    BottleneckStage(3, 5, 1, 6, 112),
    BottleneckStage(4, 5, 2, 6, 192),
    BottleneckStage(1, 3, 1, 6, 320),
)
SCALING = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))  # of channels and of repeats, by size
DIVISOR = 8  # of channels

SightEncoderSpec = Annotated[FeaturePyramid | EfficientNetLite, Field(discriminator="kind")]


def _round_channels(wanted: float) -> int:
    """To a multiple of DIVISOR, at most a tenth below what is wanted."""
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded if rounded >= 0.9 * wanted else rounded + DIVISOR
