"""How often tokens followed each other in a text: counts that can be added up, and packed into a line of letters.

A sentence is its tokens between two edges, the token V. As the last token of an n-gram the edge means that the
sentence ends, anywhere else that it begins: "edge, a" is a sentence's first token, "a, edge" its last.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest

import numpy as np
from numpy.typing import NDArray

from seehear.errors import DataError

Ints = NDArray[np.int64]

ORDER = 6  # tokens: about a word and its neighbours' edges, where tokens are characters
MOST_ORDER = 16
MOST_NGRAMS = 1 << 16
MOST_VOCABULARY = 1 << 16
MOST_COUNT = 1 << 53  # beyond it a float64 does not hold every whole number
KEPT_WHOLE = 2  # n-grams no longer than this are kept, however rare
_MOST_LETTERS = 1 << 22  # of a packed text, before any of it is read
_HEADER = 3  # numbers: vocabulary, order, nodes


@dataclass(frozen=True, eq=False)
class NGrams:
    """Counts of n-grams up to `order` tokens, as a trie: node 0 is the empty n-gram, its count all that was counted.

    parent, token, count (N,): an n-gram is its parent's and one token more. Nodes lie breadth first, by parent and
    token, which is what `levels` and `to_text` rest on. An n-gram is never counted oftener than what it begins with.
    """

    vocabulary: int  # V, tokens 0 to V - 1; the edge of a sentence is V
    order: int
    parent: Ints
    token: Ints
    count: Ints

    @classmethod
    def of(cls, sentences: Iterable[Sequence[int]], vocabulary: int, order: int = ORDER, least: int = 2) -> NGrams:
        """Count the n-grams of sentences, in memory of some 100 bytes a token.

        N-grams of more than two tokens that occur less than `least` times are left out: what was said once may be a
        private matter, and hardly helps. Of those left the 65,536 most frequent are kept, the shorter where equal.
        Raises DataError for a token outside the vocabulary.
        """
        _check_size(vocabulary, order)
        stream, left = _stream(sentences, vocabulary)
        begins = (stream == vocabulary) & (left > 1)  # these are followed, but not said
        at = np.arange(len(stream))  # where n-grams begin that are still followed
        node = np.zeros(len(stream), np.int64)  # the n-gram from there on
        trie = _Trie(vocabulary, total=int((~begins).sum()))
        for length in range(1, order + 1):
            within = left[at] >= length
            at, node = at[within], node[within]
            keys, inverse = np.unique(trie.keys(node, stream[at + length - 1]), return_inverse=True)
            times = np.bincount(inverse[~begins[at]] if length == 1 else inverse, minlength=len(keys))
            kept = times >= (least if length > KEPT_WHOLE else 1)
            new = np.zeros(len(keys), np.int64)
            new[kept] = trie.grow(keys[kept], times[kept])
            at, node = at[kept[inverse]], new[inverse][kept[inverse]]
        return trie.finished(order)

    def plus(self, other: NGrams) -> NGrams:
        """The counts of both. Raises DataError where their vocabularies differ."""
        if other.vocabulary != self.vocabulary:
            raise DataError(
                f"n-grams of {other.vocabulary:,} tokens cannot be added to n-grams of {self.vocabulary:,}",
                allowed="n-grams of the same tokens",
            )
        order = max(self.order, other.order)
        trie = _Trie(self.vocabulary, total=int(self.count[0] + other.count[0]))
        ours, theirs = np.zeros(len(self.count), np.int64), np.zeros(len(other.count), np.int64)  # nodes in the sum
        for mine, its in zip_longest(self.levels()[1:], other.levels()[1:], fillvalue=slice(0, 0)):
            keys = trie.keys(
                np.append(ours[self.parent[mine]], theirs[other.parent[its]]),
                np.append(self.token[mine], other.token[its]),
            )
            merged, inverse = np.unique(keys, return_inverse=True)
            times = np.bincount(inverse, np.append(self.count[mine], other.count[its]), len(merged))
            node = trie.grow(merged, times.astype(np.int64))[inverse]
            ours[mine], theirs[its] = np.split(node, [mine.stop - mine.start])
        return trie.finished(order)

    def levels(self) -> list[slice]:
        """The nodes of the n-grams of 0, 1, ... `order` tokens."""
        ends = [0, 1]
        for _ in range(self.order):
            ends.append(1 + int(np.searchsorted(self.parent[1:], ends[-1])))
        return [slice(start, end) for start, end in pairwise(ends)]

    def items(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Each n-gram with its count, shortest first: all that is remembered of the text."""
        spelt: list[tuple[int, ...]] = [()]
        for parent, token, count in zip(self.parent[1:], self.token[1:], self.count[1:], strict=True):
            spelt.append((*spelt[parent], int(token)))
            yield spelt[-1], int(count)

    def to_text(self) -> str:
        """The counts in letters, some two for each n-gram; the same for the same counts.

        Numbers are laid out in planes of bytes, all their lowest bytes first, so that zlib finds the zeros together.
        """
        children = np.bincount(self.parent[1:], minlength=len(self.parent))
        header = np.array([self.vocabulary, self.order, len(self.parent)])
        numbers = np.concatenate([header, children, self.token[1:], self.count]).astype("<i8")
        planes = numbers.view(np.uint8).reshape(-1, 8).T.tobytes()
        return base64.b64encode(zlib.compress(planes, 9)).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> NGrams:
        """What to_text packed. Raises DataError for anything that it cannot have packed."""
        numbers = _numbers(text)
        vocabulary, order, nodes = (int(number) for number in numbers[:_HEADER])
        _check_size(vocabulary, order)
        fits = 1 <= nodes <= 1 + MOST_NGRAMS and len(numbers) == _HEADER + 3 * nodes - 1
        _require(fits, f"it claims {nodes:,} n-grams and holds {len(numbers):,} numbers")
        children, token, count = np.split(numbers[_HEADER:], [nodes, 2 * nodes - 1])
        whole = bool(((children >= 0) & (children < nodes)).all()) and int(children.sum()) == nodes - 1
        _require(whole, f"its {nodes:,} n-grams do not hang together")
        read = cls(vocabulary, order, np.append(0, np.repeat(np.arange(nodes), children)), np.append(0, token), count)
        _check_trie(read)
        return read


class _Trie:
    """NGrams in the making, level by level."""

    def __init__(self, vocabulary: int, total: int) -> None:
        self.vocabulary = vocabulary
        self.nodes = 1
        self.levels = [np.array([[0], [0], [total]])]  # of parent, token, count, each (3, n)

    def keys(self, parent: Ints, token: Ints) -> Ints:
        """One number for each parent and token, in their order."""
        return parent * (self.vocabulary + 1) + token

    def grow(self, keys: Ints, count: Ints) -> Ints:
        """Add a level of n-grams, by ascending keys; gives their nodes."""
        first, self.nodes = self.nodes, self.nodes + len(keys)
        self.levels.append(np.stack([*np.divmod(keys, self.vocabulary + 1), count]))
        return np.arange(first, self.nodes)

    def finished(self, order: int) -> NGrams:
        """The most frequent; what an n-gram begins with is no rarer and lies before it, so no n-gram loses that."""
        parent, token, count = np.concatenate(self.levels, axis=1)
        kept = np.sort(np.argsort(-count, kind="stable")[: 1 + MOST_NGRAMS])
        return NGrams(self.vocabulary, order, np.searchsorted(kept, parent[kept]), token[kept], count[kept])


def _stream(sentences: Iterable[Sequence[int]], vocabulary: int) -> tuple[Ints, Ints]:
    """All sentences between their edges, one after the other (n,); and from each token, how many are left of its
    sentence, with itself (n,)."""
    lengths: list[int] = []

    def edged() -> Iterator[Sequence[int]]:
        for sentence in sentences:
            lengths.append(len(sentence) + 2)
            yield from ((vocabulary,), sentence, (vocabulary,))

    stream = np.fromiter(chain.from_iterable(edged()), np.int64)
    strange = stream[(stream < 0) | (stream > vocabulary)]
    edges = np.count_nonzero(stream == vocabulary)
    if len(strange) or edges != 2 * len(lengths):
        found = strange[0] if len(strange) else vocabulary
        raise DataError(f"a sentence holds the token {found}", allowed=f"tokens from 0 to {vocabulary - 1:,}")
    ends = np.cumsum(np.array(lengths, np.int64))
    return stream, np.repeat(ends, lengths) - np.arange(len(stream))


def _check_size(vocabulary: int, order: int) -> None:
    if not 1 <= vocabulary <= MOST_VOCABULARY or not 1 <= order <= MOST_ORDER:
        raise DataError(
            f"n-grams of up to {order:,} out of {vocabulary:,} tokens",
            allowed=f"1 to {MOST_ORDER} out of at most {MOST_VOCABULARY:,}",
        )


def _numbers(text: str) -> Ints:
    """The numbers packed in a text, once their bytes are known to be few."""
    _require(len(text) <= _MOST_LETTERS, f"it has {len(text):,} letters")
    most = 8 * (_HEADER + 3 * (1 + MOST_NGRAMS))
    unpacker = zlib.decompressobj()
    try:
        planes = unpacker.decompress(base64.b64decode(text, validate=True), most + 1)
    except (ValueError, zlib.error) as error:
        raise _refused(str(error)) from None
    _require(unpacker.eof and not unpacker.unused_data, f"it is cut off, or unpacks to more than {most:,} bytes")
    _require(len(planes) % 8 == 0 and len(planes) >= 8 * _HEADER, f"it unpacks to {len(planes):,} bytes")
    numbers: Ints = np.frombuffer(planes, np.uint8).reshape(8, -1).T.copy().view("<i8")[:, 0].astype(np.int64)
    return numbers


def _check_trie(ngrams: NGrams) -> None:
    """Raises DataError where nodes, tokens or counts cannot be those of n-grams."""
    parent, token, count, edge = ngrams.parent[1:], ngrams.token[1:], ngrams.count, ngrams.vocabulary
    ended = (ngrams.token == edge) & (ngrams.parent > 0)
    unordered = (parent[1:] == parent[:-1]) & (token[1:] <= token[:-1])
    oftener = np.bincount(parent, count[1:], len(count)) > count
    _require(bool((parent <= np.arange(len(parent))).all()), "an n-gram comes before what it begins with")
    _require(ngrams.levels()[-1].stop == len(count), f"an n-gram has more than {ngrams.order} tokens")
    _require(bool(((token >= 0) & (token <= edge)).all()), "a token is outside the vocabulary")
    _require(not unordered.any(), "n-grams are out of order")
    _require(not ended[parent].any(), "a sentence goes on after its end")
    _require(bool((count[1:] > 0).all()) and 0 <= int(count.min()) <= int(count.max()) <= MOST_COUNT, "a count is none")
    _require(not oftener.any(), "an n-gram comes oftener than what it begins with")


def _require(sound: bool, reason: str) -> None:
    if not sound:
        raise _refused(reason)


def _refused(reason: str) -> DataError:
    return DataError(
        f"not a packed language model: {reason}", hint="take the model file from where it was made, or train it again"
    )
