"""Text: what is said in a recording, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from seehear.answers.text import answer, metric
from seehear.answers.text.answer import Text, TextSpec, Word

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import nn

    from seehear.answers import Arrays


class TextKind:
    name = "text"
    columns: tuple[str, ...] = (
        *("text", "transcript", "transcription", "transcripts", "sentence", "utterance"),
        *("normalized_text", "translation", "caption", "words", "said"),
    )
    senses: tuple[frozenset[str], ...] = (frozenset({"audio"}),)
    headline = "wer"
    blends, whole = False, True
    Spec: type[BaseModel] = TextSpec

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

    def draw(self, compared: Arrays, spec: TextSpec) -> Image:
        from seehear.answers.text.draw import draw

        return draw(compared, spec)

    def head(self, spec: TextSpec, width: int) -> nn.Module:
        from seehear.answers.text.head import TextHead

        return TextHead(spec, width)


TEXT = TextKind()

__all__ = ["TEXT", "Text", "TextSpec", "Word"]
