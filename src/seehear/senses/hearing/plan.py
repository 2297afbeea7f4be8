"""The size of the hearing encoder, chosen from the recordings and the compute budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

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

WHISPER_SIZES = {"tiny.en": (384, 4), "base": (512, 6)}  # width, layers
WHISPER_LAYERS = {"tiny.en": (1, 3, 4), "base": (1, 4, 6)}  # read if the answer is for a whole recording
WHISPER_MELS = 80
# Side of the kernel and stride of each convolution of wav2vec 2.0: a state every 20 ms, each from 25 ms of sound.
WAV2VEC2_CONVOLUTIONS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
WINDOW_S = 30.0  # of sound at most for which pretrained states attend to each other, as in Whisper's training
TAIL_S = 0.5  # silence added after a recording, as in Whisper's training: without it, the last states are poor

Layers = Annotated[tuple[int, ...], Field(min_length=1)]


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

    @property
    def cell_width(self) -> int:
        return self.width

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


class Whisper(BaseModel):
    """The encoder of Whisper (Radford et al. 2022, arXiv:2212.04356), up to the highest layer that is read.

    size         as published: "tiny.en" was trained on English, "base" on 99 languages
    layers       those whose states are concatenated into the channels of a cell; the first is 1
    frozen       how many of its stages keep their published weights: the convolutions, then its layers
    with_states  whether the states of the last layer are a finer level of cells, for Whisper's decoder
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["whisper"] = "whisper"
    size: Literal["tiny.en", "base"]
    layers: Layers
    frozen: int = Field(default=0, ge=0)
    with_states: bool = False

    @model_validator(mode="after")
    def _check_depth(self) -> Self:
        _check_layers(self.layers, self.depth, self.size)
        return self

    def __str__(self) -> str:
        return f"{_name_layers(self.layers)} of Whisper {self.size}"

    @property
    def width(self) -> int:
        """Channels of its states."""
        return WHISPER_SIZES[self.size][0]

    @property
    def depth(self) -> int:
        """The number of published layers."""
        return WHISPER_SIZES[self.size][1]

    @property
    def highest_layer(self) -> int:
        return self.layers[-1]

    @property
    def cell_width(self) -> int:
        return self.width * len(self.layers)

    def step_gigaflop(self, seconds: float) -> float:
        """GFLOP to train all of it on this much sound once, counted as for ConvRecurrent."""
        states = (seconds + TAIL_S) * 2 / CELL_S
        convolutions = (2 * 3 * WHISPER_MELS + 3 * self.width) * self.width
        layer = 12 * self.width**2 + 2 * states * self.width
        return 6 * states * (convolutions + self.highest_layer * layer) / 1e9


class Wav2Vec2(BaseModel):
    """The encoder of wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477) and HuBERT (Hsu et al. 2021, 2106.07447).

    channels         of the convolutions
    width            channels of the states
    heads, inner     of a Transformer layer: attention heads, and channels of its feed-forward part
    position_kernel, position_groups   of the convolution over states that encodes positions
    group_norm       whether the first convolution is normalised over time, instead of each one over its channels
    pre_norm         whether a layer normalises its inputs, instead of its sums
    convolution_bias whether convolutions have a bias
    scale_input      whether recordings are scaled to mean 0 and variance 1
    published_layers its Transformer layers, of which `layers` are read, as for Whisper
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["wav2vec2"] = "wav2vec2"
    channels: int = Field(ge=1, le=1024)
    width: int = Field(ge=1, le=2048)
    heads: int = Field(ge=1, le=64)
    inner: int = Field(ge=1, le=8192)
    position_kernel: int = Field(ge=1, le=512)
    position_groups: int = Field(ge=1, le=256)
    group_norm: bool
    pre_norm: bool
    convolution_bias: bool
    scale_input: bool
    published_layers: int = Field(ge=1, le=48)
    layers: Layers

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        _check_layers(self.layers, self.published_layers, "wav2vec 2.0")
        if self.width % self.heads or self.width % self.position_groups:
            raise ValueError(
                f"{self.width} channels cannot be divided into {self.heads} heads and {self.position_groups} groups"
            )
        return self

    def __str__(self) -> str:
        return f"{_name_layers(self.layers)} of wav2vec 2.0 of width {self.width}"

    @property
    def cell_width(self) -> int:
        return self.width * len(self.layers)

    def step_gigaflop(self, seconds: float) -> float:
        """GFLOP to train on this much sound once, counted as for ConvRecurrent; its convolutions are frozen."""
        steps, before, frozen = seconds * RATE_HZ, 1, 0.0
        for kernel, stride in WAV2VEC2_CONVOLUTIONS:
            steps /= stride
            frozen += kernel * before * self.channels * steps
            before = self.channels
        positions = self.position_kernel * self.width**2 / self.position_groups
        layer = (4 * self.width + 2 * self.inner + 2 * steps) * self.width
        trained = steps * (self.channels * self.width + positions + self.layers[-1] * layer)
        return (2 * frozen + 6 * trained) / 1e9


HearingEncoderSpec = Annotated[ConvRecurrent | Whisper | Wav2Vec2, Field(discriminator="kind")]


class HearingSpec(BaseModel):
    """One recording is (T,) float32 at RATE_HZ, shortest_s to longest_s long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longest_s: float = Field(gt=0, le=LONGEST_S)
    shortest_s: float = Field(default=SHORTEST_S, gt=0, le=LONGEST_S)
    encoder: HearingEncoderSpec
    augmentation_strength: float = Field(default=0.5, ge=0, le=1)
    requires_full_input: bool = False  # reject recordings longer than longest_s instead of cutting them
    heavy_noise: bool = False  # augment with much louder noise, because another sense can help

    def __str__(self) -> str:
        return f"up to {self.longest_s:g} s, {self.encoder}"

    @property
    def cell_width(self) -> int:
        return self.encoder.cell_width

    def step_gigaflop(self, seconds: float) -> float:
        """GFLOP to train on one recording of this length once."""
        return self.encoder.step_gigaflop(seconds)


def plan_hearing(inputs: SizingInputs) -> HearingSpec:
    """The pretrained encoder, or else the largest of MODEL_SIZES that the budget can train for enough epochs.

    longest_s follows from the 98th percentile of lengths, or is LONGEST_S if the answer requires the full input.
    """
    seconds = np.array([fact["seconds"] for fact in inputs.summaries])
    usual_s = LONGEST_S if inputs.requires_full_input else np.quantile(seconds, 0.98) * 1.25
    sizes = _list_sizes(inputs) if inputs.pretrained is None else [_plan_pretrained(inputs.pretrained, inputs)]
    encoder, passes = inputs.choose_size(sizes, TEMPORAL_EPOCHS.wanted)
    return HearingSpec(
        longest_s=round(float(np.clip(usual_s, 2 * SHORTEST_S, LONGEST_S)), 2),
        encoder=encoder,
        augmentation_strength=TEMPORAL_EPOCHS.augmentation_strength(passes),
        requires_full_input=inputs.requires_full_input,
        heavy_noise=inputs.has_aligned_sense,
    )


def _list_sizes(inputs: SizingInputs) -> list[HearingEncoderSpec]:
    top_hz = float(np.clip(np.median([fact["top_hz"] for fact in inputs.summaries]), 2_000, RATE_HZ / 2))
    return [ConvRecurrent(top_hz=round(top_hz, -2), stages=stages, width=width) for stages, width in MODEL_SIZES]


def _plan_pretrained(published: Mapping[str, Any], inputs: SizingInputs) -> HearingEncoderSpec:
    """Reads the last layer, which is best for words, if the answer requires the full input; otherwise several.

    The head for a whole recording can then choose channels: those of the first layer identify the speaker, those of the
    middle are best for other sounds. For words of unseen speakers, three layers were as good as the last alone.
    """
    if published["kind"] == "whisper":
        layers = WHISPER_LAYERS[published["size"]]
    else:
        depth = published["published_layers"]
        layers = tuple(sorted({1, -(-2 * depth // 3), depth}))
    chosen = layers[-1:] if inputs.requires_full_input else layers
    spec: HearingEncoderSpec = TypeAdapter(HearingEncoderSpec).validate_python({"layers": chosen, **published})
    return spec


def _check_layers(layers: tuple[int, ...], depth: int, name: str) -> None:
    if list(layers) != sorted({*layers}) or not 1 <= layers[0] <= layers[-1] <= depth:
        raise ValueError(f"layers of {name} are numbers from 1 to {depth}, in ascending order")


def _name_layers(layers: tuple[int, ...]) -> str:
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {', '.join(map(str, layers))}"
