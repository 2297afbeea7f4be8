"""Masks that are probably wrong: many more of their pixels differ from what models are sure of than elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seehear.amounts import format_probability
from seehear.answers.mask.answer import Mask, known_pixels
from seehear.answers.mask.levels import CONFIDENCES
from seehear.answers.mask.metric import compare
from seehear.answers.mask.spec import MaskSpec
from seehear.answers.suspect import Suspect

FAR = 3.0  # interquartile ranges above the upper quartile: Tukey's far out, 1 of 400,000 in a normal distribution
LEAST = 0.02  # share of a picture's pixels that is worth a look
FEWEST = 20  # masks that have quartiles worth the name


def find_suspects(answers: Sequence[Mask], truths: Sequence[Mask], spec: MaskSpec) -> Iterator[Suspect]:
    """answers: of models that have not learned from these pictures; truths: what the data say."""
    if len(answers) < FEWEST:
        return
    compared = compare(answers, truths, spec)
    pixels = np.maximum(compared["levels"].sum(1), 1)
    wrong = compared["wrong_levels"].sum(1) / pixels
    expected = compared["levels"] @ (1 - CONFIDENCES) / pixels
    excess = wrong - expected
    low, high = np.quantile(excess, (0.25, 0.75))
    limit = max(LEAST, high + FAR * (high - low))
    for row in np.argsort(-excess, kind="stable").tolist():
        if excess[row] <= limit:
            return
        said, found = _most_confused(answers[row], truths[row], spec)
        shares = f"{format_probability(wrong[row])} of its pixels differ, {format_probability(expected[row])} expected"
        yield Suspect(row, "mask", None, f"{shares}: most of them say {said!r}, where {found!r} is found")


def _most_confused(answer: Mask, truth: Mask, spec: MaskSpec) -> tuple[str, str]:
    """The true and the found class of most of the pixels that differ."""
    found, said, _ = known_pixels(answer, truth)
    differ = found != said
    codes = said[differ].astype(np.int64) * 256 + found[differ]
    best = int(np.bincount(codes).argmax())
    return spec.classes[best // 256], spec.classes[best % 256]
