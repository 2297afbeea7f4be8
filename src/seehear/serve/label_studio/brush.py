"""Run lengths as Label Studio's brush stores them.

A string of bits: 32 for the number of values, 5 for the bits of a value less one, 4 x 4 for the bits of four kinds of
length less one. Then, for each run: 1, two bits for the kind of its length, its length less one, its value. The
values are the red, green, blue and opacity of each pixel, row by row.
See https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

VALUE_BITS = 8
LENGTH_BITS = (3, 4, 8, 16)
LONG = LENGTH_BITS.index(16)  # the only kind of length that is written
LONGEST = 1 << LENGTH_BITS[LONG]  # values in a run
CHANNELS = 4


def encode_brush(inside: Array) -> list[int]:
    """Pixels (H, W) bool -> bytes."""
    pixels = inside.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(pixels)) + 1])
    lengths = np.diff(np.concatenate([starts, [pixels.size]])) * CHANNELS
    pieces = -(-lengths // LONGEST)
    piece_lengths = np.full(pieces.sum(), LONGEST)
    piece_lengths[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * LONGEST
    values = np.repeat(np.where(pixels[starts], (1 << VALUE_BITS) - 1, 0), pieces)
    head = [_to_bits(np.array([pixels.size * CHANNELS]), 32), _to_bits(np.array([VALUE_BITS - 1]), 5)]
    head += [_to_bits(np.array([bits - 1]), 4) for bits in LENGTH_BITS]
    kind = _to_bits(np.full(len(values), 0b100 | LONG), 3)
    runs = np.concatenate([kind, _to_bits(piece_lengths - 1, LENGTH_BITS[LONG]), _to_bits(values, VALUE_BITS)], axis=1)
    packed: list[int] = np.packbits(np.concatenate([*(each.ravel() for each in head), runs.ravel()])).tolist()
    return packed


def _to_bits(numbers: Array, count: int) -> Array:
    """(n,) integers -> (n, count) bits, highest first."""
    bits: Array = (numbers[:, None] >> np.arange(count)[::-1]) & 1
    return bits
