"""What can be explained of a text: how well its letters fit the sound or the lips, all of them or those of a word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from numpy.typing import NDArray

from seehear.answers.quantity import Quantity
from seehear.answers.text.answer import Text
from seehear.answers.text.normalisation import normalise
from seehear.answers.text.spec import TextSpec
from seehear.decoding.ctc_score import score_ctc

MARGIN_CELLS = 4  # before and after a word, within which its letters may be

Arrays = Mapping[str, NDArray[Any]]


def list_quantities(answer: Text, raw: Arrays, spec: TextSpec, calibration: Mapping[str, float]) -> list[Quantity]:
    """The mean probability of the letters of the whole text, then of each word with times. None without a CTC output
    for the text: a translation, or Whisper's decoder alone."""
    if not spec.has_ctc or spec.translated:
        return []
    cells, cell_s = int(raw["cells"]), float(raw["cell_s"])
    spans = {"text": (str(answer), 0, cells)} | {
        f"word {number}": (word.text, *_find_cells(word.start_s, word.end_s, cell_s, cells))
        for number, word in enumerate(answer.words, 1)
        if word.timed
    }
    guess = 1 / len(spec.ctc_tokens)
    return [
        Quantity(
            name=name,
            what="the mean probability of the letters" + ("" if name == "text" else f" of {name}, “{text}”,"),
            measure=partial(_measure, tokens=tokens, start=start, end=end),
            without_input=guess,
        )
        for name, (text, start, end) in spans.items()
        if (tokens := spec.encode(normalise(text)))
    ]


def _find_cells(start_s: float, end_s: float, cell_s: float, cells: int) -> tuple[int, int]:
    return max(0, round(start_s / cell_s) - MARGIN_CELLS), min(cells, round(end_s / cell_s) + MARGIN_CELLS)


def _measure(raw: Arrays, tokens: list[int], start: int, end: int) -> float:
    """The geometric mean of the probabilities of the tokens in some of the cells."""
    return math.exp(score_ctc(raw["logp"][start:end], tokens) / len(tokens))
