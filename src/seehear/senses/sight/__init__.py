"""Sight: pictures, and frames of videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

from seehear.geometry import Geometry, Grid, Tile, Warp
from seehear.media import Excerpt
from seehear.senses.corruption import Corruption
from seehear.senses.examination import Examiner
from seehear.senses.model_sizing import SizingInputs
from seehear.senses.occlusion import Occlusion
from seehear.senses.sight.architectures import OnnxEncoder, ResNet, VisionTransformer
from seehear.senses.sight.bottleneck_architectures import BottleneckNetwork
from seehear.senses.sight.dicom import may_be_dicom, read_patient_code
from seehear.senses.sight.examine import SightExaminer
from seehear.senses.sight.occlusion import PictureOcclusion
from seehear.senses.sight.plan import SightSpec, plan_sight
from seehear.senses.sight.preprocess import collate, preprocess
from seehear.senses.sight.read import check, read
from seehear.senses.sight.statistics import STATISTICS, compute_statistics
from seehear.senses.sight.tiles import cut_tiles
from seehear.senses.statistic import Statistic

if TYPE_CHECKING:
    from torch import nn

Pixels = NDArray[np.uint8]

THUMBNAIL_PX = 16
GREY_WITHIN = 2  # levels by which the channels of a grey jpeg may differ


class Sight:
    """The `Sense` of pictures: (H, W, C) uint8, C 1 or 3."""

    name = "image"
    noun = "picture"
    attended = "looked"
    media: tuple[str, ...] = ("picture", "video")
    pitch_s: float | None = None
    padding: Literal["constant", "edge"] | None = None
    missing_dependency = ""
    Spec: type[BaseModel] = SightSpec
    statistics: Mapping[str, Statistic] = STATISTICS
    examiner: Examiner | None = SightExaminer()

    def read(self, source: Any) -> Pixels:
        return read(source)

    def check(self, source: Path | Excerpt) -> None:
        check(source)

    def read_metadata(self, file: Path) -> dict[str, str]:
        """The patient of a DICOM file, as a code in place of the patient ID."""
        patient = read_patient_code(file) if may_be_dicom(file) else ""
        return {"patient": patient} if patient else {}

    def grid(self, signal: Pixels) -> Grid:
        return Grid(signal.shape[:2], 1.0, "px")

    def summarise(self, signal: Pixels) -> dict[str, Any]:
        """height, width in pixels; channels, 1 for a grey picture stored in three; constant: whether it has one colour.

        Also a grey thumbnail, (THUMBNAIL_PX, THUMBNAIL_PX) float32, 0 to 255.
        """
        height, width, channels = signal.shape
        grey = channels == 1 or int(np.ptp(signal, axis=2).max()) <= GREY_WITHIN
        small = self.draw(signal).convert("L").resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
        return {
            "height": height,
            "width": width,
            "channels": 1 if grey else channels,
            "constant": bool(np.ptp(signal, axis=(0, 1)).max() == 0),
            "thumbnail": np.asarray(small, np.float32),
        }

    def plan(self, inputs: SizingInputs) -> SightSpec:
        return plan_sight(inputs)

    def cut_tiles(self, grid: Grid, spec: SightSpec, largest_object_px: float) -> Sequence[Tile]:
        return cut_tiles(grid, spec, largest_object_px)

    def preprocess(self, signal: Pixels, spec: SightSpec) -> tuple[Pixels, Warp]:
        return preprocess(signal, spec)

    def compute_statistics(self, preprocessed: Pixels) -> dict[str, float]:
        return compute_statistics(preprocessed)

    def collate(self, preprocessed: Sequence[Pixels | None], spec: SightSpec) -> dict[str, NDArray[Any]]:
        return collate(preprocessed, spec)

    def build_encoder(self, spec: SightSpec) -> nn.Module:
        if isinstance(spec.encoder, BottleneckNetwork):
            from seehear.senses.sight.inverted_bottlenecks import BottleneckEncoder

            return BottleneckEncoder(spec, spec.encoder)
        if isinstance(spec.encoder, ResNet):
            from seehear.senses.sight.resnet import ResNetEncoder

            return ResNetEncoder(spec, spec.encoder)
        if isinstance(spec.encoder, VisionTransformer):
            from seehear.senses.sight.vision_transformer import VisionTransformerEncoder

            return VisionTransformerEncoder(spec, spec.encoder)
        if isinstance(spec.encoder, OnnxEncoder):
            from seehear.senses.sight.onnx_encoder import OnnxSightEncoder

            return OnnxSightEncoder(spec, spec.encoder)
        from seehear.senses.sight.encoder import PyramidEncoder

        return PyramidEncoder(spec, spec.encoder)

    def build_augmentation(self, spec: SightSpec, *, robust: bool = False) -> nn.Module:
        from seehear.senses.sight.augment import AugmentSight

        return AugmentSight(spec, robust=robust)

    def corruptions(self) -> Mapping[str, Corruption]:
        from seehear.senses.picture_corruptions import CORRUPTIONS

        return CORRUPTIONS

    def draw(self, signal: Pixels) -> Image.Image:
        return Image.fromarray(signal if signal.shape[2] == 3 else signal[:, :, 0])

    def occlude(self, preprocessed: Pixels, geometry: Geometry) -> Occlusion:
        return PictureOcclusion(preprocessed, geometry)


SIGHT = Sight()
