"""All that an example may say, likeliest first: a transcript as it was heard, a translation as it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from seehear.answers.ask import Ask
from seehear.answers.text.asking import Asked
from seehear.answers.text.search import BEAMS, Hypothesis, Search, Weights
from seehear.answers.text.spec import TextSpec
from seehear.answers.text.translate import Written, ranked, written

Array = NDArray[Any]

HOTWORD_WEIGHT = 2.0  # log odds for a token of a hotword, where the language lacks it wholly
# What one log probability of the language or of the decoder, and a token, weigh; and the exponent of a text's length.
USUAL_TRANSCRIPT = {"language": 0.4, "insertion": 0.6, "decoder": 0.3}
USUAL_TRANSLATION = {"language": 0.0, "length": 1.0}


def hypotheses(
    raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float], ask: Ask | None
) -> list[Hypothesis]:
    """raw: logp (N, V + 1) and, where there is a decoder to `ask`, memory (N, D), of which `cells` () are real."""
    if spec.translated:
        own = weights(spec, calibration)
        return ranked(translations(raw, spec, ask), spec.automaton if own["language"] else None, own)
    heard = transcripts(raw, spec, calibration)
    weight = weights(spec, calibration)["decoder"]
    if not spec.decoder or not weight:
        return heard
    return reordered(heard, judged(heard, raw, spec, ask), weight)


def weights(spec: TextSpec, calibration: Mapping[str, float]) -> dict[str, float]:
    """As they were chosen on held-out examples, or the usual ones."""
    usual = USUAL_TRANSLATION if spec.translated else USUAL_TRANSCRIPT
    return {name: calibration.get(name, value) for name, value in usual.items()}


def transcripts(raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float]) -> list[Hypothesis]:
    """By what was heard and by the language alone."""
    own = weights(spec, calibration)
    guides = Weights(language=own["language"], insertion=own["insertion"], hotword=HOTWORD_WEIGHT)
    search = Search(spec.automaton, spec.hotword_bias, guides)
    search.feed(raw["logp"][: int(raw["cells"])])
    return search.best(BEAMS, finished=True)


def judged(heard: Sequence[Hypothesis], raw: Mapping[str, Array], spec: TextSpec, ask: Ask | None) -> Array:
    """(K,) log probability of each by the decoder."""
    return _asked(raw, spec, ask).total([each.tokens for each in heard])


def reordered(heard: Sequence[Hypothesis], by_decoder: Array, weight: float) -> list[Hypothesis]:
    """The same, scored by the decoder (K,) too."""
    totals = [each.score + weight * by for each, by in zip(heard, by_decoder.tolist(), strict=True)]
    scored = (replace(each, score=total) for each, total in zip(heard, totals, strict=True))
    return sorted(scored, key=lambda each: -each.score)


def translations(raw: Mapping[str, Array], spec: TextSpec, ask: Ask | None) -> list[Written]:
    """In no order."""
    return written(_asked(raw, spec, ask), spec.hotword_bias, HOTWORD_WEIGHT)


def _asked(raw: Mapping[str, Array], spec: TextSpec, ask: Ask | None) -> Asked:
    if ask is None:
        raise ValueError("Expected a decoder to ask, as the Spec has one")
    return Asked(ask, raw, len(spec.tokens))
