"""CTC beam search: from the log probabilities of each frame to the most likely token sequences."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.decoding.hotwords import Hotwords
from seehear.decoding.hypothesis import Backpointer, Hypothesis, Token, backtrace
from seehear.decoding.language_model import LanguageModel
from seehear.decoding.prefixes import PrefixIds
from seehear.errors import InputError, UsageError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BEAMS = 16
SKIPPED_BLANK_LOGP = math.log(0.999)  # a frame whose blank is likelier starts no token
ROUNDING = 1e-3  # how far above 0 a log probability may lie


@dataclass(frozen=True)
class SearchWeights:
    """score = log p(tokens | frames) + language_model * log p(tokens) + insertion * number of tokens
    + hotword * hotword bonus."""

    language_model: float = 0.0
    insertion: float = 0.0
    hotword: float = 0.0


class _Scorer(NamedTuple):
    """An automaton that reads the tokens of a prefix and adds to the score of each next token."""

    weight: float
    scores: NDArray[np.float32]  # (S, V + 1), the last column for the end of the sequence
    next_state: NDArray[np.int32]  # (S, V)
    start: int


@dataclass
class _Beams:
    """K different prefixes, with the log probability of all CTC paths that spell each."""

    prefix: Ints  # (K,) id
    parent: Ints  # (K,) id of the prefix without its last token; -1 for the empty prefix
    last: Ints  # (K,) last token; -1 for the empty prefix
    logp_blank: Floats  # (K,) of the paths that end in a blank
    logp_token: Floats  # (K,) of the paths that end in the last token
    bonus: Floats  # (K,) sum of what the scorers added
    states: NDArray[np.int32]  # (number of scorers, K)
    peak: Floats  # (K,) highest logp_token since the last token was added, relative to the best beam of that frame
    peak_frame: Ints  # (K,) the frame of that peak
    peak_probability: Floats  # (K,) of the last token in that frame
    history: NDArray[np.object_]  # (K,) of Backpointer | None: the tokens before the last one

    @property
    def logp(self) -> Floats:
        """(K,) log probability of each prefix."""
        return np.logaddexp(self.logp_blank, self.logp_token)

    def select(self, index: NDArray[Any]) -> _Beams:
        """Copies of the beams at these indices, or where this mask is true."""
        return _Beams(*(getattr(self, field.name)[..., index] for field in fields(self)))

    def backpointer(self, beam: int) -> Backpointer | None:
        """All tokens of one beam."""
        if self.last[beam] < 0:
            return None
        token = Token(int(self.last[beam]), int(self.peak_frame[beam]), float(self.peak_probability[beam]))
        return Backpointer(token, self.history[beam])


class CTCBeamSearch:
    """Prefix beam search (Hannun et al. 2014, arXiv:1408.2873, algorithm 1; Graves & Jaitly 2014), fed in any chunks.

    The paths that spell a prefix are summed, separately for those that end in its last token and in a blank. Each
    frame scores all prefixes with all tokens at once and keeps the `beams` best. A frame whose blank has a probability
    above 0.999 starts no token.
    """

    def __init__(
        self,
        language_model: LanguageModel | None,
        hotwords: Hotwords | None,
        weights: SearchWeights,
        beams: int = BEAMS,
    ) -> None:
        if beams < 1:
            raise UsageError(f"a search with {beams} beams", allowed="1 or more")
        self._scorers: list[_Scorer] = []
        if language_model is not None:
            lm = language_model
            self._scorers.append(_Scorer(weights.language_model, lm.logp, lm.next_state, lm.start))
        if hotwords is not None:
            self._scorers.append(_Scorer(weights.hotword, hotwords.bonus, hotwords.next_state, hotwords.start))
        self._insertion = weights.insertion
        self._max_beams = beams
        self._frame = 0  # the next one to be fed
        self._width = self._scorers[0].scores.shape[1] if self._scorers else None  # V + 1
        self._prefixes = PrefixIds()
        self._beams = _Beams(
            prefix=np.zeros(1, np.int64),
            parent=np.full(1, -1),
            last=np.full(1, -1),
            logp_blank=np.zeros(1),
            logp_token=np.full(1, -np.inf),
            bonus=np.zeros(1),
            states=np.array([scorer.start for scorer in self._scorers], np.int32)[:, None],
            peak=np.full(1, -np.inf),
            peak_frame=np.zeros(1, np.int64),
            peak_probability=np.zeros(1),
            history=np.full(1, None),
        )

    def feed(self, logp: NDArray[Any]) -> None:
        """logp (T, V + 1): log probabilities of the tokens and, in the last column, of the blank.

        Raises InputError for anything else.
        """
        logp = _check_logp(logp, self._width)
        self._width = logp.shape[1]
        for frame in logp:
            if frame[-1] > SKIPPED_BLANK_LOGP:
                self._keep_prefixes(frame)
            else:
                self._extend_prefixes(frame)
            self._frame += 1

    def n_best(self, n: int = 1, *, finished: bool) -> list[Hypothesis]:
        """The n most likely, best first. `finished`: score them as complete sequences, the end included."""
        beams = self._beams
        scores = beams.logp + beams.bonus
        if finished:
            for scorer, states in zip(self._scorers, beams.states, strict=True):
                scores = scores + scorer.weight * scorer.scores[states, -1]
        order = np.argsort(-scores, kind="stable")[:n]
        return [Hypothesis(tuple(backtrace(beams.backpointer(beam))), float(scores[beam])) for beam in order]

    def _keep_prefixes(self, frame: Floats) -> None:
        """Add a frame (V + 1,) in which no token starts."""
        beams = self._beams
        beams.logp_blank, beams.logp_token = beams.logp + frame[-1], beams.logp_token + frame[beams.last]

    def _extend_prefixes(self, frame: Floats) -> None:
        """Add a frame (V + 1,) in which any token may start."""
        beams = self._beams
        extended = beams.logp[:, None] + frame  # (K, V + 1): each prefix and one more token
        repeated = np.arange(len(beams.last)), beams.last
        extended[repeated] = beams.logp_blank + frame[beams.last]  # CTC needs a blank between equal tokens
        self._keep_prefixes(frame)
        source = self._merge_equal_prefixes(extended)
        bonus = self._score_extensions(len(frame))
        scores = extended + bonus
        scores[:, -1] = beams.logp + beams.bonus  # the prefix without a new token
        beam, token = np.divmod(_find_largest(scores.ravel(), self._max_beams), len(frame))
        selected, grown = beams.select(beam), token < len(frame) - 1
        if grown.any():
            at = beam[grown], token[grown]
            selected.logp_blank[grown], selected.logp_token[grown] = -np.inf, extended[at]
            selected.bonus[grown] = bonus[at]
            self._append_tokens(selected, grown, token[grown])
            self._prefixes.prune(selected.prefix.tolist())
        self._update_peaks(selected, np.where(grown, beam, source[beam]), frame)
        self._beams = selected

    def _merge_equal_prefixes(self, extended: Floats) -> Ints:
        """Where a prefix and one more token equals another beam's prefix, give that beam its paths.

        source (K,): the beam that contributes most of the paths ending in the last token; -1 for the beam itself.
        """
        beams = self._beams
        child, parent = np.nonzero(beams.parent[:, None] == beams.prefix)
        at = parent, beams.last[child]
        source = np.full(len(beams.last), -1)
        source[child] = np.where(extended[at] > beams.logp_token[child], parent, -1)
        beams.logp_token[child] = np.logaddexp(beams.logp_token[child], extended[at])
        extended[at] = -np.inf
        return source

    def _score_extensions(self, width: int) -> Floats:
        """(K, V + 1): the bonus of each prefix and one more token."""
        bonus = np.repeat(self._beams.bonus[:, None] + self._insertion, width, axis=1)
        for scorer, state in zip(self._scorers, self._beams.states, strict=True):
            bonus += scorer.weight * scorer.scores[state]
        return bonus

    def _append_tokens(self, beams: _Beams, grown: NDArray[np.bool_], tokens: Ints) -> None:
        """Append one of `tokens` to each of the beams that have `grown`."""
        beams.parent[grown] = beams.prefix[grown]
        pairs = zip(beams.parent[grown].tolist(), tokens.tolist(), strict=True)
        beams.prefix[grown] = [self._prefixes.extend(prefix, token) for prefix, token in pairs]
        beams.last[grown], beams.peak[grown] = tokens, -np.inf
        for scorer, state in zip(self._scorers, beams.states, strict=True):
            state[grown] = scorer.next_state[state[grown], tokens]

    def _update_peaks(self, beams: _Beams, source: Ints, frame: Floats) -> None:
        """Where the last token is clearer in this frame than in any before, align it here, with its best history."""
        level = beams.logp_token - beams.logp.max()
        higher = level > beams.peak
        beams.peak[higher], beams.peak_frame[higher] = level[higher], self._frame
        beams.peak_probability[higher] = np.exp(frame[beams.last[higher]])
        for beam in np.flatnonzero(higher & (source >= 0)):
            beams.history[beam] = self._beams.backpointer(source[beam])


def _find_largest(scores: Floats, n: int) -> Ints:
    """Indices of the n largest scores, unordered, without those that are -inf."""
    largest = np.argpartition(scores, -n)[-n:] if len(scores) > n else np.arange(len(scores))
    return largest[scores[largest] > -np.inf]


def _check_logp(logp: NDArray[Any], width: int | None) -> Floats:
    """logp as float64, if it holds log probabilities of `width` symbols, or of two or more if `width` is None."""
    logp = np.asarray(logp, np.float64)
    if logp.ndim != 2 or logp.shape[1] < 2 or width not in (None, logp.shape[1]):
        raise InputError(
            f"an array of the shape {logp.shape}", allowed=f"(frames, {width or '2 or more'}), the last for the blank"
        )
    impossible = ~((logp <= ROUNDING).all(axis=1) & (logp.max(axis=1) > -np.inf))
    if impossible.any():
        raise InputError(
            f"frame {int(impossible.argmax())} holds no log probabilities", allowed="at most 0, not all -inf, never NaN"
        )
    return logp
