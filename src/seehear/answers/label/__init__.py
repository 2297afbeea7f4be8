"""Label: one class, or several, for the whole example."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.label import answer as answer
from seehear.answers.label import metric as metric
from seehear.answers.label.answer import Label as Label
from seehear.answers.label.answer import LabelSpec as LabelSpec

name = "label"
columns: tuple[str, ...] = (
    *("label", "labels", "class", "classes", "category", "categories", "target", "tag", "tags"),
    *("diagnosis", "species", "emotion", "word", "digit", "letter", "condition", "finding"),
)
auxiliary_columns: tuple[str, ...] = ()
senses: tuple[frozenset[str], ...] = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
supports_mixup, requires_full_input = True, False
item = ""
output_stride_px: int | None = None
Spec: type[BaseModel] = LabelSpec
