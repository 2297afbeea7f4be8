"""Hotwords: words and phrases that a user expects, such as names, get a bonus while they are being spelt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seehear.decoding.language_model import MAX_TABLE_SIZE, LanguageModel
from seehear.errors import DataError, UsageError

Floats = NDArray[np.float32]

FULL_BONUS_SURPRISE = 5.0  # nats: a token that the language model gives a probability of e^-5 or less, earns all of 1


@dataclass(frozen=True, eq=False)
class Hotwords:
    """A deterministic automaton for contextual biasing (Zhao et al. 2019, "Shallow-fusion end-to-end contextual
    biasing", section 3). Each token of a hotword earns up to 1, and an unfinished hotword pays all of it back.

    bonus (S, V + 1) float32: what each next token adds, and in the last column what the end of the sequence adds.
    next_state (S, V) int32: the state after a token. `start`: the state in which a sequence begins.

    The better the language model predicts a token after the beginning of its hotword, the less it earns: a known word
    needs no help to be recognised, and with help it would be recognised where nobody said it. Without a language model
    each token earns 1.

    A hotword matches whole words. At the end of each word, the longest hotword that ends there counts what its tokens
    earned, less what the words inside it have counted already. So the bonuses of a sentence add up to what its hotwords
    earned, and to 0 if it has none. Hotwords within a hotword add nothing; tokens shared by hotwords that overlap in
    any other way may count twice.
    """

    bonus: NDArray[np.float32]
    next_state: NDArray[np.int32]
    start: int

    @classmethod
    def compile(
        cls,
        hotwords: Iterable[Sequence[int]],
        vocabulary: int,
        space: int | None,
        language_model: LanguageModel | None = None,
    ) -> Hotwords:
        """`space` is the token between words; None if every token is a word.

        Raises DataError for a hotword that no sentence can contain, UsageError if the table would have more than 8
        million entries.
        """
        trie = _Trie(space)
        for hotword in hotwords:
            _check_hotword(hotword, vocabulary, space)
            trie.add(hotword)
        if len(trie.children) * vocabulary > MAX_TABLE_SIZE:
            raise UsageError(
                f"the hotwords have {len(trie.children):,} different beginnings",
                allowed=f"{MAX_TABLE_SIZE // vocabulary:,} with {vocabulary:,} tokens",
                hint="give fewer or shorter hotwords",
            )
        return trie.compile(vocabulary, language_model)


@dataclass
class _Trie:
    """The prefixes of hotwords. State 0 is inside no hotword; words begin in `start`, after a space if there is one."""

    space: int | None
    children: list[dict[int, int]] = field(default_factory=lambda: [{}])
    complete: list[bool] = field(default_factory=lambda: [False])

    def __post_init__(self) -> None:
        self.start = 0 if self.space is None else self._child(0, self.space)

    def add(self, hotword: Sequence[int]) -> None:
        state = self.start
        for token in hotword:
            state = self._child(state, token)
        self.complete[state] = True

    def _child(self, state: int, token: int) -> int:
        child = self.children[state].setdefault(token, len(self.children))
        if child == len(self.children):
            self.children.append({})
            self.complete.append(False)
        return child

    def compile(self, vocabulary: int, language_model: LanguageModel | None) -> Hotwords:
        """Aho & Corasick 1975: where a prefix does not continue, its longest suffix that is a prefix takes over."""
        states = len(self.children)
        next_state = np.zeros((states, vocabulary), np.int32)  # (S, V)
        backoff = [0] * states  # that longest suffix
        context = [0] * states  # state of the language model after a prefix, for any context before it
        pending = np.zeros(states, np.float32)  # what a prefix has earned and may have to pay back
        counted = np.zeros(states, np.float32)  # what is final if a word ends here
        queue = [0]
        for state in queue:
            next_state[state] = next_state[backoff[state]]
            for token, child in self.children[state].items():
                backoff[child], next_state[state, token] = next_state[state, token], child
                earned, context[child] = _earn(token, language_model, context[state])
                if child != self.start:
                    already = counted[state] if self.space in (None, token) else 0
                    pending[child] = earned + pending[state] - already
                counted[child] = pending[child] if self.complete[child] else counted[backoff[child]]
            queue += self.children[state].values()
        return Hotwords(self._bonus(next_state, pending, counted), next_state, self.start)

    def _bonus(self, next_state: NDArray[np.int32], pending: Floats, counted: Floats) -> Floats:
        """(S, V + 1): what is pending and counted after each token, less what was pending before."""
        nothing = np.zeros((len(next_state), 1), np.float32)
        bonus: Floats = np.hstack([pending[next_state], nothing]) - pending[:, None]
        ends_word = slice(None) if self.space is None else [self.space, -1]
        bonus[:, ends_word] += counted[:, None]
        return bonus


def _earn(token: int, language_model: LanguageModel | None, context: int) -> tuple[float, int]:
    """The bonus of a token, from 0 to 1, and the state of the language model after it."""
    if language_model is None:
        return 1.0, context
    bonus = min(1.0, -float(language_model.logp[context, token]) / FULL_BONUS_SURPRISE)
    return bonus, int(language_model.next_state[context, token])


def _check_hotword(hotword: Sequence[int], vocabulary: int, space: int | None) -> None:
    """Raises DataError if no sentence can contain this hotword as whole words."""
    if not len(hotword) or not all(0 <= token < vocabulary for token in hotword) or space in (hotword[0], hotword[-1]):
        raise DataError(
            f"the tokens {list(hotword)} are no hotword",
            allowed=f"one or more tokens from 0 to {vocabulary - 1:,}, without spaces around them",
        )
