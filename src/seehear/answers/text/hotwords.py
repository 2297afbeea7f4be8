"""Hotwords that a user expects, such as names: spellings of them are favoured while they are on their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seehear.answers.text.language import MOST_CELLS, Automaton
from seehear.errors import DataError, UsageError

Floats = NDArray[np.float32]

UNEXPECTED = 5.0  # nats: a token that the language holds for e^-5 likely, or less, is favoured in full


@dataclass(frozen=True, eq=False)
class Hotwords:
    """A deterministic machine that gives each token of a hotword up to 1, and takes it back where the hotword is left
    unfinished (Zhao et al. 2019, "Shallow-fusion end-to-end contextual biasing", section 3).

    bonus (S, V + 1) float32: what each next token adds, and in the last column what the end of the sentence adds.
    follow (S, V) int32: the state after a token. `start`: the state in which a sentence begins.

    A token gets the less, the better the language expects it after what the hotword began with: a word that was learned
    needs no help to be heard, and with it would be heard where it is not said. Without a language each gets 1.

    A hotword matches whole words. At the end of each word, the longest hotword that ends there counts what its tokens
    got, less what the words inside it have counted already. So the bonuses of a sentence add up to what its hotwords
    got, and to 0 if it has none. Hotwords within a hotword add nothing; tokens shared by hotwords that overlap in any
    other way may count twice.
    """

    bonus: NDArray[np.float32]
    follow: NDArray[np.int32]
    start: int

    @classmethod
    def of(
        cls, hotwords: Iterable[Sequence[int]], vocabulary: int, space: int | None, language: Automaton | None = None
    ) -> Hotwords:
        """`space` is the token between words; None where every token is a word of its own.

        Raises DataError for a hotword that cannot be said, UsageError for more than 8 million states times tokens hold.
        """
        trie = _Trie(space)
        for hotword in hotwords:
            _check_hotword(hotword, vocabulary, space)
            trie.add(hotword)
        if len(trie.children) * vocabulary > MOST_CELLS:
            raise UsageError(
                f"the hotwords have {len(trie.children):,} different beginnings",
                allowed=f"{MOST_CELLS // vocabulary:,} with {vocabulary:,} tokens",
                hint="give fewer or shorter hotwords",
            )
        return trie.machine(vocabulary, language)


@dataclass
class _Trie:
    """The prefixes of hotwords. State 0 is inside no hotword; words begin in `start`, after a space if there is one."""

    space: int | None
    children: list[dict[int, int]] = field(default_factory=lambda: [{}])
    finished: list[bool] = field(default_factory=lambda: [False])

    def __post_init__(self) -> None:
        self.start = 0 if self.space is None else self._child(0, self.space)

    def add(self, hotword: Sequence[int]) -> None:
        state = self.start
        for token in hotword:
            state = self._child(state, token)
        self.finished[state] = True

    def _child(self, state: int, token: int) -> int:
        child = self.children[state].setdefault(token, len(self.children))
        if child == len(self.children):
            self.children.append({})
            self.finished.append(False)
        return child

    def machine(self, vocabulary: int, language: Automaton | None) -> Hotwords:
        """Aho & Corasick 1975: where a beginning does not go on, the longest of its ends that is a beginning does."""
        states = len(self.children)
        follow = np.zeros((states, vocabulary), np.int32)  # (S, V)
        backoff = [0] * states  # that longest end
        context = [0] * states  # where the language stands after a beginning, whatever came before it
        lent = np.zeros(states, np.float32)  # what tokens of a beginning got that has not been counted
        counted = np.zeros(states, np.float32)  # what counts when a word ends here
        queue = [0]
        for state in queue:
            follow[state] = follow[backoff[state]]
            for token, child in self.children[state].items():
                backoff[child], follow[state, token] = follow[state, token], child
                lack, context[child] = _lack(token, language, context[state])
                if child != self.start:
                    lent[child] = lack + lent[state] - (counted[state] if self.space in (None, token) else 0)
                counted[child] = lent[child] if self.finished[child] else counted[backoff[child]]
            queue += self.children[state].values()
        return Hotwords(self._bonus(follow, lent, counted), follow, self.start)

    def _bonus(self, follow: NDArray[np.int32], lent: Floats, counted: Floats) -> Floats:
        """(S, V + 1): what a token lends and counts, less what was lent before."""
        nothing = np.zeros((len(follow), 1), np.float32)
        bonus: Floats = np.hstack([lent[follow], nothing]) - lent[:, None]
        ends_word = slice(None) if self.space is None else [self.space, -1]
        bonus[:, ends_word] += counted[:, None]
        return bonus


def _lack(token: int, language: Automaton | None, context: int) -> tuple[float, int]:
    """What a token gets, from 0 to 1, and where the language stands after it."""
    if language is None:
        return 1.0, context
    return min(1.0, -float(language.logp[context, token]) / UNEXPECTED), int(language.follow[context, token])


def _check_hotword(hotword: Sequence[int], vocabulary: int, space: int | None) -> None:
    """Raises DataError where no sentence can hold this hotword as whole words."""
    if not len(hotword) or not all(0 <= token < vocabulary for token in hotword) or space in (hotword[0], hotword[-1]):
        raise DataError(
            f"the tokens {list(hotword)} are no hotword",
            allowed=f"one or more tokens from 0 to {vocabulary - 1:,}, without spaces around them",
        )
