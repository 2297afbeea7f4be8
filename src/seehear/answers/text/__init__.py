"""Text: what is said in a recording or a video, word by word, or what that means in another language."""

from __future__ import annotations

from pydantic import BaseModel

from seehear.answers.text import answer as answer
from seehear.answers.text import metric as metric
from seehear.answers.text.answer import Text as Text
from seehear.answers.text.spec import TextSpec as TextSpec
from seehear.answers.text.word import Word as Word

name = "text"
columns: tuple[str, ...] = (
    *("text", "transcript", "transcription", "transcripts", "sentence", "utterance"),
    *("normalized_text", "translation", "caption", "words", "said"),
)
# What was said itself, beside which another column of text is a translation. "transcript" and "sentence" are none:
# there may be a text and its transcript in other letters, and taking that for a translation loses its times.
auxiliary_columns: tuple[str, ...] = (
    "source_text",
    "src_text",
    "source_transcript",
    "source_sentence",
    "original_text",
)
senses: tuple[frozenset[str], ...] = (frozenset({"audio"}), frozenset({"lips"}), frozenset({"audio", "lips"}))
supports_mixup, requires_full_input = False, True
item = Text.item
output_stride_px: int | None = None
Spec: type[BaseModel] = TextSpec
