"""Hearing: recordings, and the sound tracks of videos."""

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
from seehear.senses.hearing.examine import HearingExaminer
from seehear.senses.hearing.occlusion import SoundOcclusion
from seehear.senses.hearing.plan import CELL_S, RATE_HZ, HearingSpec, Wav2Vec2, Whisper, plan_hearing
from seehear.senses.hearing.preprocess import collate, preprocess
from seehear.senses.hearing.read import check, read
from seehear.senses.hearing.spectrum import draw, top_hz
from seehear.senses.hearing.statistics import STATISTICS, compute_statistics
from seehear.senses.model_sizing import SizingInputs
from seehear.senses.occlusion import Occlusion
from seehear.senses.statistic import Statistic

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn

Samples = NDArray[np.float32]


class Hearing:
    """The `Sense` of sound: (T,) float32 at RATE_HZ, one channel."""

    name = "audio"
    noun = "recording"
    attended = "listened"
    media: tuple[str, ...] = ("recording", "video")
    pitch_s: float | None = CELL_S
    padding: Literal["constant", "edge"] | None = "constant"
    missing_dependency = ""
    Spec: type[BaseModel] = HearingSpec
    statistics: Mapping[str, Statistic] = STATISTICS
    examiner: Examiner | None = HearingExaminer()

    def read(self, source: Any) -> Samples:
        return read(source)

    def check(self, source: Path | Excerpt) -> None:
        check(source)

    def read_metadata(self, file: Path) -> dict[str, str]:
        return {}

    def grid(self, signal: Samples) -> Grid:
        return Grid(signal.shape, 1 / RATE_HZ, "s")

    def summarise(self, signal: Samples) -> dict[str, Any]:
        """seconds; top_hz: the highest frequency with any signal; constant: whether it is silent."""
        return {
            "seconds": self.grid(signal).duration_s,
            "top_hz": top_hz(signal),
            "constant": float(np.ptp(signal)) == 0,
        }

    def plan(self, inputs: SizingInputs) -> HearingSpec:
        return plan_hearing(inputs)

    def cut_tiles(self, grid: Grid, spec: HearingSpec, largest_object_px: float) -> Sequence[Tile]:
        return [Tile.all_of(grid)]

    def preprocess(self, signal: Samples, spec: HearingSpec) -> tuple[Samples, Warp]:
        return preprocess(signal, spec)

    def compute_statistics(self, preprocessed: Samples) -> dict[str, float]:
        return compute_statistics(preprocessed)

    def collate(self, preprocessed: Sequence[Samples | None], spec: HearingSpec) -> dict[str, NDArray[Any]]:
        return collate(preprocessed, spec)

    def build_encoder(self, spec: HearingSpec) -> nn.Module:
        if isinstance(spec.encoder, Whisper):
            from seehear.senses.hearing.whisper import WhisperEncoder

            return WhisperEncoder(spec.encoder, spec.augmentation_strength)
        if isinstance(spec.encoder, Wav2Vec2):
            from seehear.senses.hearing.wav2vec2 import Wav2Vec2Encoder

            return Wav2Vec2Encoder(spec.encoder, spec.augmentation_strength)
        from seehear.senses.hearing.encoder import ConvRecurrentEncoder

        return ConvRecurrentEncoder(spec.encoder, spec.augmentation_strength)

    def build_augmentation(self, spec: HearingSpec, *, robust: bool = False) -> nn.Module:
        from seehear.senses.hearing.augment import AugmentHearing

        return AugmentHearing(spec, robust=robust)

    def corruptions(self) -> Mapping[str, Corruption]:
        from seehear.senses.hearing.corruptions import CORRUPTIONS

        return CORRUPTIONS

    def draw(self, signal: Samples) -> Image:
        return draw(signal)

    def occlude(self, preprocessed: Samples, geometry: Geometry) -> Occlusion:
        return SoundOcclusion(preprocessed, geometry)


HEARING = Hearing()
