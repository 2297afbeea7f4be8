"""Boxes: what is where in a picture, each thing with its class."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.boxes import answer as answer
from seehear.answers.boxes import metric as metric
from seehear.answers.boxes.answer import Boxes as Boxes
from seehear.answers.boxes.answer import BoxesSpec as BoxesSpec
from seehear.answers.boxes.box import Box as Box

name = "boxes"
columns: tuple[str, ...] = ("boxes", "objects", "bboxes", "bbox", "detections", "bounding_boxes")
auxiliary_columns: tuple[str, ...] = ()
senses: tuple[frozenset[str], ...] = (frozenset({"image"}),)
supports_mixup, requires_full_input = False, True
item = Boxes.item
output_stride_px: int | None = 8
Spec: type[BaseModel] = BoxesSpec
