"""The report's figure for texts: the most frequent word errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import BLUE, FAINT, INK, RED, Canvas, text_width, truncate
from seehear.answers.text.metric import metrics, pair_word_errors
from seehear.answers.text.spec import TextSpec

Array = NDArray[Any]
MAX_ERRORS = 20
MARGIN, TOP, LINE, WORD, BAR = 16, 44, 22, 180, 240  # page pixels
NO_WORD = "-"


def draw(compared: Mapping[str, Array], spec: TextSpec) -> Image:
    """A bar per word error, most frequent first: the true word, the word recognised instead, and its count."""
    errors = Counter(pair_word_errors(compared["truth"].tolist(), compared["text"].tolist())).most_common(MAX_ERRORS)
    pairs = [(truncate(truth or NO_WORD, WORD), truncate(text or NO_WORD, WORD)) for (truth, text), _ in errors]
    left, right = (max([text_width(pair[i]) for pair in pairs] or [0]) for i in (0, 1))
    bars = MARGIN + left + 30 + right + 14
    title = _title(compared, spec)
    width = max(bars + BAR + 50, MARGIN + text_width(title)) + MARGIN
    canvas = Canvas(width, TOP + LINE * max(len(errors), 1) + MARGIN)
    canvas.text((MARGIN, 20), title, color=FAINT)
    for row, ((truth, text), (_, count)) in enumerate(zip(pairs, errors, strict=True)):
        y = TOP + LINE * (row + 0.5)
        canvas.text((MARGIN + left, y), truth, anchor="rm", color=INK if truth != NO_WORD else FAINT)
        canvas.text((MARGIN + left + 15, y), "->", anchor="mm", color=FAINT)
        canvas.text((MARGIN + left + 30, y), text, color=RED if text != NO_WORD else FAINT)
        length = BAR * count / errors[0][1]
        canvas.rectangle((bars, y - 6), (length, 12), BLUE)
        canvas.text((bars + length + 6, y), f"{count:,}", size=11, color=FAINT)
    if not errors:
        canvas.text((MARGIN, TOP + LINE / 2), "no word errors")
    return canvas.to_image()


def _title(compared: Mapping[str, Array], spec: TextSpec) -> str:
    values = metrics(compared, spec)
    if spec.translated:
        scores = f"BLEU {values['bleu']:.1f}, chrF {values['chrf']:.1f}"
        return f"reference -> translation: {scores}; other words may be correct too"
    return f"reference -> recognised: word error rate {values['wer']:.1%} of {int(compared['words'].sum()):,} words"
