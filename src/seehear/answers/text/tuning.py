"""Tunes the weights of language model, token count, decoder and length penalty on held-out examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.kind import RunDecoder
from seehear.answers.text.decode import (
    TRANSCRIPT_WEIGHTS,
    TRANSLATION_WEIGHTS,
    Searched,
    rank_translations,
    rescore,
    score_with_decoder,
    search_transcripts,
    search_translations,
)
from seehear.answers.text.joint import JOINT_WEIGHTS, Proposal
from seehear.answers.text.similarity import compute_bleu, count_bleu, find_edits
from seehear.answers.text.spec import TextSpec
from seehear.decoding.whisper import FRAME_S

Array = NDArray[Any]
Examples = Sequence[Mapping[str, Array]]
TRANSCRIPT_GRID = {"language": (0.0, 0.2, 0.4, 0.7, 1.0, 1.4), "insertion": (-0.5, 0.0, 0.6, 1.2, 2.0)}
DECODER_GRID = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5)
JOINT_GRID = {
    "ctc": (0.0, 0.1, 0.2, 0.3, 0.5, 0.8),
    "language": (0.0, 0.05, 0.1, 0.2, 0.4),
    "insertion": (0.0, 0.25, 0.5, 1.0, 1.5),
}
TRANSLATION_GRID = {"length": (0.0, 0.5, 1.0, 1.5), "language": (0.0, 0.2, 0.5)}
MAX_TUNING_S = 600.0  # of sound, as each value costs a search through all of it


def tune_weights(
    examples: Sequence[Searched], truths: Sequence[str], spec: TextSpec, run_decoder: RunDecoder | None
) -> dict[str, float]:
    """Minimise word errors or, for translations, maximise BLEU; one weight after the other.

    Uses the first of the examples, up to MAX_TUNING_S of sound.
    """
    end_s = np.cumsum([_measure_s(example) for example in examples])
    used = max(1, int(np.searchsorted(end_s, MAX_TUNING_S, side="right")))
    examples, truths = examples[:used], truths[:used]
    if proposals := [each for each in examples if isinstance(each, Proposal)]:
        return _tune_joint(proposals, truths)
    raws = [each for each in examples if not isinstance(each, Proposal)]
    if spec.translated:
        return _tune_translations(raws, truths, spec, run_decoder)

    def count_errors(weights: Mapping[str, float]) -> float:
        best = (search_transcripts(example, spec, weights)[0].token_ids for example in raws)
        return _count_word_errors(best, truths, spec)

    defaults = {name: TRANSCRIPT_WEIGHTS[name] for name in TRANSCRIPT_GRID}
    weights = _search_grid(defaults, TRANSCRIPT_GRID, count_errors)
    return weights | (_tune_decoder(raws, truths, spec, run_decoder, weights) if spec.decoder is not None else {})


def _measure_s(example: Searched) -> float:
    """The duration of an example in seconds."""
    if isinstance(example, Proposal):
        return example.runner.frames * FRAME_S
    return float(example["cells"] * example["cell_s"])


def _tune_decoder(
    examples: Examples,
    truths: Sequence[str],
    spec: TextSpec,
    run_decoder: RunDecoder | None,
    weights: Mapping[str, float],
) -> dict[str, float]:
    """The smallest of the best weights: if it is 0, the decoder need not run."""
    n_best = [search_transcripts(example, spec, weights) for example in examples]
    logp = [
        score_with_decoder(each, example, spec, run_decoder) for each, example in zip(n_best, examples, strict=True)
    ]

    def count_errors(weight: float) -> float:
        best = (rescore(each, own, weight)[0].token_ids for each, own in zip(n_best, logp, strict=True))
        return _count_word_errors(best, truths, spec)

    return {"decoder": min(DECODER_GRID, key=lambda weight: (count_errors(weight), weight))}


def _tune_translations(
    examples: Examples, truths: Sequence[str], spec: TextSpec, run_decoder: RunDecoder | None
) -> dict[str, float]:
    translations = [search_translations(example, spec, run_decoder) for example in examples]

    def loss(weights: dict[str, float]) -> float:
        best = [spec.decode(rank_translations(each, spec, weights)[0].token_ids) for each in translations]
        return -compute_bleu(count_bleu(best, truths).sum(0))

    return _search_grid(TRANSLATION_WEIGHTS, TRANSLATION_GRID, loss)


def _tune_joint(proposals: Sequence[Proposal], truths: Sequence[str]) -> dict[str, float]:
    def count_errors(weights: dict[str, float]) -> float:
        ranked = (proposal.rank(weights) for proposal in proposals)
        return _count_edits((each[0].text if each else "" for each in ranked), truths)

    return _search_grid(JOINT_WEIGHTS, JOINT_GRID, count_errors)


def _search_grid(
    defaults: Mapping[str, float], grid: Mapping[str, Sequence[float]], loss: Callable[[dict[str, float]], float]
) -> dict[str, float]:
    """Tune one weight after the other, the others fixed. Ties go to the value nearest to the default."""
    weights = dict(defaults)
    for name, values in grid.items():
        losses = {value: loss(weights | {name: value}) for value in values}
        weights[name] = min(values, key=lambda value: (losses[value], abs(value - defaults[name])))
    return weights


def _count_word_errors(token_ids: Iterable[Sequence[int]], truths: Sequence[str], spec: TextSpec) -> float:
    return _count_edits(map(spec.decode, token_ids), truths)


def _count_edits(texts: Iterable[str], truths: Sequence[str]) -> float:
    pairs = zip(truths, texts, strict=True)
    return float(np.sum([len(find_edits(truth.split(), text.split())) for truth, text in pairs]))
