"""The size of the sight encoder, chosen from the pictures and the compute budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from seehear.errors import UsageError
from seehear.senses.model_sizing import EpochTargets, SizingInputs
from seehear.senses.sight.architectures import FeaturePyramid, InputSize, OnnxEncoder, ResNet, VisionTransformer
from seehear.senses.sight.bottleneck_architectures import BottleneckNetwork, EfficientNetLite, MobileNetV2, MobileNetV3

SMALLEST_PX, LARGEST_PX = 16, 224
LONGEST_EXTRA = 3.0  # largest aspect ratio; more extreme pictures are letterboxed
ROUND_PX = 8  # sides above 64 px are multiples of this

# (channels of the last stage, convolutions per stage), cheapest first. Training on one 32 px picture costs about
# 0.07, 0.20, 0.34, 0.52 and 1.0 GFLOP.
MODEL_SIZES = ((96, 2), (192, 2), (256, 2), (320, 2), (384, 3))
# For answers with positions: (longest side in pixels, channels of the last stage, convolutions per stage). On
# 480 x 352 px pictures the last six cost 0.8, 1.5, 2.5, 4.9, 7.0 and 11 GFLOP for a forward pass, three times as much
# for a training step; a decoding head adds a third to the larger ones.
DENSE_MODEL_SIZES = (
    *((160, 96, 2), (224, 128, 2), (320, 128, 2)),
    *((480, 128, 2), (480, 192, 2), (480, 256, 2), (480, 320, 3), (480, 384, 3), (480, 480, 3)),
)
# For pretrained encoders: the side in pixels of a square picture. Small pictures are enlarged, as these encoders were
# trained on large ones: photos of 32 px gain two points from 128 to 160 px, and none beyond.
PRETRAINED_SIDES_PX, MOST_ENLARGED_PX = (96, 128, 160, 192, 224), 160
PRETRAINED_DENSE_SIDES_PX = (160, 224, 320, 480)  # longest side, for answers with positions
FROZEN_SHARE = 0.4  # of a pretrained network: 1.5 times as many steps, as good or better
PRETRAINED_STRENGTH = 0.4  # of augmentation at most, for answers without positions: stronger costs 1 to 2 points
MOST_ONE_WAY = 0.6  # up to this share of pictures nearer to their class than their mirror images, mirroring is allowed
FEWEST_STEPS = 500  # fewest training steps before a larger network is better
IMAGE_EPOCHS = EpochTargets(wanted=6.5, plain=16.0, varied=128.0)
PRETRAINED_EPOCHS = EpochTargets(
    wanted=15.0, plain=2.0, varied=64.0
)  # they need fewer epochs, and few examples need augmentation
PRETRAINED_DENSE_EPOCHS = EpochTargets(wanted=25.0, plain=16.0, varied=128.0)
DENSE_EPOCHS = EpochTargets(wanted=60.0, plain=16.0, varied=128.0)  # small data sets, strong augmentation

Side = Annotated[int, Field(ge=1)]
SightEncoderSpec = Annotated[
    FeaturePyramid | EfficientNetLite | MobileNetV2 | MobileNetV3 | ResNet | VisionTransformer | OnnxEncoder,
    Field(discriminator="kind"),
]


class SightSpec(BaseModel):
    """Pictures are (height, width, channels) uint8."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: int = Field(ge=8, le=1024)
    width: int = Field(ge=8, le=1024)
    channels: int = Field(ge=1, le=3)
    encoder: SightEncoderSpec
    mirror: bool = False  # whether a mirrored picture has the same answer
    augmentation_strength: float = Field(default=0.5, ge=0, le=1)
    output_stride_px: int | None = Field(default=None, ge=2, le=64)  # at most; None: by size
    training_px: tuple[Side, Side] | None = None  # height and width of the training pictures; None: as preprocessed

    def __str__(self) -> str:
        colour = "grey" if self.channels == 1 else "colour"
        return f"{self.width} x {self.height} px in {colour}, {self.encoder}"

    @property
    def cell_width(self) -> int:
        return self.encoder.widths(self.input_size)[-1]

    @property
    def training_shape(self) -> tuple[int, int]:
        """Height and width of the training pictures, or of preprocessed ones if unknown."""
        return self.training_px or (self.height, self.width)

    @property
    def input_size(self) -> InputSize:
        return InputSize(self.height, self.width, self.output_stride_px)

    def step_gigaflop(self, seconds: float = 0.0) -> float:
        """GFLOP to train on one picture once."""
        return self.encoder.step_gigaflop(self.input_size)


def plan_sight(inputs: SizingInputs) -> SightSpec:
    """The largest of MODEL_SIZES that the budget can train for enough epochs, at the median picture size.

    With a pretrained encoder, the largest pictures instead.
    """
    channels = 3 if any(fact["channels"] > 1 for fact in inputs.summaries) else 1
    if inputs.output_stride_px is None:
        sizes, targets = _image_sizes(inputs, channels), PRETRAINED_EPOCHS if inputs.pretrained else IMAGE_EPOCHS
        wanted = targets.wanted
        if inputs.steps_per_epoch and not inputs.pretrained:
            wanted = max(wanted, FEWEST_STEPS / inputs.steps_per_epoch)
        mirror = mirror_keeps_class(np.stack([fact["thumbnail"] for fact in inputs.summaries]), inputs.strata)
    else:
        targets = PRETRAINED_DENSE_EPOCHS if inputs.pretrained else DENSE_EPOCHS
        sizes, wanted, mirror = _dense_sizes(inputs, channels), targets.wanted, True  # the answer is mirrored as well
    spec, passes = inputs.choose_size(sizes, wanted)
    strength = targets.augmentation_strength(passes)
    if inputs.pretrained and inputs.output_stride_px is None:
        strength = min(strength, PRETRAINED_STRENGTH)
    return spec.model_copy(update={"augmentation_strength": strength, "mirror": mirror})


def _image_sizes(inputs: SizingInputs, channels: int) -> list[SightSpec]:
    """Sizes for answers without positions: networks for pictures of one size, or a pretrained network for several."""
    if inputs.pretrained is None:
        height, width = _common_size(inputs.summaries)
        encoders = [FeaturePyramid(stages=_stage_channels(last), depth=depth) for last, depth in MODEL_SIZES]
        return [SightSpec(height=height, width=width, channels=channels, encoder=encoder) for encoder in encoders]
    encoder = _freeze_lower(inputs.pretrained)
    if isinstance(encoder, OnnxEncoder):
        return [SightSpec(height=encoder.height, width=encoder.width, channels=channels, encoder=encoder)]
    area, aspect = _median_size(inputs.summaries)
    largest_px = max(MOST_ENLARGED_PX, math.sqrt(area))
    sides = [side for side in PRETRAINED_SIDES_PX if side <= largest_px]
    return [_nest(_scale(side, aspect, channels=channels, encoder=encoder)) for side in sides]


def _freeze_lower(pretrained: Mapping[str, Any]) -> SightEncoderSpec:
    """The architecture of a pretrained encoder, with its lower bottlenecks frozen if it has bottlenecks."""
    encoder: SightEncoderSpec = TypeAdapter(SightEncoderSpec).validate_python(pretrained)
    return encoder.freeze(FROZEN_SHARE) if isinstance(encoder, BottleneckNetwork) else encoder


def _dense_sizes(inputs: SizingInputs, channels: int) -> list[SightSpec]:
    """Sizes for answers with positions: pictures of the median size, up to the longest side of each model size."""
    if inputs.pretrained is not None and inputs.pretrained["kind"] == "onnx":
        raise UsageError(
            "an ONNX encoder has cells of one size; answers with positions need finer ones as well",
            allowed="an encoder with cells of several sizes, such as efficientnet-lite0",
            hint="--start auto chooses one",
        )
    area, aspect = _median_size(inputs.summaries)
    if inputs.pretrained is None:
        sizes: list[tuple[int, Any]] = [(px, _dense_pyramid(last, depth)) for px, last, depth in DENSE_MODEL_SIZES]
    else:
        encoder = _freeze_lower(inputs.pretrained)
        sizes = [(px, encoder) for px in PRETRAINED_DENSE_SIDES_PX]
    values = {
        "channels": channels,
        "output_stride_px": inputs.output_stride_px,
        "training_px": (max(1, round(math.sqrt(area / aspect))), max(1, round(math.sqrt(area * aspect)))),
    }
    specs = [
        _nest(_scale(min(math.sqrt(area), px / math.sqrt(max(aspect, 1 / aspect))), aspect, encoder=encoder, **values))
        for px, encoder in sizes
    ]
    finest, wanted = specs[0].encoder.pitches_px(specs[0].input_size)[0], inputs.output_stride_px
    if wanted is not None and finest > wanted:
        raise UsageError(
            f"the cells of {specs[0].encoder} are too coarse for answers with positions: {finest} px",
            allowed=f"an encoder with cells of {wanted} px, such as efficientnet-lite0",
            hint="--start auto chooses one",
        )
    return specs


def _scale(side: float, aspect: float, **values: Any) -> SightSpec:
    """A Spec for pictures of this aspect ratio, as large as a square of this side."""
    side = max(SMALLEST_PX, side)
    height, width = _round_side(side / math.sqrt(aspect)), _round_side(side * math.sqrt(aspect))
    return SightSpec(height=height, width=width, **values)


def _nest(spec: SightSpec) -> SightSpec:
    """The Spec with sides that are multiples of the coarsest cells, so that all maps nest."""
    step = spec.encoder.pitches_px(spec.input_size)[-1]
    sides = {name: max(step, round(getattr(spec, name) / step) * step) for name in ("height", "width")}
    return spec.model_copy(update=sides)


def _dense_pyramid(last: int, depth: int) -> FeaturePyramid:
    return FeaturePyramid(stages=(max(16, last // 8), last // 4, last // 2, last), depth=depth)


def mirror_keeps_class(thumbnails: NDArray[np.float32], strata: Sequence[str]) -> bool:
    """Whether mirroring thumbnails (n, H, W) keeps their class.

    Compares the distance of each picture, and of its mirror image, to its nearest neighbour of the same class. For
    photos, either is nearer about equally often; for things with a left and a right, such as letters and chest X-rays,
    the picture itself is nearer nine times out of ten. False without classes.
    """
    classes = np.unique(np.asarray(strata), return_inverse=True)[1]
    if classes.max(initial=0) == 0:
        return False
    another_of_class = classes[:, None] == classes  # (n, n)
    np.fill_diagonal(another_of_class, False)
    pictures, mirrored = _normalise(thumbnails), _normalise(thumbnails[:, :, ::-1])
    nearest, nearest_mirrored = (
        np.where(another_of_class, near @ pictures.T, -np.inf).max(1) for near in (pictures, mirrored)
    )
    comparable = another_of_class.any(1)
    return bool((nearest > nearest_mirrored)[comparable].mean() <= MOST_ONE_WAY) if comparable.any() else False


def _normalise(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, H, W) -> (n, H * W), centred and of unit length, so that products are correlations."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(1, keepdims=True)
    unit: NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit


def _stage_channels(last: int) -> tuple[int, ...]:
    """Fewer channels in large maps, where convolutions are memory-bound: an eighth, a half, all."""
    return max(16, last // 8), last // 2, last


def _common_size(facts: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Height and width with the median area and the median aspect ratio, within bounds."""
    area, aspect = _median_size(facts)
    side = float(np.clip(np.sqrt(area), SMALLEST_PX, LARGEST_PX))
    return _round_side(side / math.sqrt(aspect)), _round_side(side * math.sqrt(aspect))


def _median_size(facts: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """(median area in pixels, median aspect ratio within bounds)."""
    heights = np.array([fact["height"] for fact in facts])
    widths = np.array([fact["width"] for fact in facts])
    aspect = float(np.clip(np.median(widths / heights), 1 / LONGEST_EXTRA, LONGEST_EXTRA))
    return float(np.median(heights * widths)), aspect


def _round_side(side_px: float) -> int:
    step = 1 if side_px <= 64 else ROUND_PX
    return max(8, round(side_px / step) * step)
