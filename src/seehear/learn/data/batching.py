"""Batches of examples of similar length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

BUCKET = 8  # batches, whose examples are sorted by length together
LARGEST_BATCH = 1.75  # values in a batch with its padding, relative to a full batch of average examples


def make_batches(rows: Rows, lengths: NDArray[np.int64], size: int, seed: tuple[int, ...]) -> list[Rows]:
    """One epoch in random batches of examples of similar length. The few examples left over are dropped.

    rows      indices of the examples
    lengths   (n,) of all examples, by index
    size      of a batch; an even number, so that every batch has one

    A batch has `size` examples, or half or a quarter of that if they are so long that it would need much more memory
    and time than others. So there are few shapes: kernels are built for each one, and it is rare shapes that fail.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(rows)
    size = min(size, len(rows) // 2 * 2)
    most = LARGEST_BATCH * size * float(lengths[rows].mean())
    batches: list[Rows] = []
    for start in range(0, len(shuffled), size * BUCKET):
        bucket = shuffled[start : start + size * BUCKET]
        by_length = bucket[np.argsort(lengths[bucket], kind="stable")]
        cut = _cut(by_length, lengths, size, most)
        if left := len(bucket) - sum(map(len, cut)):
            others = _cut(np.delete(by_length, random.choice(len(bucket), left, replace=False)), lengths, size, most)
            cut = others if sum(map(len, others)) == len(bucket) - left else cut  # drop at random, not by length
        batches += cut
    return [batches[place] for place in random.permutation(len(batches))]


def _cut(rows: Rows, lengths: NDArray[np.int64], size: int, most: float) -> list[Rows]:
    """Cut rows sorted by length into batches, the longest first, until too few are left for another."""
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
