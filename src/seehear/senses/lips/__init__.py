"""Lips: the mouth of the person who speaks in a video, for lip reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from seehear.geometry import Geometry, Grid, Tile, Warp
from seehear.media import Excerpt
from seehear.senses.corruption import Corruption
from seehear.senses.examination import Examiner
from seehear.senses.lips.drawing import draw
from seehear.senses.lips.face import missing_dependency
from seehear.senses.lips.occlusion import ClipOcclusion
from seehear.senses.lips.plan import CELL_S, RATE_HZ, LipsSpec, plan_lips
from seehear.senses.lips.preprocess import collate, preprocess
from seehear.senses.lips.read import check, read
from seehear.senses.model_sizing import SizingInputs
from seehear.senses.occlusion import Occlusion
from seehear.senses.statistic import Statistic

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn

Clip = NDArray[np.uint8]


class Lips:
    """The `Sense` of lips: (T, H, W) uint8, grey, at RATE_HZ frames per second."""

    name = "lips"
    noun = "speaking mouth"
    attended = "watched"
    media: tuple[str, ...] = ("video",)
    pitch_s: float | None = CELL_S
    padding: Literal["constant", "edge"] | None = "edge"
    Spec: type[BaseModel] = LipsSpec
    statistics: Mapping[str, Statistic] = {}
    examiner: Examiner | None = None

    @property
    def missing_dependency(self) -> str:
        return missing_dependency()

    def read(self, source: Any) -> Clip:
        return read(source)

    def check(self, source: Path | Excerpt) -> None:
        check(source)

    def read_metadata(self, file: Path) -> dict[str, str]:
        return {}

    def grid(self, signal: Clip) -> Grid:
        return Grid(signal.shape[:1], 1 / RATE_HZ, "s")

    def summarise(self, signal: Clip) -> dict[str, Any]:
        """seconds; constant: whether nothing moves."""
        return {"seconds": self.grid(signal).duration_s, "constant": bool(np.ptp(signal, axis=0).max() == 0)}

    def plan(self, inputs: SizingInputs) -> LipsSpec:
        return plan_lips(inputs)

    def cut_tiles(self, grid: Grid, spec: LipsSpec, largest_object_px: float) -> Sequence[Tile]:
        return [Tile.all_of(grid)]

    def preprocess(self, signal: Clip, spec: LipsSpec) -> tuple[Clip, Warp]:
        return preprocess(signal, spec)

    def compute_statistics(self, preprocessed: Clip) -> dict[str, float]:
        return {}

    def collate(self, preprocessed: Sequence[Clip | None], spec: LipsSpec) -> dict[str, NDArray[Any]]:
        return collate(preprocessed, spec)

    def build_encoder(self, spec: LipsSpec) -> nn.Module:
        from seehear.senses.lips.encoder import LipsEncoder

        return LipsEncoder(spec)

    def build_augmentation(self, spec: LipsSpec, *, robust: bool = False) -> nn.Module:
        from seehear.senses.lips.augment import AugmentLips

        return AugmentLips(spec, robust=robust)

    def corruptions(self) -> Mapping[str, Corruption]:
        from seehear.senses.lips.corruptions import CORRUPTIONS

        return CORRUPTIONS

    def draw(self, signal: Clip) -> Image:
        return draw(signal)

    def occlude(self, preprocessed: Clip, geometry: Geometry) -> Occlusion:
        return ClipOcclusion(preprocessed, geometry)


LIPS = Lips()
