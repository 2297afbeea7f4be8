"""The picture of texts: which words are taken for which others, most often first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import BLUE, FAINT, INK, RED, Sheet, shortened, text_width
from seehear.answers.text.metric import confused, metrics
from seehear.answers.text.spec import TextSpec

Array = NDArray[Any]
MOST_SHOWN = 20
MARGIN, LINE, WORD, BAR = 16, 22, 180, 240  # pixels of the page
NOTHING = "-"


def draw(compared: Mapping[str, Array], spec: TextSpec) -> Image:
    """A bar for each of the most frequent word errors: the word said, the word heard instead, how often."""
    often = Counter(confused(compared["truth"].tolist(), compared["said"].tolist())).most_common(MOST_SHOWN)
    names = [(shortened(truth or NOTHING, WORD), shortened(said or NOTHING, WORD)) for (truth, said), _ in often]
    left, right = (max([text_width(pair[i]) for pair in names] or [0]) for i in (0, 1))
    start = MARGIN + left + 30 + right + 14
    title = _title(compared, spec)
    width = max(start + BAR + 50, MARGIN + text_width(title)) + MARGIN
    sheet = Sheet(width, 44 + LINE * max(len(often), 1) + MARGIN)
    sheet.text((MARGIN, 20), title, color=FAINT)
    for row, ((truth, said), (_, times)) in enumerate(zip(names, often, strict=True)):
        y = 44 + LINE * (row + 0.5)
        sheet.text((MARGIN + left, y), truth, anchor="rm", color=INK if truth != NOTHING else FAINT)
        sheet.text((MARGIN + left + 15, y), "->", anchor="mm", color=FAINT)
        sheet.text((MARGIN + left + 30, y), said, color=RED if said != NOTHING else FAINT)
        long = BAR * times / often[0][1]
        sheet.box((start, y - 6), (long, 12), BLUE)
        sheet.text((start + long + 6, y), f"{times:,}", size=11, color=FAINT)
    if not often:
        sheet.text((MARGIN, 44 + LINE / 2), "no word was wrong")
    return sheet.finished()


def _title(compared: Mapping[str, Array], spec: TextSpec) -> str:
    figures = metrics(compared, spec)
    if spec.translated:
        return (
            f"wished -> written: BLEU {figures['bleu']:.1f}, chrF {figures['chrf']:.1f}; other words may be right too"
        )
    return f"said -> heard: {figures['wer']:.1%} of {int(compared['words'].sum()):,} words are wrong"
