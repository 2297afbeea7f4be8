"""Label: one class, or several, for the whole example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from seehear.answers.label import answer, metric
from seehear.answers.label.answer import Label, LabelSpec

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn

    from seehear.answers import Arrays


class LabelKind:
    name = "label"
    columns: tuple[str, ...] = (
        *("label", "labels", "class", "classes", "category", "categories", "target", "tag", "tags"),
        *("diagnosis", "species", "emotion", "word", "digit", "letter", "condition", "finding"),
    )
    senses: tuple[frozenset[str], ...] = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
    headline = "accuracy"
    blends, whole = True, False
    Spec: type[BaseModel] = LabelSpec

    plan = staticmethod(answer.plan)
    fits = staticmethod(answer.fits)
    read = staticmethod(answer.read)
    stratum = staticmethod(str.strip)
    target = staticmethod(answer.target)
    from_raw = staticmethod(answer.from_raw)
    right = staticmethod(answer.right)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    metrics = staticmethod(metric.metrics)

    def draw(self, compared: Arrays, spec: LabelSpec) -> Image:
        from seehear.answers.label.draw import draw

        return draw(compared, spec)

    def head(self, spec: LabelSpec, width: int) -> nn.Module:
        from seehear.answers.label.head import LabelHead

        return LabelHead(spec, width)


LABEL = LabelKind()

__all__ = ["LABEL", "Label", "LabelSpec"]
