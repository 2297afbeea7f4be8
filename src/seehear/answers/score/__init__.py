"""Score: one number, with unit and direction, for the whole example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from seehear.answers.score import answer, metric
from seehear.answers.score.answer import Score, ScoreSpec

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn

    from seehear.answers import Arrays


class ScoreKind:
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
    headline = "mae"
    blends, whole = True, False
    Spec: type[BaseModel] = ScoreSpec

    plan = staticmethod(answer.plan)
    fits = staticmethod(answer.fits)
    read = staticmethod(answer.read)
    stratum = staticmethod(answer.stratum)
    target = staticmethod(answer.target)
    from_raw = staticmethod(answer.from_raw)
    right = staticmethod(answer.right)
    calibrate = staticmethod(metric.calibrate)
    compare = staticmethod(metric.compare)
    metrics = staticmethod(metric.metrics)

    def draw(self, compared: Arrays, spec: ScoreSpec) -> Image:
        from seehear.answers.score.draw import draw

        return draw(compared, spec)

    def head(self, spec: ScoreSpec, width: int) -> nn.Module:
        from seehear.answers.score.head import ScoreHead

        return ScoreHead(spec, width)


SCORE = ScoreKind()

__all__ = ["SCORE", "Score", "ScoreSpec"]
