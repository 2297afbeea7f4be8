"""Transcribes with Whisper's decoder: from the encoder's keys and values to hypotheses with times and words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.text.whisper_spec import WhisperSpec
from seehear.answers.text.word import DecodedWord
from seehear.decoding.autoregressive import DecodedSequence, RunDecoder, search_decoder
from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.decoding.hypothesis import Hypothesis, Token
from seehear.decoding.whisper import FRAME_S, WhisperRunner, find_loop

Array = NDArray[Any]

BEAMS = 5  # 45 % word errors on learners' English instead of 52 % with one, for a tenth more time
MIN_PROBABILITY = 1e-6  # of a language in a window, so that one window cannot rule it out
NO_SPEECH, UNSURE_LOGP = 0.3, -0.8  # no speech: above the first, and below the second on average per token


def transcribe(raw: Mapping[str, Array], spec: WhisperSpec, run_decoder: RunDecoder) -> tuple[list[Hypothesis], str]:
    """The hypotheses, best first, and the code of the detected language."""
    runner, sequences = search_transcripts(raw, spec, run_decoder)
    best, *others = sorted(sequences, key=_average_logp, reverse=True)
    unsure = runner.no_speech > NO_SPEECH and _average_logp(best) < UNSURE_LOGP
    if unsure or not any(map(str.isalnum, spec.tokeniser.decode(best.token_ids))):
        return [Hypothesis((), 0.0)], runner.language
    return [place_tokens(best, runner), *(each.to_hypothesis() for each in others)], runner.language


def _average_logp(sequence: DecodedSequence) -> float:
    return sum(sequence.logp) / len(sequence.logp)


def search_transcripts(
    raw: Mapping[str, Array], spec: WhisperSpec, run_decoder: RunDecoder
) -> tuple[WhisperRunner, list[DecodedSequence]]:
    """The decoder with its input, and the most probable transcripts, unordered, without loops."""
    runner = _start(raw, spec, run_decoder)
    return runner, list(map(_cut_loop, search_decoder(runner, None, 0.0, beams=BEAMS)))


def detect_language(raws: Sequence[Mapping[str, Array]], spec: WhisperSpec, run_decoder: RunDecoder) -> str:
    """The code of the language with the highest mean log probability over windows of one recording."""
    windows = [_start(raw, spec, run_decoder).languages for raw in raws]
    return max(windows[0], key=lambda code: sum(math.log(max(each[code], MIN_PROBABILITY)) for each in windows))


def _start(raw: Mapping[str, Array], spec: WhisperSpec, run_decoder: RunDecoder) -> WhisperRunner:
    states = max(int(raw["states"]), 1)
    cross = {name: raw[name][..., :states] if "key" in name else raw[name][:, :states] for name in spec.cross_shapes}
    frames = max(round(float(raw["cells"] * raw["cell_s"]) / FRAME_S), 1)
    return WhisperRunner(
        run_decoder,
        cross,
        frames,
        spec.special,
        language=spec.language,
        translate=spec.translate,
        previous=spec.hotword_tokens,
    )


def split_bytes(hypothesis: Hypothesis, vocabulary: ByteVocabulary, cells: int) -> list[DecodedWord]:
    """Split tokens into words: a word begins at a token with a leading space, and ends where the next begins."""
    groups = list(_group(hypothesis.tokens, vocabulary))
    starts = [group[0].frame for group in groups]
    words = [
        DecodedWord(
            text=vocabulary.decode(token.id for token in group).strip(),
            start=start,
            end=max(end, start + 1),
            confidence=math.prod(token.probability for token in group) ** (1 / len(group)),
        )
        for group, start, end in zip(groups, starts, [*starts[1:], cells][: len(starts)], strict=True)
    ]
    return [word for word in words if word.text]


def _group(tokens: Sequence[Token], vocabulary: ByteVocabulary) -> Iterator[list[Token]]:
    group: list[Token] = []
    for token in tokens:
        if group and vocabulary.tokens[token.id].startswith(b" "):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _cut_loop(sequence: DecodedSequence) -> DecodedSequence:
    """The sequence without the repetitions at its end."""
    cut = find_loop(sequence.token_ids)
    if not cut:
        return sequence
    kept = len(sequence.token_ids) - cut
    return DecodedSequence(
        sequence.token_ids[:kept], (*sequence.logp[:kept], sequence.logp[-1]), sequence.hotword_bonus
    )


def place_tokens(sequence: DecodedSequence, runner: WhisperRunner) -> Hypothesis:
    """The hypothesis with the frame where each token begins."""
    frames = runner.align(sequence.token_ids).tolist()
    tokens = zip(sequence.token_ids, frames, np.exp(sequence.logp).tolist(), strict=False)
    return Hypothesis(tuple(Token(*each) for each in tokens), sum(sequence.logp))
