"""Parts of words: which letters often stand together, and how a text is cut into them.

Parts are found as in byte-pair encoding (Sennrich et al. 2016), but texts are cut without its list of merges.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

MOST = 500  # parts
RARELY = 20  # times a part must occur to be learned: fewer examples do not tell how it sounds


class Pieces:
    """Tokens that texts are cut into: from the left, the longest that fits. Letters that are no token are left out, and
    so are words that have no others.

    A space is a token of its own, and no other token has one: words are cut alike wherever they stand.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.index = {token: i for i, token in enumerate(tokens)}
        self._longest = max(map(len, self.index))
        self._word = lru_cache(maxsize=1 << 14)(self._cut_word)

    def cut(self, text: str) -> Iterator[str]:
        cut = filter(None, map(self._word, text.split(" ")))
        for number, word in enumerate(cut):
            if number and " " in self.index:
                yield " "
            yield from word

    def encode(self, text: str) -> list[int]:
        """The numbers of the tokens of a text."""
        return [self.index[piece] for piece in self.cut(text)]

    def _cut_word(self, word: str) -> tuple[str, ...]:
        pieces, at = [], 0
        while at < len(word):
            lengths = range(min(self._longest, len(word) - at), 0, -1)
            length = next((n for n in lengths if word[at : at + n] in self.index), 0)
            pieces += [word[at : at + length]] if length else []
            at += length or 1
        return tuple(pieces)


def learned(words: Mapping[str, int], letters: Sequence[str]) -> tuple[str, ...]:
    """Parts of words that occur often, out of how often each word does; those first that were found first.

    Each round joins the two neighbours that stand together most often. In the end only those parts are kept that are
    still common when texts are cut into the longest ones.
    """
    neighbours = _Neighbours(words, letters)
    found: list[str] = []
    while len(found) < MOST and (pair := neighbours.closest()) is not None:
        neighbours.join(pair)
        found.append("".join(pair))
    cut = Pieces([*letters, *found])
    used = Counter(part for word, times in words.items() for part in [*cut.cut(word)] * times)
    return tuple(dict.fromkeys(part for part in found if used[part] >= RARELY))


class _Neighbours:
    """Words as the parts they are spelt in so far, and how often each two of these stand together."""

    def __init__(self, words: Mapping[str, int], letters: Sequence[str]) -> None:
        self._words = words
        self._spelt = {word: list(Pieces(letters).cut(word)) for word in words}
        self._times: Counter[tuple[str, str]] = Counter()
        self._where: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # words that have or had them
        for word in words:
            self._count(word, 1)

    def closest(self) -> tuple[str, str] | None:
        """The two that stand together most often, if they often do; the last in the alphabet of several."""
        pair = max(self._times, key=lambda pair: (self._times[pair], pair), default=None)
        return pair if pair is not None and self._times[pair] >= RARELY else None

    def join(self, pair: tuple[str, str]) -> None:
        for word in self._where.pop(pair):
            self._count(word, -1)
            parts = self._spelt[word]
            for place in range(len(parts) - 2, -1, -1):
                if tuple(parts[place : place + 2]) == pair:
                    parts[place : place + 2] = ["".join(pair)]
            self._count(word, 1)

    def _count(self, word: str, sign: int) -> None:
        for pair in pairwise(self._spelt[word]):
            self._times[pair] += sign * self._words[word]
            self._where[pair].add(word)
