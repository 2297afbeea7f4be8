"""The architectures of sight encoders as recipes specify them, without torch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

IMAGENET_MEAN, IMAGENET_SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of red, green, blue; 0 to 255
RESNET_STEM = 64  # channels of a ResNet's first convolution
VIT_HEAD = 64  # channels of a head of a Vision Transformer
STEM_CHANNELS = 24  # input channels of the first stage of a FeaturePyramid
ONNX_PLACEHOLDER = "seehear::Encoder"  # stands for an OnnxEncoder in traced graphs
DEFAULT_STRIDE_PX = 16  # of the finest cells without positions: finer ones did not help the OOD score


Blocks = Annotated[int, Field(ge=1, le=64)]


class InputSize(NamedTuple):
    """Height and width of preprocessed pictures, and the largest stride that the answer allows for the finest cells.

    output_stride_px  None for answers without positions: the encoder chooses
    """

    height: int
    width: int
    output_stride_px: int | None


class Level(NamedTuple):
    """Channels and pitch, in pixels, of the cells of one level."""

    width: int
    pitch_px: int


class Architecture(BaseModel, ABC):
    """What the encoder of every architecture has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def levels(self, size: InputSize) -> Sequence[Level]:
        """Its levels of cells, finest first."""

    @abstractmethod
    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice."""

    def widths(self, size: InputSize) -> tuple[int, ...]:
        """Channels of each level of cells, finest first."""
        return tuple(level.width for level in self.levels(size))

    def pitches_px(self, size: InputSize) -> tuple[int, ...]:
        """Pitch of each level of cells. Pictures whose sides are multiples of the last have maps that nest."""
        return tuple(level.pitch_px for level in self.levels(size))


class FeaturePyramid(Architecture):
    """Stages of 3x3 convolutions, trained from random weights; `stages` are the channels after each halving."""

    kind: Literal["feature-pyramid"] = "feature-pyramid"
    stages: tuple[int, ...] = Field(min_length=1, max_length=6)
    depth: int = Field(default=2, ge=1, le=8)

    def __str__(self) -> str:
        return f"{self.depth} convolutions each of {', '.join(map(str, self.stages))} channels"

    def stem_stride(self, size: InputSize) -> int:
        """Stride of the stem: 1 below 64 px, above that the stride that keeps the first map 32 to 63 cells wide.

        Half of output_stride_px at most, since the first stage halves the map.
        """
        usual = int(2 ** max(0, math.floor(math.log2(min(size.height, size.width) / 32))))
        return usual if size.output_stride_px is None else min(usual, size.output_stride_px // 2)

    def levels(self, size: InputSize) -> list[Level]:
        """One for each stage."""
        return [Level(width, self.stem_stride(size) << i) for i, width in enumerate(self.stages, start=1)]

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice."""
        stride = self.stem_stride(size)
        area = (size.height // stride) * (size.width // stride)
        before, total = STEM_CHANNELS, 0.0
        for channels in self.stages:
            total += 9 * before * channels * area + 9 * channels * channels * (self.depth - 1) * area / 4
            before, area = channels, area // 4
        return 6 * total / 1e9


class ResNet(Architecture):
    """Residual network (He et al. 2015, arXiv:1512.03385), with the stride in the 3x3 convolution, as in torchvision.

    blocks      of each stage: 2, 2, 2, 2 in ResNet18; 3, 4, 6, 3 in ResNet34 and ResNet50
    bottleneck  whether blocks are three convolutions instead of two, as from ResNet50 on
    """

    kind: Literal["resnet"] = "resnet"
    blocks: tuple[Blocks, Blocks, Blocks, Blocks]
    bottleneck: bool = False

    def __str__(self) -> str:
        return f"ResNet{2 + (3 if self.bottleneck else 2) * sum(self.blocks)}"

    @property
    def expansion(self) -> int:
        """Output channels of a block, as a multiple of those of its 3x3 convolution."""
        return 4 if self.bottleneck else 1

    def stages(self) -> list[tuple[int, int]]:
        """Blocks, and channels of their 3x3 convolutions."""
        return [(blocks, RESNET_STEM << i) for i, blocks in enumerate(self.blocks)]

    def levels(self, size: InputSize) -> list[Level]:
        """The stem, then each stage."""
        stages = [Level(inner * self.expansion, 4 << i) for i, (_, inner) in enumerate(self.stages())]
        finest = min(size.output_stride_px or DEFAULT_STRIDE_PX, stages[-1].pitch_px)
        return [level for level in [Level(RESNET_STEM, 2), *stages] if level.pitch_px >= finest]

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice."""
        area = size.height * size.width / 4
        total, before = 49 * 3 * RESNET_STEM * area, RESNET_STEM
        for blocks, inner in self.stages():
            area, after = area / 4, inner * self.expansion
            first = before * after if before != after else 0
            each = (9 * inner + 2 * after) * inner if self.bottleneck else 18 * inner * inner
            total += (first + blocks * each) * area
            before = after
        return 6 * total / 1e9


class VisionTransformer(Architecture):
    """Transformer over patches (Dosovitskiy et al. 2020, arXiv:2010.11929), as in timm.

    width        channels; VIT_HEAD of them in each head
    layer_scale  whether each branch ends in a gain for each channel, as in DINOv2, which was also trained with
                 another normalisation of pictures
    """

    kind: Literal["vision-transformer"] = "vision-transformer"
    width: int = Field(ge=VIT_HEAD, le=1536, multiple_of=VIT_HEAD)
    depth: int = Field(ge=1, le=48)
    patch_px: int = Field(ge=4, le=32)
    layer_scale: bool = False

    def __str__(self) -> str:
        name = "DINOv2" if self.layer_scale else "Vision Transformer"
        return f"{name} of {self.depth} layers of {self.width} channels on patches of {self.patch_px} px"

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and scale of the pixels that it was trained on, from 0 to 255, for each colour."""
        return (IMAGENET_MEAN, IMAGENET_SCALE) if self.layer_scale else ((127.5,) * 3, (127.5,) * 3)

    def levels(self, size: InputSize) -> list[Level]:
        """A single one, with the channels of the patch and those of the class token."""
        return [Level(2 * self.width, self.patch_px)]

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: 2 FLOP per multiply-add, the backward pass counted twice."""
        patches = size.height * size.width / self.patch_px**2
        layer = 12 * self.width**2 * patches + 2 * self.width * patches**2
        return 6 * (self.depth * layer + 3 * self.patch_px**2 * self.width * patches) / 1e9


class OnnxEncoder(Architecture):
    """A graph of the user's own, which training does not change.

    sha256, size   of the file, whose bytes are kept with the weights
    height, width  in pixels, of the pictures that it takes
    output         shape for one picture: (D,), (N, D) or (D, rows, columns)
    mean, std      of the pixels that it was trained on, from 0 to 1, for each colour
    gigaflop       GFLOP for one picture
    """

    kind: Literal["onnx"] = "onnx"
    sha256: str = Field(pattern="[0-9a-f]{64}")
    size: int = Field(ge=1, le=1 << 30)
    height: int = Field(ge=8, le=1024)
    width: int = Field(ge=8, le=1024)
    output: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=3)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    gigaflop: float = Field(gt=0)

    def __str__(self) -> str:
        return f"a frozen ONNX encoder with {self.channels} channels"

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and scale of the pixels that it was trained on, from 0 to 255, for each colour."""
        return tuple(255 * x for x in self.mean), tuple(255 * x for x in self.std)

    @property
    def channels(self) -> int:
        return self.output[1] if len(self.output) == 2 else self.output[0]

    def levels(self, size: InputSize) -> list[Level]:
        """A single one."""
        cells = math.prod(self.output) // self.channels
        return [Level(self.channels, max(1, math.isqrt(self.height * self.width // cells)))]

    def step_gigaflop(self, size: InputSize) -> float:
        """GFLOP to train on one picture once: there is no backward pass through the graph."""
        return self.gigaflop
