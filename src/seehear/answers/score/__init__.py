"""Score: one number, with unit and direction, for the whole example."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.score import answer as answer
from seehear.answers.score import metric as metric
from seehear.answers.score.answer import Score as Score
from seehear.answers.score.answer import ScoreSpec as ScoreSpec

name = "score"
columns: tuple[str, ...] = (
    "score",
    "scores",
    "rating",
    "value",
    "target_value",
    "measurement",
    "severity",
    "amount",
)
auxiliary_columns: tuple[str, ...] = ()
senses: tuple[frozenset[str], ...] = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
supports_mixup, requires_full_input = True, False
item = ""
output_stride_px: int | None = None
Spec: type[BaseModel] = ScoreSpec
