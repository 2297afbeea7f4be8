"""Networks of inverted bottlenecks as recipes specify them, without torch."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal, NamedTuple, Self

from pydantic import Field

from seehear.senses.sight.architectures import (
    DEFAULT_STRIDE_PX,
    IMAGENET_MEAN,
    IMAGENET_SCALE,
    Architecture,
    InputSize,
    Level,
)

STEM_STRIDE, LITE_STEM, LITE_HEAD = 2, 32, 1280  # channels of the first and of the last convolution
DIVISOR = 8  # of channels

Activation = Literal["relu", "relu6", "hardswish"]


class Bottleneck(NamedTuple):
    """The shape of one inverted bottleneck: channels before, within and after, side of the kernel, stride.

    squeeze   channels of its squeeze-and-excitation (Hu et al. 2017, arXiv:1709.01507); 0 for none
    """

    before: int
    inner: int
    after: int
    kernel: int
    stride: int
    squeeze: int = 0
    activation: Activation = "relu6"


class BottleneckStage(NamedTuple):
    """Bottlenecks of the same shape, but only the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int

    def bottlenecks(self, before: int) -> Iterator[Bottleneck]:
        for i in range(self.repeats):
            stride = self.stride if i == 0 else 1
            yield Bottleneck(before, before * self.expansion, self.channels, self.kernel, stride)
            before = self.channels


class BottleneckNetwork(Architecture):
    """Inverted bottlenecks between two convolutions, stem and head (Sandler et al. 2018, arXiv:1801.04381).

    frozen   the number of bottlenecks, from the input, whose weights are frozen in training
    """

    frozen: int = Field(default=0, ge=0)

    stem: ClassVar[int] = LITE_STEM  # channels
    activation: ClassVar[Activation] = "relu6"  # of stem and head
    epsilon: ClassVar[float]  # of normalisations
    symmetric: ClassVar[bool]  # whether convolutions have as many zeros before as after their inputs
    normalisation: ClassVar[tuple[tuple[float, ...], tuple[float, ...]]]  # mean and scale of pixels in its training

    @abstractmethod
    def bottlenecks(self) -> Iterator[Bottleneck]:
        """From input to output."""

    @property
    def head(self) -> int:
        """Channels."""
        return LITE_HEAD

    def freeze(self, share: float) -> Self:
        """A copy with this share of its bottlenecks frozen."""
        return self.model_copy(update={"frozen": round(share * len(list(self.bottlenecks())))})

    def levels(self, size: InputSize) -> list[Level]:
        """The last bottleneck of each pitch, then the head."""
        finest, pitch = size.output_stride_px or DEFAULT_STRIDE_PX, STEM_STRIDE
        last_of = {pitch: self.stem}
        for bottleneck in self.bottlenecks():
            pitch *= bottleneck.stride
            last_of[pitch] = bottleneck.after
        last_of[pitch] = self.head
        return [Level(width, own) for own, width in last_of.items() if own >= finest or own == pitch]

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice.

        Frozen layers have no backward pass.
        """
        forward, trained = 2 / 1e9, 6 / 1e9
        area = size.height * size.width / STEM_STRIDE**2
        total, after = (forward if self.frozen else trained) * 9 * 3 * self.stem * area, self.stem
        for i, block in enumerate(self.bottlenecks()):
            passes, after = forward if i < self.frozen else trained, block.after
            total += passes * block.before * block.inner * area * (block.inner != block.before)
            area /= block.stride**2
            total += passes * ((block.kernel**2 + after) * area + 2 * block.squeeze) * block.inner
        return total + trained * after * self.head * area

    def _describe_frozen(self) -> str:
        return f", trained from bottleneck {self.frozen + 1} on" if self.frozen else ""


class EfficientNetLite(BottleneckNetwork):
    """EfficientNet without squeeze-and-excitation, with ReLU6 (Tan & Le 2019, arXiv:1905.11946; Liu 2020,
    blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html).
    """

    kind: Literal["efficientnet-lite"] = "efficientnet-lite"
    size: Literal[0, 1, 2]

    epsilon, symmetric, normalisation = 1e-3, False, ((127.0,) * 3, (128.0,) * 3)

    def __str__(self) -> str:
        return f"EfficientNet-Lite{self.size}{self._describe_frozen()}"

    def bottlenecks(self) -> Iterator[Bottleneck]:
        """From input to output. Larger sizes have more repeats and wider stages, except the first and the last."""
        wider, deeper = SCALING[self.size]
        before = LITE_STEM
        for stage in LITE_STAGES:
            fixed = stage in (LITE_STAGES[0], LITE_STAGES[-1])
            after = _round_channels(stage.channels * wider)
            repeats = stage.repeats if fixed else math.ceil(stage.repeats * deeper)
            yield from stage._replace(repeats=repeats, channels=after).bottlenecks(before)
            before = after


class MobileNetV2(BottleneckNetwork):
    """MobileNetV2 of width 1, as in torchvision."""

    kind: Literal["mobilenet-v2"] = "mobilenet-v2"

    epsilon, symmetric, normalisation = 1e-5, True, (IMAGENET_MEAN, IMAGENET_SCALE)

    def __str__(self) -> str:
        return f"MobileNetV2{self._describe_frozen()}"

    def bottlenecks(self) -> Iterator[Bottleneck]:
        before = LITE_STEM
        for stage in MOBILENET_STAGES:
            yield from stage.bottlenecks(before)
            before = stage.channels


class MobileNetV3(BottleneckNetwork):
    """MobileNetV3 of width 1, as in torchvision (Howard et al. 2019, arXiv:1905.02244)."""

    kind: Literal["mobilenet-v3"] = "mobilenet-v3"
    size: Literal["small", "large"]

    epsilon, symmetric, normalisation = 1e-3, True, (IMAGENET_MEAN, IMAGENET_SCALE)
    stem, activation = 16, "hardswish"

    def __str__(self) -> str:
        return f"MobileNetV3 {self.size}{self._describe_frozen()}"

    @property
    def head(self) -> int:
        """Channels."""
        return 6 * MOBILENET_V3[self.size][-1].after

    def bottlenecks(self) -> Iterator[Bottleneck]:
        yield from MOBILENET_V3[self.size]


def _make_mobilenet_v3(*shapes: tuple[int, int, int, int, bool, Activation]) -> tuple[Bottleneck, ...]:
    """Bottlenecks from (channels within and after, side of the kernel, stride, whether it squeezes, activation)."""
    before, found = MobileNetV3.stem, []
    for inner, after, kernel, stride, squeezes, activation in shapes:
        squeeze = _round_channels(inner // 4) if squeezes else 0
        found.append(Bottleneck(before, inner, after, kernel, stride, squeeze, activation))
        before = after
    return tuple(found)


def _round_channels(wanted: float) -> int:
    """Round to a multiple of DIVISOR, at most a tenth below what is wanted."""
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded if rounded >= 0.9 * wanted else rounded + DIVISOR


LITE_STAGES = (  # of EfficientNet-Lite0
    BottleneckStage(1, 3, 1, 1, 16),
    BottleneckStage(2, 3, 2, 6, 24),
    BottleneckStage(2, 5, 2, 6, 40),
    BottleneckStage(3, 3, 2, 6, 80),
    BottleneckStage(3, 5, 1, 6, 112),
    BottleneckStage(4, 5, 2, 6, 192),
    BottleneckStage(1, 3, 1, 6, 320),
)
MOBILENET_STAGES = (
    BottleneckStage(1, 3, 1, 1, 16),
    BottleneckStage(2, 3, 2, 6, 24),
    BottleneckStage(3, 3, 2, 6, 32),
    BottleneckStage(4, 3, 2, 6, 64),
    BottleneckStage(3, 3, 1, 6, 96),
    BottleneckStage(3, 3, 2, 6, 160),
    BottleneckStage(1, 3, 1, 6, 320),
)
SCALING = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))  # of channels and of repeats, by size
MOBILENET_V3 = {
    "small": _make_mobilenet_v3(
        (16, 16, 3, 2, True, "relu"),
        (72, 24, 3, 2, False, "relu"),
        (88, 24, 3, 1, False, "relu"),
        (96, 40, 5, 2, True, "hardswish"),
        (240, 40, 5, 1, True, "hardswish"),
        (240, 40, 5, 1, True, "hardswish"),
        (120, 48, 5, 1, True, "hardswish"),
        (144, 48, 5, 1, True, "hardswish"),
        (288, 96, 5, 2, True, "hardswish"),
        (576, 96, 5, 1, True, "hardswish"),
        (576, 96, 5, 1, True, "hardswish"),
    ),
    "large": _make_mobilenet_v3(
        (16, 16, 3, 1, False, "relu"),
        (64, 24, 3, 2, False, "relu"),
        (72, 24, 3, 1, False, "relu"),
        (72, 40, 5, 2, True, "relu"),
        (120, 40, 5, 1, True, "relu"),
        (120, 40, 5, 1, True, "relu"),
        (240, 80, 3, 2, False, "hardswish"),
        (200, 80, 3, 1, False, "hardswish"),
        (184, 80, 3, 1, False, "hardswish"),
        (184, 80, 3, 1, False, "hardswish"),
        (480, 112, 3, 1, True, "hardswish"),
        (672, 112, 3, 1, True, "hardswish"),
        (672, 160, 5, 2, True, "hardswish"),
        (960, 160, 5, 1, True, "hardswish"),
        (960, 160, 5, 1, True, "hardswish"),
    ),
}
