"""Subword tokens, learned by byte-pair encoding (Sennrich et al. 2016).

Unlike BPE, the tokeniser does not replay the merges: it takes the longest token that fits, from left to right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

MAX_SUBWORDS = 500
MIN_COUNT = 20  # occurrences of a subword: fewer examples do not teach how it sounds


class Tokeniser:
    """Splits text into tokens, longest match first. Letters without a token are dropped, and so are words without any.

    A space is a token of its own and no other token contains one: a word is split the same way wherever it stands.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.token_ids = {token: i for i, token in enumerate(tokens)}
        self._max_length = max(map(len, self.token_ids))
        self._split_word = lru_cache(maxsize=1 << 14)(self._match_longest)

    def split(self, text: str) -> Iterator[str]:
        words = filter(None, map(self._split_word, text.split(" ")))
        for number, word in enumerate(words):
            if number and " " in self.token_ids:
                yield " "
            yield from word

    def encode(self, text: str) -> list[int]:
        return [self.token_ids[token] for token in self.split(text)]

    def _match_longest(self, word: str) -> tuple[str, ...]:
        tokens, at = [], 0
        while at < len(word):
            lengths = range(min(self._max_length, len(word) - at), 0, -1)
            length = next((n for n in lengths if word[at : at + n] in self.token_ids), 0)
            tokens += [word[at : at + length]] if length else []
            at += length or 1
        return tuple(tokens)


def learn_bpe(word_counts: Mapping[str, int], letters: Sequence[str]) -> tuple[str, ...]:
    """Frequent subwords of more than one letter, in the order in which they were merged.

    Each round merges the most frequent pair of neighbours. Only subwords that are still frequent when the words are
    split by longest match are kept.
    """
    pairs = _PairCounts(word_counts, letters)
    merged: list[str] = []
    while len(merged) < MAX_SUBWORDS and (pair := pairs.find_most_frequent()) is not None:
        pairs.merge(pair)
        merged.append("".join(pair))
    tokeniser = Tokeniser([*letters, *merged])
    used: Counter[str] = Counter()
    for word, count in word_counts.items():
        for token in tokeniser.split(word):
            used[token] += count
    return tuple(dict.fromkeys(token for token in merged if used[token] >= MIN_COUNT))


class _PairCounts:
    """How often each two subwords are neighbours, as merges go on."""

    def __init__(self, word_counts: Mapping[str, int], letters: Sequence[str]) -> None:
        self._word_counts = word_counts
        self._split = {word: list(Tokeniser(letters).split(word)) for word in word_counts}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._words: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # that have or had the pair
        for word in word_counts:
            self._add(word, 1)

    def find_most_frequent(self) -> tuple[str, str] | None:
        """The most frequent pair, None if all are rare. Ties go to the last in alphabetical order."""
        pair = max(self._counts, key=lambda pair: (self._counts[pair], pair), default=None)
        return pair if pair is not None and self._counts[pair] >= MIN_COUNT else None

    def merge(self, pair: tuple[str, str]) -> None:
        for word in self._words.pop(pair):
            self._add(word, -1)
            tokens = self._split[word]
            for place in range(len(tokens) - 2, -1, -1):
                if tuple(tokens[place : place + 2]) == pair:
                    tokens[place : place + 2] = ["".join(pair)]
            self._add(word, 1)

    def _add(self, word: str, sign: int) -> None:
        for pair in pairwise(self._split[word]):
            self._counts[pair] += sign * self._word_counts[word]
            self._words[pair].add(word)
