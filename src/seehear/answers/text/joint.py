"""Transcripts by Whisper's decoder and CTC together: the decoder proposes texts, and both choose between them.

The decoder alone may leave out or repeat words; CTC, which reads every cell, finds such texts improbable (Watanabe et
al. 2017, "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from seehear.answers.text.spec import TextSpec
from seehear.answers.text.whisper import place_tokens, search_transcripts
from seehear.decoding.autoregressive import DecodedSequence, RunDecoder
from seehear.decoding.ctc_score import score_ctc
from seehear.decoding.hypothesis import Hypothesis
from seehear.decoding.whisper import WhisperRunner

Array = NDArray[Any]

# Weights of log probabilities, relative to the decoder's, and the bonus for each of its tokens.
JOINT_WEIGHTS = {"ctc": 0.3, "language": 0.1, "insertion": 0.5}


@dataclass(frozen=True)
class Proposal:
    """The texts that the decoder proposes for one example.

    silent   whether CTC recognises no letter, as in silence
    """

    runner: WhisperRunner
    candidates: Sequence[Candidate]
    silent: bool

    def rank(self, weights: Mapping[str, float]) -> list[Candidate]:
        """Best first. None for silence, unless CTC has no weight, as it has learned too little."""
        if self.silent and weights["ctc"]:
            return []
        return sorted(self.candidates, key=lambda each: -each.score(weights))

    def choose(self, weights: Mapping[str, float]) -> list[Hypothesis]:
        """The hypotheses, best first. Only the tokens of the best have times."""
        if not (ranked := self.rank(weights)):
            return [Hypothesis((), 0.0)]
        best, *others = ranked
        hypotheses = [place_tokens(best.sequence, self.runner), *(each.sequence.to_hypothesis() for each in others)]
        return [replace(each, score=own.score(weights)) for each, own in zip(hypotheses, ranked, strict=True)]


@dataclass(frozen=True)
class Candidate:
    """A text proposed by the decoder, with the log probabilities that each part gives it."""

    sequence: DecodedSequence
    text: str
    ctc: float
    language: float

    def score(self, weights: Mapping[str, float]) -> float:
        decoder = sum(self.sequence.logp) + weights["insertion"] * len(self.sequence.token_ids)
        return decoder + weights["ctc"] * self.ctc + weights["language"] * self.language


def propose(raw: Mapping[str, Array], spec: TextSpec, run_decoder: RunDecoder) -> Proposal:
    """What the decoder proposes. Raises ValueError for a Spec without Whisper's decoder."""
    if spec.whisper is None:
        raise ValueError("Expected a Spec with Whisper's decoder")
    logp = raw["logp"][: int(raw["cells"])]
    runner, sequences = search_transcripts(raw, spec.whisper, run_decoder)
    silent = bool((logp.argmax(1) == logp.shape[1] - 1).all())
    return Proposal(runner, [_score(each, logp, spec) for each in sequences], silent)


def _score(sequence: DecodedSequence, logp: Array, spec: TextSpec) -> Candidate:
    text = spec.decode(sequence.token_ids)
    letters = spec.encode(text)
    return Candidate(sequence, text, score_ctc(logp, letters), spec.language_model.score(letters))
