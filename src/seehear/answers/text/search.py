"""From what was heard in each frame to the likeliest sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers.text.hotwords import Hotwords
from seehear.answers.text.language import Automaton
from seehear.answers.text.prefixes import Prefixes, Spelt, Trail, along
from seehear.errors import InputError, UsageError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BEAMS = 16
CERTAIN_BLANK = math.log(0.999)  # frames no less sure begin no token
ROUNDING = 1e-3  # how far above 0 a log probability may lie


@dataclass(frozen=True)
class Weights:
    """score = log p(sentence | sound) + language * log p(sentence) + insertion * tokens + hotword * hotword bonuses."""

    language: float = 0.0
    insertion: float = 0.0
    hotword: float = 0.0


@dataclass(frozen=True)
class Hypothesis:
    """A sentence, or as much of one as was heard, and its score."""

    spelt: tuple[Spelt, ...]
    score: float

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(each.token for each in self.spelt)


class _Guide(NamedTuple):
    """A machine that reads the tokens of a prefix and says what each next one adds to the score."""

    weight: float
    gain: NDArray[np.float32]  # (S, V + 1), in the last column for the end
    follow: NDArray[np.int32]  # (S, V)
    start: int


@dataclass
class _Beams:
    """K prefixes, no two alike, with the log probability of all paths that spell them."""

    prefix: Ints  # (K,) its number
    shorter: Ints  # (K,) the number of that without the last token; -1 where there is none
    last: Ints  # (K,) that token; -1 where there is none
    blank: Floats  # (K,) of the paths that end in a blank
    token: Floats  # (K,) of the paths that end in the last token
    gained: Floats  # (K,) what the guides added
    states: NDArray[np.int32]  # (G, K) where each guide stands
    loudness: Floats  # (K,) log probability of being in the last token, where it was most, against the best beam's
    frame: Ints  # (K,) that frame
    confidence: Floats  # (K,) probability of the token in it
    trail: NDArray[np.object_]  # (K,) of Trail: the tokens before the last one

    @property
    def heard(self) -> Floats:
        """(K,) log probability of the prefixes."""
        return np.logaddexp(self.blank, self.token)

    def at(self, chosen: NDArray[Any]) -> _Beams:
        """Copies of those at these indices, or where this mask is true."""
        return _Beams(*(getattr(self, field.name)[..., chosen] for field in fields(self)))

    def whole_trail(self, beam: int) -> Trail | None:
        """All that one of them spells."""
        if self.last[beam] < 0:
            return None
        last = Spelt(int(self.last[beam]), int(self.frame[beam]), float(self.confidence[beam]))
        return Trail(last, self.trail[beam])


class Search:
    """Prefix beam search (Hannun et al. 2014, arXiv:1408.2873, algorithm 1; Graves & Jaitly 2014), fed in any chunks.

    The paths that spell a prefix are summed, those that end in its last token and in a blank apart. In each frame all
    prefixes and all tokens are scored at once, and the `beams` best are kept. A frame that is a blank with more than
    0.999 begins no token.
    """

    def __init__(
        self, language: Automaton | None, hotwords: Hotwords | None, weights: Weights, beams: int = BEAMS
    ) -> None:
        if beams < 1:
            raise UsageError(f"a search with {beams} beams", allowed="1 or more")
        self._guides: list[_Guide] = []
        if language is not None:
            self._guides.append(_Guide(weights.language, language.logp, language.follow, language.start))
        if hotwords is not None:
            self._guides.append(_Guide(weights.hotword, hotwords.bonus, hotwords.follow, hotwords.start))
        self._insertion = weights.insertion
        self._most = beams
        self._frame = 0  # the next to be fed
        self._width = self._guides[0].gain.shape[1] if self._guides else None  # V + 1
        self._prefixes = Prefixes()
        self._beams = _Beams(
            prefix=np.zeros(1, np.int64),
            shorter=np.full(1, -1),
            last=np.full(1, -1),
            blank=np.zeros(1),
            token=np.full(1, -np.inf),
            gained=np.zeros(1),
            states=np.array([guide.start for guide in self._guides], np.int32)[:, None],
            loudness=np.full(1, -np.inf),
            frame=np.zeros(1, np.int64),
            confidence=np.zeros(1),
            trail=np.full(1, None),
        )

    def feed(self, logp: NDArray[Any]) -> None:
        """logp (T, V + 1): log probabilities of the tokens and, last, of the blank. Raises InputError for others."""
        logp = _checked(logp, self._width)
        self._width = logp.shape[1]
        for frame in logp:
            if frame[-1] > CERTAIN_BLANK:
                self._pass(frame)
            else:
                self._hear(frame)
            self._frame += 1

    def best(self, n: int = 1, *, finished: bool) -> list[Hypothesis]:
        """The n likeliest, best first; where `finished`, as whole sentences: the guides are told that they end."""
        beams = self._beams
        scores = beams.heard + beams.gained
        if finished:
            for guide, states in zip(self._guides, beams.states, strict=True):
                scores = scores + guide.weight * guide.gain[states, -1]
        order = np.argsort(-scores, kind="stable")[:n]
        return [Hypothesis(tuple(along(beams.whole_trail(beam))), float(scores[beam])) for beam in order]

    def _pass(self, logp: Floats) -> None:
        """A frame (V + 1,) in which no token begins."""
        beams = self._beams
        beams.blank, beams.token = beams.heard + logp[-1], beams.token + logp[beams.last]

    def _hear(self, logp: Floats) -> None:
        """A frame (V + 1,) in which any token may begin."""
        beams = self._beams
        longer = beams.heard[:, None] + logp  # (K, V + 1): a prefix and one token more
        again = np.arange(len(beams.last)), beams.last
        longer[again] = beams.blank + logp[beams.last]  # between equal tokens there is a blank
        self._pass(logp)
        source = self._merge(longer)
        gained = self._gained(len(logp))
        scores = longer + gained
        scores[:, -1] = beams.heard + beams.gained  # the prefix as it is
        beam, token = np.divmod(_largest(scores.ravel(), self._most), len(logp))
        chosen, grown = beams.at(beam), token < len(logp) - 1
        if grown.any():
            at = beam[grown], token[grown]
            chosen.blank[grown], chosen.token[grown], chosen.gained[grown] = -np.inf, longer[at], gained[at]
            self._grow(chosen, grown, token[grown])
            self._prefixes.forget(chosen.prefix.tolist())
        self._listen(chosen, np.where(grown, beam, source[beam]), logp)
        self._beams = chosen

    def _merge(self, longer: Floats) -> Ints:
        """Where a prefix and one token more is another beam's prefix, the paths become that beam's.

        source (K,): the beam from which most of the paths come that end in the last token; -1 where from itself.
        """
        beams = self._beams
        child, parent = np.nonzero(beams.shorter[:, None] == beams.prefix)
        at = parent, beams.last[child]
        source = np.full(len(beams.last), -1)
        source[child] = np.where(longer[at] > beams.token[child], parent, -1)
        beams.token[child] = np.logaddexp(beams.token[child], longer[at])
        longer[at] = -np.inf
        return source

    def _gained(self, width: int) -> Floats:
        """(K, V + 1): what the guides add to each prefix and one token more."""
        gained = np.repeat(self._beams.gained[:, None] + self._insertion, width, axis=1)
        for guide, state in zip(self._guides, self._beams.states, strict=True):
            gained += guide.weight * guide.gain[state]
        return gained

    def _grow(self, beams: _Beams, grown: NDArray[np.bool_], tokens: Ints) -> None:
        """Those of the beams that have grown stand one token, one of `tokens`, further."""
        beams.shorter[grown] = beams.prefix[grown]
        pairs = zip(beams.shorter[grown].tolist(), tokens.tolist(), strict=True)
        beams.prefix[grown] = [self._prefixes.longer(prefix, token) for prefix, token in pairs]
        beams.last[grown], beams.loudness[grown] = tokens, -np.inf
        for guide, state in zip(self._guides, beams.states, strict=True):
            state[grown] = guide.follow[state[grown], tokens]

    def _listen(self, beams: _Beams, source: Ints, logp: Floats) -> None:
        """Note whose last token is heard better in this frame than in any before, and what was spelt until it."""
        loudness = beams.token - beams.heard.max()
        louder = loudness > beams.loudness
        beams.loudness[louder], beams.frame[louder] = loudness[louder], self._frame
        beams.confidence[louder] = np.exp(logp[beams.last[louder]])
        for beam in np.flatnonzero(louder & (source >= 0)):
            beams.trail[beam] = self._beams.whole_trail(source[beam])


def _largest(scores: Floats, most: int) -> Ints:
    """Where the largest are, in no order; none that are impossible."""
    largest = np.argpartition(scores, -most)[-most:] if len(scores) > most else np.arange(len(scores))
    return largest[scores[largest] > -np.inf]


def _checked(logp: NDArray[Any], width: int | None) -> Floats:
    """logp in float64, if it holds log probabilities of as many symbols as `width`, or of any two or more."""
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
