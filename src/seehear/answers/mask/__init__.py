"""Mask: a class for every pixel of a picture."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.mask import answer as answer
from seehear.answers.mask import metric as metric
from seehear.answers.mask.answer import Mask as Mask
from seehear.answers.mask.spec import MaskSpec as MaskSpec

name = "mask"
columns: tuple[str, ...] = ("mask", "masks", "segmentation", "annotation", "label_map", "labelmap", "annotation_mask")
auxiliary_columns: tuple[str, ...] = ()
senses: tuple[frozenset[str], ...] = (frozenset({"image"}),)
supports_mixup, requires_full_input = False, False
item = Mask.item
output_stride_px: int | None = 4
Spec: type[BaseModel] = MaskSpec
