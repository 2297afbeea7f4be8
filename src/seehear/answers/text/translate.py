"""A text that follows no cells in their order: the likeliest sentences that the decoder writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.text.asking import Asked
from seehear.answers.text.hotwords import Hotwords
from seehear.answers.text.language import Automaton
from seehear.answers.text.prefixes import Spelt
from seehear.answers.text.search import Hypothesis

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BEAMS = 8


@dataclass(frozen=True)
class Written:
    """A whole text: its tokens, their log probabilities with that of the end, and what the hotwords in it add."""

    tokens: tuple[int, ...]
    logp: tuple[float, ...]
    hotword_bias: float

    def hypothesis(self) -> Hypothesis:
        """Without places: where nothing was heard in its order, no token has a frame."""
        spelt = zip(self.tokens, self.logp, strict=False)
        return Hypothesis(tuple(Spelt(token, 0, float(np.exp(logp))) for token, logp in spelt), sum(self.logp))


@dataclass
class _Beams:
    """K beginnings of one length, the likeliest first."""

    tokens: Ints  # (K, L), the edge first
    logp: Floats  # (K, L - 1) of each token but the edge
    score: Floats  # (K,) what these and the hotwords add up to
    standing: NDArray[Any]  # (K,) where in the hotwords each is
    state: NDArray[Any]  # (K, ...) of the decoder

    def at(self, chosen: Ints) -> _Beams:
        return _Beams(*(getattr(self, field.name)[chosen] for field in fields(self)))


def written(asked: Asked, hotwords: Hotwords | None, hotword_weight: float, *, beams: int = BEAMS) -> list[Written]:
    """Beam search: in each step the `beams` likeliest texts of one token more, of which those that end are whole.

    Each whole text takes a beam away, so the search ends; after as many tokens as there are cells at the latest.
    Whole texts in no order.
    """
    edge = asked.edge
    bonus: NDArray[np.float32] = np.zeros((1, edge + 1), np.float32)
    follow, start = np.zeros((1, edge), np.int32), 0
    if hotwords is not None:
        bonus, follow, start = hotwords.bonus * np.float32(hotword_weight), hotwords.follow, hotwords.start
    living = _Beams(np.full((1, 1), edge), np.zeros((1, 0)), np.zeros(1), np.array([start]), asked.start(1))
    whole: list[Written] = []
    for _ in range(asked.cells + 1):
        logp, state = asked.after(living.tokens[:, -1:], living.state)
        score = living.score[:, None] + logp[:, 0] + bonus[living.standing]  # (K, V + 1)
        best = np.argsort(-score.ravel(), kind="stable")[: beams - len(whole)]
        beam, token = best // (edge + 1), best % (edge + 1)
        grown = living.at(beam)
        grown.tokens = np.hstack([grown.tokens, token[:, None]])
        grown.logp = np.hstack([grown.logp, logp[beam, 0, token][:, None]])
        grown.score, grown.state = score.ravel()[best], state[beam]
        ended = token == edge
        whole += _whole(grown.at(np.flatnonzero(ended)))
        if len(whole) >= beams:
            return whole
        living = grown.at(np.flatnonzero(~ended))
        if not len(living.tokens):
            return whole
        living.standing = follow[living.standing, living.tokens[:, -1]]
    return whole or _whole(living)


def ranked(texts: Sequence[Written], language: Automaton | None, weights: dict[str, float]) -> list[Hypothesis]:
    """By (log p of the decoder + language * log p of the language) / ((5 + tokens) / 6) ** length, the best first.

    Long texts are less likely for their length alone; the divisor is that of Wu et al. 2016 (arXiv:1609.08144, 7).
    What the hotwords add comes on top.
    """

    def rank(text: Written) -> float:
        likely = sum(text.logp)
        if language is not None:
            likely += weights["language"] * language.total(text.tokens)
        divisor = float(((5 + len(text.tokens)) / 6) ** weights["length"])
        return likely / divisor + text.hotword_bias

    return [text.hypothesis() for text in sorted(texts, key=rank, reverse=True)]


def _whole(beams: _Beams) -> list[Written]:
    """Those beams as texts; the edges are no part of them."""
    edge = beams.tokens[0, 0] if len(beams.tokens) else 0
    rows = zip(beams.tokens.tolist(), beams.logp.tolist(), beams.score.tolist(), strict=True)
    return [
        Written(tuple(token for token in tokens if token != edge), tuple(logp), score - sum(logp))
        for tokens, logp, score in rows
    ]
