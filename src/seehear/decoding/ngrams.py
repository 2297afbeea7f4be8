"""N-gram counts, which can be added and packed into a string.

A sentence is a sequence of tokens between two edges, the token V. At the end of an n-gram the edge means that the
sentence ends, anywhere else that it begins: "edge, a" is the first token of a sentence, "a, edge" the last.
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

ORDER = 6  # tokens: about one word, if tokens are characters
MAX_ORDER = 16
MAX_NGRAMS = 1 << 16
MAX_VOCABULARY = 1 << 16
MAX_COUNT = 1 << 53  # a float64 cannot hold every larger integer
UNPRUNED_ORDER = 2  # n-grams no longer than this are kept, however rare
_MAX_PACKED_LENGTH = 1 << 22  # characters; longer strings are not even unpacked
_HEADER = 3  # numbers: vocabulary, order, nodes


@dataclass(frozen=True, eq=False)
class NGramCounts:
    """Counts of n-grams up to `order` tokens, as a trie. Node 0 is the empty n-gram; its count is the total.

    parent, token, count (N,): an n-gram is its parent's plus one more token. Nodes are in breadth-first order, by
    parent and token, which `levels` and `pack` rely on. No n-gram has a higher count than its parent.
    """

    vocabulary: int  # V: tokens are 0 to V - 1, the edge of a sentence is V
    order: int
    parent: Ints
    token: Ints
    count: Ints

    @classmethod
    def count_sentences(
        cls, sentences: Iterable[Sequence[int]], vocabulary: int, order: int = ORDER, min_count: int = 2
    ) -> NGramCounts:
        """Count the n-grams of sentences, using about 100 bytes of memory for each token.

        N-grams of more than two tokens that occur less than `min_count` times are dropped: a sentence said once may be
        private, and barely helps. Of the others the 65,536 most frequent are kept; among equals, the shortest.
        Raises DataError for a token outside the vocabulary.
        """
        _check_size(vocabulary, order)
        stream, left = _join_sentences(sentences, vocabulary)
        begins = (stream == vocabulary) & (left > 1)  # an edge that begins a sentence is context, never predicted
        at = np.arange(len(stream))  # where the n-grams begin that are still growing
        node = np.zeros(len(stream), np.int64)  # the trie node of each
        trie = _TrieBuilder(vocabulary, total=int((~begins).sum()))
        for length in range(1, order + 1):
            within = left[at] >= length
            at, node = at[within], node[within]
            keys, inverse = np.unique(trie.make_keys(node, stream[at + length - 1]), return_inverse=True)
            counts = np.bincount(inverse[~begins[at]] if length == 1 else inverse, minlength=len(keys))
            kept = counts >= (min_count if length > UNPRUNED_ORDER else 1)
            new = np.zeros(len(keys), np.int64)
            new[kept] = trie.add_level(keys[kept], counts[kept])
            at, node = at[kept[inverse]], new[inverse][kept[inverse]]
        return trie.build(order)

    def __add__(self, other: NGramCounts) -> NGramCounts:
        """Raises DataError if the vocabularies differ."""
        if other.vocabulary != self.vocabulary:
            raise DataError(
                f"n-grams of {other.vocabulary:,} tokens cannot be added to n-grams of {self.vocabulary:,}",
                allowed="n-grams of the same tokens",
            )
        order = max(self.order, other.order)
        trie = _TrieBuilder(self.vocabulary, total=int(self.count[0] + other.count[0]))
        ours, theirs = np.zeros(len(self.count), np.int64), np.zeros(len(other.count), np.int64)  # nodes in the sum
        for level, other_level in zip_longest(self.levels()[1:], other.levels()[1:], fillvalue=slice(0, 0)):
            keys = trie.make_keys(
                np.append(ours[self.parent[level]], theirs[other.parent[other_level]]),
                np.append(self.token[level], other.token[other_level]),
            )
            merged, inverse = np.unique(keys, return_inverse=True)
            counts = np.bincount(inverse, np.append(self.count[level], other.count[other_level]), len(merged))
            node = trie.add_level(merged, counts.astype(np.int64))[inverse]
            ours[level], theirs[other_level] = np.split(node, [level.stop - level.start])
        return trie.build(order)

    def levels(self) -> list[slice]:
        """The nodes of the n-grams of 0, 1, ... `order` tokens."""
        ends = [0, 1]
        for _ in range(self.order):
            ends.append(1 + int(np.searchsorted(self.parent[1:], ends[-1])))
        return [slice(start, end) for start, end in pairwise(ends)]

    def items(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Each n-gram with its count, shortest first."""
        ngrams: list[tuple[int, ...]] = [()]
        for parent, token, count in zip(self.parent[1:], self.token[1:], self.count[1:], strict=True):
            ngrams.append((*ngrams[parent], int(token)))
            yield ngrams[-1], int(count)

    def pack(self) -> str:
        """The counts as base64, about two characters for each n-gram. Equal counts give equal strings.

        Numbers are stored as byte planes, all lowest bytes first, so that zlib finds the zeros together.
        """
        children = np.bincount(self.parent[1:], minlength=len(self.parent))
        header = np.array([self.vocabulary, self.order, len(self.parent)])
        numbers = np.concatenate([header, children, self.token[1:], self.count]).astype("<i8")
        planes = numbers.view(np.uint8).reshape(-1, 8).T.tobytes()
        return base64.b64encode(zlib.compress(planes, 9)).decode("ascii")

    @classmethod
    def unpack(cls, packed: str) -> NGramCounts:
        """Undo `pack`. Raises DataError for a string that `pack` cannot have written."""
        numbers = _unpack_numbers(packed)
        vocabulary, order, nodes = (int(number) for number in numbers[:_HEADER])
        _check_size(vocabulary, order)
        fits = 1 <= nodes <= 1 + MAX_NGRAMS and len(numbers) == _HEADER + 3 * nodes - 1
        _require(fits, f"it claims {nodes:,} n-grams and holds {len(numbers):,} numbers")
        children, token, count = np.split(numbers[_HEADER:], [nodes, 2 * nodes - 1])
        connected = bool(((children >= 0) & (children < nodes)).all()) and int(children.sum()) == nodes - 1
        _require(connected, f"its {nodes:,} n-grams are not connected")
        counts = cls(vocabulary, order, np.append(0, np.repeat(np.arange(nodes), children)), np.append(0, token), count)
        _check_trie(counts)
        return counts


class _TrieBuilder:
    """Builds NGramCounts level by level."""

    def __init__(self, vocabulary: int, total: int) -> None:
        self.vocabulary = vocabulary
        self.nodes = 1
        self.levels = [np.array([[0], [0], [total]])]  # of parent, token, count, each (3, n)

    def make_keys(self, parent: Ints, token: Ints) -> Ints:
        """One number for each pair of parent and token, which sorts as the pairs do."""
        return parent * (self.vocabulary + 1) + token

    def add_level(self, keys: Ints, count: Ints) -> Ints:
        """Add the n-grams of one length, by ascending keys; returns their nodes."""
        first, self.nodes = self.nodes, self.nodes + len(keys)
        self.levels.append(np.stack([*np.divmod(keys, self.vocabulary + 1), count]))
        return np.arange(first, self.nodes)

    def build(self, order: int) -> NGramCounts:
        """Keep the most frequent n-grams. A parent is no rarer than its children and precedes them, so it stays too."""
        parent, token, count = np.concatenate(self.levels, axis=1)
        kept = np.sort(np.argsort(-count, kind="stable")[: 1 + MAX_NGRAMS])
        return NGramCounts(self.vocabulary, order, np.searchsorted(kept, parent[kept]), token[kept], count[kept])


def _join_sentences(sentences: Iterable[Sequence[int]], vocabulary: int) -> tuple[Ints, Ints]:
    """All sentences with their edges, concatenated (n,); and for each token, how many are left of its sentence,
    itself included (n,)."""
    lengths: list[int] = []

    def add_edges() -> Iterator[Sequence[int]]:
        for sentence in sentences:
            lengths.append(len(sentence) + 2)
            yield from ((vocabulary,), sentence, (vocabulary,))

    stream = np.fromiter(chain.from_iterable(add_edges()), np.int64)
    unknown = stream[(stream < 0) | (stream > vocabulary)]
    edges = np.count_nonzero(stream == vocabulary)
    if len(unknown) or edges != 2 * len(lengths):
        found = unknown[0] if len(unknown) else vocabulary
        raise DataError(f"a sentence holds the token {found}", allowed=f"tokens from 0 to {vocabulary - 1:,}")
    ends = np.cumsum(np.array(lengths, np.int64))
    return stream, np.repeat(ends, lengths) - np.arange(len(stream))


def _check_size(vocabulary: int, order: int) -> None:
    if not 1 <= vocabulary <= MAX_VOCABULARY or not 1 <= order <= MAX_ORDER:
        raise DataError(
            f"n-grams of up to {order:,} out of {vocabulary:,} tokens",
            allowed=f"1 to {MAX_ORDER} out of at most {MAX_VOCABULARY:,}",
        )


def _unpack_numbers(packed: str) -> Ints:
    """The numbers in a packed string; refuses one that would expand to more than the largest model needs."""
    _require(len(packed) <= _MAX_PACKED_LENGTH, f"it has {len(packed):,} characters")
    max_bytes = 8 * (_HEADER + 3 * (1 + MAX_NGRAMS))
    unpacker = zlib.decompressobj()
    try:
        planes = unpacker.decompress(base64.b64decode(packed, validate=True), max_bytes + 1)
    except (ValueError, zlib.error) as error:
        raise _make_error(str(error)) from None
    _require(unpacker.eof and not unpacker.unused_data, f"it is cut off, or unpacks to more than {max_bytes:,} bytes")
    _require(len(planes) % 8 == 0 and len(planes) >= 8 * _HEADER, f"it unpacks to {len(planes):,} bytes")
    numbers: Ints = np.frombuffer(planes, np.uint8).reshape(8, -1).T.copy().view("<i8")[:, 0].astype(np.int64)
    return numbers


def _check_trie(ngrams: NGramCounts) -> None:
    """Raises DataError if nodes, tokens or counts cannot come from sentences."""
    parent, token, count, edge = ngrams.parent[1:], ngrams.token[1:], ngrams.count, ngrams.vocabulary
    ended = (ngrams.token == edge) & (ngrams.parent > 0)
    unordered = (parent[1:] == parent[:-1]) & (token[1:] <= token[:-1])
    exceeded = np.bincount(parent, count[1:], len(count)) > count
    _require(bool((parent <= np.arange(len(parent))).all()), "an n-gram comes before its own prefix")
    _require(ngrams.levels()[-1].stop == len(count), f"an n-gram has more than {ngrams.order} tokens")
    _require(bool(((token >= 0) & (token <= edge)).all()), "a token is outside the vocabulary")
    _require(not unordered.any(), "n-grams are out of order")
    _require(not ended[parent].any(), "a sentence continues after its end")
    _require(
        bool((count[1:] > 0).all()) and 0 <= int(count.min()) <= int(count.max()) <= MAX_COUNT,
        "a count is out of range",
    )
    _require(not exceeded.any(), "an n-gram is more frequent than its own prefix")


def _require(valid: bool, reason: str) -> None:
    if not valid:
        raise _make_error(reason)


def _make_error(reason: str) -> DataError:
    return DataError(
        f"not a packed language model: {reason}",
        hint="copy the model file again from where it was made, or train again",
    )
