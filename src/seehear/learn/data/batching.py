"""Which examples make a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

LIKE_LENGTHS = 8  # batches among which examples of similar length are put together
LONGEST_BATCH = 1.75  # numbers in a batch with its padding, over those of a batch of average examples


def batches_of(rows: Rows, lengths: NDArray[np.int64], size: int, seed: tuple[int, ...]) -> list[Rows]:
    """One pass over the rows in random batches, examples of similar length together; the few left over wait.

    rows      numbers of examples
    lengths   (n,) of every example, by number
    size      of a batch; an even number, so that every batch is

    A batch has `size` examples, or a half or a quarter where they are so long that it would need much more memory and
    time than others. So there are few shapes: kernels are built once for each, and rare shapes are where kernels fail.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(rows)
    size = min(size, len(rows) // 2 * 2)
    most = LONGEST_BATCH * size * float(lengths[rows].mean())
    batches: list[Rows] = []
    for start in range(0, len(shuffled), size * LIKE_LENGTHS):
        some = shuffled[start : start + size * LIKE_LENGTHS]
        by_length = some[np.argsort(lengths[some], kind="stable")]
        cut = _cut(by_length, lengths, size, most)
        if left := len(some) - sum(map(len, cut)):
            others = _cut(np.delete(by_length, random.choice(len(some), left, replace=False)), lengths, size, most)
            cut = others if sum(map(len, others)) == len(some) - left else cut  # chance decides who waits, not length
        batches += cut
    return [batches[place] for place in random.permutation(len(batches))]


def _cut(rows: Rows, lengths: NDArray[np.int64], size: int, most: float) -> list[Rows]:
    """Batches of rows that are sorted by length, the longest first, until too few are left for another."""
    sizes = sorted({max(2, size // part // 2 * 2) for part in (1, 2, 4)}, reverse=True)
    batches: list[Rows] = []
    while len(rows):
        longest = float(lengths[rows[-1]])
        count = next((each for each in sizes if each * longest <= most), sizes[-1])
        if count > len(rows):
            break
        batches.append(rows[-count:])
        rows = rows[:-count]
    return batches
