"""Runs Whisper's decoder (Radford et al. 2022, arXiv:2212.04356) on one window of sound, for `search_decoder`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.decoding.autoregressive import RunDecoder
from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.errors import BundleError

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NEXT = "next_"  # before the name of an input of the past: the output that replaces it
FRAME_S = 0.02  # duration of a state of the encoder
TIMES = 1501  # tokens for points in time, which are never generated
MIN_LENGTH, TOKENS_PER_FRAME = (
    16,
    0.4,
)  # a text has at most this many tokens, plus 20 per second: more would be an endless loop
MIN_LOOP_TOKENS, MIN_REPEATS = 12, 3  # a loop has at least this many tokens and repetitions

NOTES = tuple("♩♪♫♬♭♮♯")
UNSPOKEN = (
    *('"', *"#()*+/:;<=>@[\\]^_`{|}~「」『』", *NOTES),
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))", "[[", "]]", "{{", "}}"),
    *("♪♪", "♪♪♪"),
)
WITHIN_WORDS = ("-", "'")  # allowed, but not after a space


def list_past_names(blocks: int) -> tuple[str, ...]:
    """Names of the decoder's inputs for the keys and values of the earlier tokens, by block."""
    return tuple(f"past_{what}_{i}" for i in range(blocks) for what in ("key", "value"))


def list_cross_names(blocks: int) -> tuple[str, ...]:
    """Names of the decoder's inputs for the keys and values of the encoder's states, by block."""
    return tuple(f"cross_{what}_{i}" for i in range(blocks) for what in ("key", "value"))


@dataclass(frozen=True)
class SpecialTokens:
    """Numbers of the special tokens. They follow those of the vocabulary in a fixed order.

    languages     codes of the languages, such as "de", in the order of their tokens
    multilingual  whether the prompt names a language and a task; otherwise everything is English
    """

    vocabulary: ByteVocabulary
    languages: tuple[str, ...]
    multilingual: bool

    @property
    def text(self) -> int:
        """The number of text tokens, which is also the number of the end token."""
        return len(self.vocabulary.tokens)

    @property
    def start(self) -> int:
        return self.text + 1

    @property
    def no_speech(self) -> int:
        return self.start + len(self.languages) + 5

    @property
    def previous(self) -> int:
        """Precedes the text of the window before."""
        return self.no_speech - 1

    @property
    def total(self) -> int:
        return self.no_speech + 2 + TIMES

    def build_prompt(self, language: str, translate: bool) -> tuple[int, ...]:
        """The tokens before a text without times."""
        after = self.start + 1 + len(self.languages)
        task = (self.start + 1 + self.languages.index(language), after if translate else after + 1)
        return (self.start, *(task if self.multilingual else ()), self.no_speech + 1)

    @cached_property
    def forbidden(self) -> NDArray[np.float64]:
        """(2, text + 1): -inf for forbidden tokens; the first row is for the first token of a text."""
        bias = np.zeros((2, self.text + 1))
        bias[:, list(_find_unspoken(self.vocabulary))] = -np.inf
        bias[0, [self.vocabulary.numbers.get(b" ", self.text), self.text]] = -np.inf
        return bias


@dataclass(frozen=True)
class _Past:
    """The texts so far: tokens (K, P), with the keys and values (K, heads, P, d) of each block."""

    tokens: Ints
    arrays: tuple[Array, ...]

    def __getitem__(self, rows: Ints) -> _Past:
        if len(rows) == len(self.tokens) and (rows == np.arange(len(rows))).all():
            return self
        return _Past(self.tokens[rows], tuple(array[rows] for array in self.arrays))


class WhisperRunner:
    """The decoder network on one window, of which the first `frames` are sound and the rest is padding.

    Token `edge` ends a text. A prompt precedes the text, with the most likely language unless one is given. Before the
    prompt may come `previous`, tokens that the decoder takes for the text of an earlier window.
    """

    def __init__(
        self,
        run: RunDecoder,
        cross: Mapping[str, Array],
        frames: int,
        special: SpecialTokens,
        *,
        language: str = "",
        translate: bool = False,
        previous: Sequence[int] = (),
    ) -> None:
        self.edge, self.frames = special.text, frames
        self._run, self._special = run, special
        self._cross = {name: np.ascontiguousarray(array, np.float32) for name, array in cross.items()}
        heads, size, _ = self._cross[list_cross_names(1)[0]].shape
        nothing = np.zeros((1, heads, 0, size), np.float32)
        self._names = list_past_names(len(cross) // 2)
        begun = _Past(np.zeros((1, 0), np.int64), (nothing,) * len(self._names))
        beginning = [special.previous, *previous, special.start] if previous else [special.start]
        logits, _, self._begun = self._feed(np.array([beginning]), begun)
        probabilities = np.exp(_log_softmax(logits[0, -1]))
        self.no_speech = float(probabilities[special.no_speech])
        self.languages = self._rank_languages(probabilities)
        self.language = language or max(self.languages, key=self.languages.__getitem__)
        self._prompt = special.build_prompt(self.language, translate)

    @property
    def cells(self) -> int:
        """The maximum number of tokens of a text."""
        return min(MIN_LENGTH + int(TOKENS_PER_FRAME * self.frames), 224)

    def start(self, sequences: int) -> _Past:
        return self._begun[np.zeros(sequences, np.int64)]

    def step(self, tokens: Ints, state: _Past) -> tuple[Floats, _Past]:
        """tokens (K, 1), where the first of a text is the edge -> log probabilities (K, 1, text + 1), new state."""
        first = state.tokens.shape[1] == self._begun.tokens.shape[1]
        if first:
            tokens = np.tile(np.array(self._prompt[1:], np.int64), (len(tokens), 1))
        logits, _, state = self._feed(tokens, state)
        logp = _log_softmax(logits[:, -1, : self.edge + 1] + self._special.forbidden[0 if first else 1])
        written = self._begun.tokens.shape[1] + len(self._prompt) - 1
        for row, own in zip(logp, state.tokens[:, written:].tolist(), strict=True):
            if find_loop(own):
                row[:-1] = -np.inf
                row[-1] = 0
        return logp[:, None], state

    def align(self, token_ids: Sequence[int]) -> Ints:
        """The frame where each token begins, and the end of the last (L + 1,).

        As for Whisper's own word times, the attention of the alignment heads is normalised over tokens and smoothed
        over frames; then follows the monotonic path with the most attention.
        """
        tokens = np.array([[*self._prompt[1:], *token_ids]], np.int64)
        _, attention, _ = self._feed(tokens, self._begun)
        own = attention[0, :, len(self._prompt) - 2 :, : self.frames].astype(np.float64)  # (A, L + 1, N)
        own = (own - own.mean(1, keepdims=True)) / (own.std(1, keepdims=True) + 1e-9)
        matrix = _smooth(own).mean(0)  # row i: the attention for token i; the last row for the end
        return _find_path(matrix)

    def _feed(self, tokens: Ints, past: _Past) -> tuple[Array, Array, _Past]:
        """Logits (K, L, V), attention (K, A, L, N), and the past including these tokens. Raises BundleError."""
        outputs = self._run({"tokens": tokens, **dict(zip(self._names, past.arrays, strict=True)), **self._cross})
        after = tuple(outputs[NEXT + name] for name in self._names)
        together = np.hstack([past.tokens, tokens])
        logits, attention = outputs["logits"], outputs["attention"]
        if logits.shape != (*tokens.shape, self._special.total) or not np.isfinite(logits).all():
            raise BundleError(
                f"the decoder gives logits of shape {logits.shape}",
                allowed=f"{(*tokens.shape, self._special.total)}, finite numbers",
            )
        if any(array.shape[2:3] != together.shape[1:] for array in after):
            raise BundleError("the decoder's past has another length than its tokens")
        return logits, attention, _Past(together, after)

    def _rank_languages(self, probabilities: Floats) -> dict[str, float]:
        """The probability of each language."""
        if not self._special.multilingual:
            return {"en": 1.0}
        first, codes = self._special.start + 1, self._special.languages
        own = probabilities[first : first + len(codes)]
        return dict(zip(codes, (own / own.sum()).tolist(), strict=True))


def find_loop(tokens: Sequence[int]) -> int:
    """The number of tokens at the end of a text that repeat what precedes them; 0 if there is no loop."""
    for length in range(1, len(tokens) // MIN_REPEATS + 1):
        repeats = max(MIN_REPEATS, -(-MIN_LOOP_TOKENS // length))
        if list(tokens[-length * repeats :]) == list(tokens[-length:]) * repeats:
            start = len(tokens) - length * repeats
            while start >= length and tokens[start - length : start] == tokens[-length:]:
                start -= length
            return len(tokens) - start - length
    return 0


def _find_unspoken(vocabulary: ByteVocabulary) -> Iterator[int]:
    """Tokens of symbols that nobody says and that Whisper suppresses too: brackets around noises, notes for music."""
    numbers = vocabulary.numbers
    for symbol in UNSPOKEN:
        for space, written in enumerate((symbol.encode(), f" {symbol}".encode())):
            if symbol in NOTES:  # the longest prefix of its bytes that is a token
                written = next((written[:n] for n in range(len(written), space, -1) if written[:n] in numbers), written)
            if written in numbers:
                yield numbers[written]
    for symbol in WITHIN_WORDS:
        if (written := f" {symbol}".encode()) in numbers:
            yield numbers[written]


def _log_softmax(logits: Array) -> Floats:
    """Over the last axis."""
    shifted = np.asarray(logits, np.float64) - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)), np.float64)


def _smooth(x: Floats) -> Floats:
    """The mean of each number and its three neighbours on either side, over the last axis."""
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(3, 3)], mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 7, axis=-1).mean(-1))


def _find_path(matrix: Floats) -> Ints:
    """matrix (L, N) of scores -> (L,): the frame where each row begins, on the path with the highest sum.

    From one frame to the next, the path stays in its row or moves to the next one.
    """
    rows, frames = matrix.shape
    if rows > frames:
        return np.linspace(0, frames, rows).astype(np.int64)
    score = np.full(rows, -np.inf)
    score[0] = matrix[0, 0]
    moved = np.zeros((frames, rows), np.bool_)
    for frame in range(1, frames):
        before = np.append(-np.inf, score[:-1])
        moved[frame] = before > score
        score = np.maximum(score, before) + matrix[:, frame]
    starts, row = np.zeros(rows, np.int64), rows - 1
    for frame in range(frames - 1, 0, -1):
        if moved[frame, row]:
            starts[row] = frame
            row -= 1
    return starts
