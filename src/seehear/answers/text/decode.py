"""Decodes the network's outputs into the n best texts: CTC beam search for transcripts, the decoder for translations.

For Whisper's decoder, see `whisper`, and `joint` for the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from seehear.answers.kind import RunDecoder
from seehear.answers.text.joint import JOINT_WEIGHTS, Proposal, propose
from seehear.answers.text.spec import TextSpec
from seehear.answers.text.whisper import transcribe
from seehear.decoding.autoregressive import ConditionedDecoder, DecodedSequence, rank_sequences, search_decoder
from seehear.decoding.ctc_beam_search import BEAMS, CTCBeamSearch, SearchWeights
from seehear.decoding.hypothesis import Hypothesis

Array = NDArray[Any]
Searched = Mapping[str, Array] | Proposal

HOTWORD_WEIGHT = 2.0  # log odds for each token of a hotword that the language model does not know
# Weights of log probabilities (language, decoder) and of the number of tokens; the exponent of the length penalty.
TRANSCRIPT_WEIGHTS = {"language": 0.4, "insertion": 0.6, "decoder": 0.3}
TRANSLATION_WEIGHTS = {"language": 0.0, "length": 1.0}


def search(raw: Mapping[str, Array], spec: TextSpec, run_decoder: RunDecoder | None) -> Searched:
    """What does not depend on tuned weights: the texts that Whisper's decoder proposes beside CTC, otherwise `raw`."""
    return propose(raw, spec, _require(run_decoder)) if spec.whisper is not None and spec.has_ctc else raw


def decode_n_best(
    raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float], run_decoder: RunDecoder | None
) -> tuple[list[Hypothesis], str]:
    """The hypotheses, and the detected language, or "" if none is detected.

    raw: logp (N, V + 1) and, if there is a decoder, memory (N, D), of which the first `cells` () are not padding; or
    for Whisper's decoder alone, what `transcribe` reads.
    """
    if spec.whisper is not None:
        return transcribe(raw, spec.whisper, _require(run_decoder))
    return _decode_learned(raw, spec, calibration, run_decoder), ""


def _decode_learned(
    raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float], run_decoder: RunDecoder | None
) -> list[Hypothesis]:
    weights = get_weights(spec, calibration)
    if spec.translated:
        return rank_translations(search_translations(raw, spec, run_decoder), spec, weights)
    hypotheses = search_transcripts(raw, spec, calibration)
    if spec.decoder is None or not weights["decoder"]:
        return hypotheses
    return rescore(hypotheses, score_with_decoder(hypotheses, raw, spec, run_decoder), weights["decoder"])


def get_weights(spec: TextSpec, calibration: Mapping[str, float]) -> dict[str, float]:
    """The weights tuned on held-out examples, or else the defaults."""
    usual = TRANSLATION_WEIGHTS if spec.translated else TRANSCRIPT_WEIGHTS
    defaults = usual if spec.whisper is None else JOINT_WEIGHTS
    return {name: calibration.get(name, value) for name, value in defaults.items()}


def search_transcripts(raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float]) -> list[Hypothesis]:
    """Search with CTC, language model and hotwords, without the decoder."""
    weights = get_weights(spec, calibration)
    search = CTCBeamSearch(
        spec.language_model,
        spec.compiled_hotwords,
        SearchWeights(weights["language"], weights["insertion"], HOTWORD_WEIGHT),
    )
    search.feed(raw["logp"][: int(raw["cells"])])
    return search.n_best(BEAMS, finished=True)


def score_with_decoder(
    hypotheses: Sequence[Hypothesis], raw: Mapping[str, Array], spec: TextSpec, run_decoder: RunDecoder | None
) -> Array:
    """(K,) log probability of each by the decoder."""
    return _make_decoder(raw, spec, run_decoder).score([each.token_ids for each in hypotheses])


def rescore(hypotheses: Sequence[Hypothesis], decoder_logp: Array, weight: float) -> list[Hypothesis]:
    """Add the weighted decoder_logp (K,) to the scores and sort again."""
    rescored = (
        replace(each, score=each.score + weight * logp)
        for each, logp in zip(hypotheses, decoder_logp.tolist(), strict=True)
    )
    return sorted(rescored, key=lambda each: -each.score)


def search_translations(
    raw: Mapping[str, Array], spec: TextSpec, run_decoder: RunDecoder | None
) -> list[DecodedSequence]:
    """Unordered."""
    return search_decoder(_make_decoder(raw, spec, run_decoder), spec.compiled_hotwords, HOTWORD_WEIGHT)


def rank_translations(
    translations: Sequence[DecodedSequence], spec: TextSpec, weights: Mapping[str, float]
) -> list[Hypothesis]:
    return rank_sequences(
        translations,
        spec.language_model if weights["language"] else None,  # not built if its weight is 0
        language_weight=weights["language"],
        length_exponent=weights["length"],
    )


def _make_decoder(raw: Mapping[str, Array], spec: TextSpec, run_decoder: RunDecoder | None) -> ConditionedDecoder:
    cells = max(int(raw["cells"]), 1)  # the decoder needs a cell to attend to, even if only of padding
    return ConditionedDecoder(_require(run_decoder), raw["memory"][:cells], len(spec.tokens))


def _require(run_decoder: RunDecoder | None) -> RunDecoder:
    if run_decoder is None:
        raise ValueError("Expected run_decoder, as the spec has a decoder")
    return run_decoder
