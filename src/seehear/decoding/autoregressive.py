"""Beam search over an autoregressive decoder, which predicts each token from the ones before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from seehear.decoding.hotwords import Hotwords
from seehear.decoding.hypothesis import Hypothesis, Token
from seehear.decoding.language_model import LanguageModel
from seehear.errors import BundleError

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
RunDecoder = Callable[[Mapping[str, Array]], Mapping[str, Array]]  # inputs by name -> outputs by name

LAYERS = 2  # of the decoder network, each with a state
BEAMS = 8


StateT = TypeVar("StateT", bound="State")


class State(Protocol):
    """A decoder's state for K sequences; rows can be selected."""

    def __getitem__(self: StateT, rows: Any, /) -> StateT: ...


class SequenceDecoder(Protocol):
    """The interface that `search_decoder` needs; see `ConditionedDecoder`. `cells` limits the length of a sequence."""

    edge: int

    @property
    def cells(self) -> int: ...

    def start(self, sequences: int) -> Any: ...

    def step(self, tokens: Ints, state: Any) -> tuple[Floats, Any]: ...


class ConditionedDecoder:
    """A decoder network and the cells (N, D) of one example that it attends to.

    Token V, the `edge`, stands before the first and after the last token of a sequence.
    """

    def __init__(self, run: RunDecoder, memory: Array, vocabulary: int) -> None:
        self.edge = vocabulary
        self._run = run
        self._memory = np.ascontiguousarray(memory, np.float32)

    @property
    def cells(self) -> int:
        return len(self._memory)

    def start(self, sequences: int) -> Array:
        """(K, LAYERS, D): the state before the first token."""
        return np.zeros((sequences, LAYERS, self._memory.shape[1]), np.float32)

    def step(self, tokens: Ints, state: Array) -> tuple[Floats, Array]:
        """tokens (K, L), state (K, LAYERS, D) -> log probabilities of the token after each (K, L, V + 1), new state.

        Raises BundleError if the network returns anything else.
        """
        outputs = self._run({"memory": self._memory, "tokens": tokens, "state": state})
        for name, shape in (("logp", (*tokens.shape, self.edge + 1)), ("next_state", state.shape)):
            if outputs[name].shape != shape or not np.isfinite(outputs[name]).all():
                raise BundleError(
                    f"the decoder gives {name} of shape {outputs[name].shape}", allowed=f"{shape}, finite numbers"
                )
        return np.asarray(outputs["logp"], np.float64), outputs["next_state"]

    def score(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """(K,): log probability of each complete sequence, in one run of the network."""
        longest = max(map(len, sequences))
        tokens = np.full((len(sequences), longest + 2), self.edge)
        for row, sequence in zip(tokens, sequences, strict=True):
            row[1 : 1 + len(sequence)] = sequence
        logp, _ = self.step(tokens[:, :-1], self.start(len(sequences)))
        each = np.take_along_axis(logp, tokens[:, 1:, None], 2)[:, :, 0]  # (K, L + 1)
        ends = np.array([len(sequence) for sequence in sequences])
        total: Floats = (each * (np.arange(longest + 1) <= ends[:, None])).sum(1)
        return total


@dataclass(frozen=True)
class DecodedSequence:
    """A complete sequence: its tokens, their log probabilities followed by that of the end, and its hotword bonus."""

    token_ids: tuple[int, ...]
    logp: tuple[float, ...]
    hotword_bonus: float

    def to_hypothesis(self) -> Hypothesis:
        """All tokens get frame 0: the decoder does not say where in time they were heard."""
        tokens = zip(self.token_ids, self.logp, strict=False)
        return Hypothesis(tuple(Token(token, 0, float(np.exp(logp))) for token, logp in tokens), sum(self.logp))


@dataclass
class _Beams:
    """K unfinished sequences of the same length L - 1, best first."""

    tokens: Ints  # (K, L), the edge first
    logp: Floats  # (K, L - 1) of each token but the edge
    score: Floats  # (K,) sum of logp and hotword bonus
    hotword_state: NDArray[Any]  # (K,)
    state: State  # of the decoder

    def select(self, index: Ints) -> _Beams:
        return _Beams(*(getattr(self, field.name)[index] for field in fields(self)))


def search_decoder(
    decoder: SequenceDecoder, hotwords: Hotwords | None, hotword_weight: float, *, beams: int = BEAMS
) -> list[DecodedSequence]:
    """Complete sequences, unordered. Each step extends all beams by one token and keeps the best `beams`.

    Each complete sequence takes the place of a beam, so the search ends; at the latest after as many tokens as there
    are cells.
    """
    edge = decoder.edge
    bonus: NDArray[np.float32] = np.zeros((1, edge + 1), np.float32)
    next_state, start = np.zeros((1, edge), np.int32), 0
    if hotwords is not None:
        bonus, next_state, start = hotwords.bonus * np.float32(hotword_weight), hotwords.next_state, hotwords.start
    active = _Beams(np.full((1, 1), edge), np.zeros((1, 0)), np.zeros(1), np.array([start]), decoder.start(1))
    finished: list[DecodedSequence] = []
    for _ in range(decoder.cells + 1):
        logp, state = decoder.step(active.tokens[:, -1:], active.state)
        score = active.score[:, None] + logp[:, 0] + bonus[active.hotword_state]  # (K, V + 1)
        best = _find_best(score.ravel(), beams - len(finished))
        beam, token = best // (edge + 1), best % (edge + 1)
        extended = active.select(beam)
        extended.tokens = np.hstack([extended.tokens, token[:, None]])
        extended.logp = np.hstack([extended.logp, logp[beam, 0, token][:, None]])
        extended.score, extended.state = score.ravel()[best], state[beam]
        ended = token == edge
        finished += _finish(extended.select(np.flatnonzero(ended)))
        if len(finished) >= beams:
            return finished
        active = extended.select(np.flatnonzero(~ended))
        if not len(active.tokens):
            return finished
        active.hotword_state = next_state[active.hotword_state, active.tokens[:, -1]]
    return finished or _finish(active)


def rank_sequences(
    sequences: Sequence[DecodedSequence],
    language_model: LanguageModel | None,
    *,
    language_weight: float,
    length_exponent: float,
) -> list[Hypothesis]:
    """Best first by (log p of the decoder + language_weight * log p of the language model) / length penalty + hotwords.

    Longer sequences are less likely because of their length alone. The penalty, ((5 + tokens) / 6) ** length_exponent,
    is from Wu et al. 2016 (arXiv:1609.08144, section 7).
    """

    def rank(sequence: DecodedSequence) -> float:
        logp = sum(sequence.logp)
        if language_model is not None:
            logp += language_weight * language_model.score(sequence.token_ids)
        penalty = float(((5 + len(sequence.token_ids)) / 6) ** length_exponent)
        return logp / penalty + sequence.hotword_bonus

    return [sequence.to_hypothesis() for sequence in sorted(sequences, key=rank, reverse=True)]


def _find_best(scores: Floats, n: int) -> Ints:
    """The indices of the n highest scores, best first."""
    best = np.sort(np.argpartition(-scores, n - 1)[:n]) if n < len(scores) else np.arange(len(scores))
    return best[np.argsort(-scores[best], kind="stable")]


def _finish(beams: _Beams) -> list[DecodedSequence]:
    """The beams as complete sequences, without edges."""
    edge = beams.tokens[0, 0] if len(beams.tokens) else 0
    rows = zip(beams.tokens.tolist(), beams.logp.tolist(), beams.score.tolist(), strict=True)
    return [
        DecodedSequence(tuple(token for token in tokens if token != edge), tuple(logp), score - sum(logp))
        for tokens, logp, score in rows
    ]
