"""Score: one number, with unit and direction, for the whole example."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.score import answer, metric
from seehear.answers.score.answer import Score, ScoreSpec

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
senses: tuple[frozenset[str], ...] = (frozenset({"image"}), frozenset({"audio"}), frozenset({"image", "audio"}))
headline, higher_is_better = "mae", False
blends, whole = True, False
Spec: type[BaseModel] = ScoreSpec

__all__ = [
    "Score",
    "ScoreSpec",
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
