"""What a pyramid for sight looks like: sizes that follow from the pictures, the examples and the budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from seehear.senses.model_sizing import EpochTargets, SizingInputs

SMALLEST_PX, LARGEST_PX = 16, 224
LONGEST_EXTRA = 3.0  # pictures longer than this times their height are letterboxed to it
ROUND_PX = 8  # sides larger than 64 px are rounded to this

# Channels of the last stage, and how many convolutions each stage has, from the cheapest pyramid to the dearest.
# On 32 px pictures these cost about 0.07, 0.20, 0.34, 0.52 and 1.0 GFLOP to learn from one example once.
MODEL_SIZES = ((96, 2), (192, 2), (256, 2), (320, 2), (384, 3))
# Where it matters what is where: the longest side in pixels before these two. On 480 x 352 px pictures the last six
# cost 0.8, 1.5, 2.5, 4.9, 7.0 and 11 GFLOP to look at one once, and three times as much to learn from it; a head
# that decodes them adds a third to the larger ones.
DENSE_MODEL_SIZES = (
    *((160, 96, 2), (224, 128, 2), (320, 128, 2)),
    *((480, 128, 2), (480, 192, 2), (480, 256, 2), (480, 320, 3), (480, 384, 3), (480, 480, 3)),
)
MOST_ONE_WAY = 0.6  # share of pictures nearer to their class than their mirror images are, where both are alike
FEWEST_STEPS = 500  # before a larger network pays: few pictures are met often before that many steps are made
IMAGE_EPOCHS = EpochTargets(wanted=6.5, plain=16.0, varied=128.0)
DENSE_EPOCHS = EpochTargets(wanted=60.0, plain=16.0, varied=128.0)  # such sets are small, and every example is varied

Side = Annotated[int, Field(ge=1)]


class SightSpec(BaseModel):
    """One picture is (height, width, channels) uint8; the pyramid has `stages` channels at each halving."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: int = Field(ge=8, le=1024)
    width: int = Field(ge=8, le=1024)
    channels: int = Field(ge=1, le=3)
    stages: tuple[int, ...] = Field(min_length=1, max_length=6)
    depth: int = Field(default=2, ge=1, le=8)
    mirror: bool = False  # whether a mirrored picture has the same answer
    augmentation_strength: float = Field(default=0.5, ge=0, le=1)
    output_stride_px: int | None = Field(default=None, ge=2, le=64)  # at most; None: by size
    training_px: tuple[Side, Side] | None = None  # height and width of the pictures learned from; None: as prepared

    def __str__(self) -> str:
        colour = "grey" if self.channels == 1 else "colour"
        stages = ", ".join(map(str, self.stages))
        return f"{self.width} x {self.height} px in {colour}, {self.depth} convolutions each of {stages} channels"

    @property
    def cell_width(self) -> int:
        return self.stages[-1]

    @property
    def training_shape(self) -> tuple[int, int]:
        """Height and width of the pictures that were learned from; the prepared ones' where a recipe does not tell."""
        return self.training_px or (self.height, self.width)

    @property
    def stem_stride(self) -> int:
        """Pixels between neighbours of the first map: 1 below 64 px, then what keeps that map 32 to 63 cells wide.

        Half of output_stride_px at most, since the first stage halves the map.
        """
        usual = int(2 ** max(0, math.floor(math.log2(min(self.height, self.width) / 32))))
        return usual if self.output_stride_px is None else min(usual, self.output_stride_px // 2)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the coarsest map."""
        step = self.stem_stride * 2 ** len(self.stages)
        return max(1, self.height // step), max(1, self.width // step)

    def step_gigaflop(self, seconds: float = 0.0) -> float:
        """Work to learn from one picture once: 2 FLOP a multiply-add, forward, and twice that backward."""
        area = (self.height // self.stem_stride) * (self.width // self.stem_stride)
        before, total = 24, 0.0  # channels after the stem
        for channels in self.stages:
            total += 9 * before * channels * area + 9 * channels * channels * (self.depth - 1) * area / 4
            before, area = channels, area // 4
        return 6 * total / 1e9


def plan_sight(inputs: SizingInputs) -> SightSpec:
    """The largest pyramid of MODEL_SIZES that sees every picture often enough, for pictures of the usual size."""
    channels = 3 if any(fact["channels"] > 1 for fact in inputs.summaries) else 1
    if inputs.output_stride_px is None:
        sizes, often = _whole(inputs, channels), IMAGE_EPOCHS
        wanted = max(often.wanted, FEWEST_STEPS / inputs.steps_per_epoch if inputs.steps_per_epoch else 0.0)
        mirror = mirror_keeps_class(np.stack([fact["thumbnail"] for fact in inputs.summaries]), inputs.strata)
    else:
        sizes, often, mirror = _of_places(inputs, channels), DENSE_EPOCHS, True  # the answer is mirrored too
        wanted = often.wanted
    spec, passes = inputs.choose_size(sizes, SightSpec.step_gigaflop, wanted)
    return spec.model_copy(update={"augmentation_strength": often.augmentation_strength(passes), "mirror": mirror})


def _whole(inputs: SizingInputs, channels: int) -> list[SightSpec]:
    height, width = _common_size(inputs.summaries)
    return [
        SightSpec(height=height, width=width, channels=channels, stages=_stages(last), depth=depth)
        for last, depth in MODEL_SIZES
    ]


def _of_places(inputs: SizingInputs, channels: int) -> list[SightSpec]:
    """Pictures as large as they come, up to the size's, and a map for each halving down to the one that sees all."""
    area, aspect = _usual(inputs.summaries)
    sizes = []
    for longest_px, last, depth in DENSE_MODEL_SIZES:
        side = max(SMALLEST_PX, min(math.sqrt(area), longest_px / math.sqrt(max(aspect, 1 / aspect))))
        size = SightSpec(
            height=_rounded(side / math.sqrt(aspect)),
            width=_rounded(side * math.sqrt(aspect)),
            channels=channels,
            stages=(max(16, last // 8), last // 4, last // 2, last),
            depth=depth,
            output_stride_px=inputs.output_stride_px,
            training_px=(max(1, round(math.sqrt(area / aspect))), max(1, round(math.sqrt(area * aspect)))),
        )
        step = size.stem_stride * 2 ** len(size.stages)  # sides of whole coarsest cells, so that all maps nest
        sides = {name: max(step, round(getattr(size, name) / step) * step) for name in ("height", "width")}
        sizes.append(size.model_copy(update=sides))
    return sizes


def mirror_keeps_class(thumbnails: NDArray[np.float32], strata: Sequence[str]) -> bool:
    """Whether a mirrored picture (of n, H, W) could as well be one of its class.

    Compares how near each picture, and how near its mirror image, comes to another of its class. Of photos the one
    is nearer as often as the other; of what has a left and a right, such as letters and chests, the picture itself
    is, in nine of ten. Without classes, no.
    """
    classes = np.unique(np.asarray(strata), return_inverse=True)[1]
    if classes.max(initial=0) == 0:
        return False
    another_of_class = classes[:, None] == classes  # (n, n)
    np.fill_diagonal(another_of_class, False)
    pictures, mirrored = _unit(thumbnails), _unit(thumbnails[:, :, ::-1])
    nearest, nearest_mirrored = (
        np.where(another_of_class, near @ pictures.T, -np.inf).max(1) for near in (pictures, mirrored)
    )
    comparable = another_of_class.any(1)
    return bool((nearest > nearest_mirrored)[comparable].mean() <= MOST_ONE_WAY) if comparable.any() else False


def _unit(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, H, W) -> (n, H * W) centred, of length 1: products are correlations."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(1, keepdims=True)
    unit: NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit


def _stages(last: int) -> tuple[int, ...]:
    """Fewer channels where the maps are large and convolutions wait for memory: an eighth, a half, all of them."""
    return max(16, last // 8), last // 2, last


def _common_size(facts: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """The median size, kept within bounds; aspect from the median aspect, so most pictures fill their frame."""
    area, aspect = _usual(facts)
    side = float(np.clip(np.sqrt(area), SMALLEST_PX, LARGEST_PX))
    return _rounded(side / math.sqrt(aspect)), _rounded(side * math.sqrt(aspect))


def _usual(facts: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The median area in pixels, and the median of width by height, within bounds."""
    heights = np.array([fact["height"] for fact in facts])
    widths = np.array([fact["width"] for fact in facts])
    aspect = float(np.clip(np.median(widths / heights), 1 / LONGEST_EXTRA, LONGEST_EXTRA))
    return float(np.median(heights * widths)), aspect


def _rounded(side_px: float) -> int:
    step = 1 if side_px <= 64 else ROUND_PX
    return max(8, round(side_px / step) * step)
