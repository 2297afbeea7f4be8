"""Label: one class, or several, for the whole example."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.label import answer, metric
from seehear.answers.label.answer import Label, LabelSpec

name = "label"
columns: tuple[str, ...] = (
    *("label", "labels", "class", "classes", "category", "categories", "target", "tag", "tags"),
    *("diagnosis", "species", "emotion", "word", "digit", "letter", "condition", "finding"),
)
senses: tuple[frozenset[str], ...] = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
headline, higher_is_better = "accuracy", True
blends, whole = True, False
Spec: type[BaseModel] = LabelSpec

__all__ = [
    "Label",
    "LabelSpec",
    "Spec",
    "answer",
    "blends",
    "columns",
    "headline",
    "higher_is_better",
    "metric",
    "name",
    "senses",
    "whole",
]
