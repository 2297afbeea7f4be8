"""Hypotheses: the token sequences that a search proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Token(NamedTuple):
    """A decoded token, the frame in which it was clearest, and its probability in that frame."""

    id: int
    frame: int
    probability: float


@dataclass(frozen=True)
class Hypothesis:
    """A token sequence and its score, a log probability plus weighted bonuses."""

    tokens: tuple[Token, ...]
    score: float

    @property
    def token_ids(self) -> tuple[int, ...]:
        return tuple(token.id for token in self.tokens)


@dataclass(frozen=True, slots=True, eq=False)
class Backpointer:
    """The last token of a prefix and a link to the tokens before it, which several beams may share."""

    token: Token
    previous: Backpointer | None


def backtrace(pointer: Backpointer | None) -> list[Token]:
    """The tokens that lead to a backpointer, first to last."""
    tokens = []
    while pointer is not None:
        tokens.append(pointer.token)
        pointer = pointer.previous
    return tokens[::-1]
