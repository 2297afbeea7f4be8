"""Find pictures that are versions of one: rescaled, compressed again, slightly cropped, mirrored.

Low frequencies of the cosine transform give candidates (as in pHash, Zauner 2010): those that are even from left to
right stay the same in a mirrored picture, and those that are odd change their sign. Candidates are aligned by the
method of Lucas and Kanade (1981; Baker and Matthews 2004), which undoes a crop, and then compared pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.senses.examination import Array, NearDuplicate

Floats = NDArray[np.float32]

FINGERPRINT_PX = 16
FREQUENCIES = 8  # lowest, horizontal and vertical
PRIOR = 100  # pictures with the statistics of photographs, that count beside those of the dataset
CANDIDATE = 0.75  # similarity of low frequencies, from which pictures are aligned
MOST_CANDIDATES = 20  # for each picture, on average
SAME = 0.987  # correlation of aligned pictures that are versions of one
STEPS = 8  # of the alignment
MOST_SCALE, MOST_SHIFT = 0.12, 0.08  # that a crop explains, as shares of the picture
BLOCK, AT_ONCE = 256, 2048  # pictures whose frequencies are compared at once: 2 MB fit into a cache
PAIRS_AT_ONCE = 2048  # that are aligned
MIRRORED = "mirrored"


class Pairs(NamedTuple):
    """Pairs of pictures, first < second: indices (p,), and whether one must be mirrored (p,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    mirrored: NDArray[np.bool_]


def find_near_duplicates(fingerprints: Sequence[Array | None]) -> list[NearDuplicate]:
    """Pairs of pictures (FINGERPRINT_PX, FINGERPRINT_PX) uint8; None stands for a plain one, which is like nothing."""
    present = [place for place, each in enumerate(fingerprints) if each is not None]
    if len(present) < 2:
        return []
    pictures = np.stack([np.asarray(fingerprints[place]) for place in present])  # (n, H, W)
    found = []
    for first, second, mirrored in _find_candidates(pictures):
        others = np.where(mirrored[:, None, None], pictures[second, :, ::-1], pictures[second])
        for one, other, flipped, likeness in zip(
            first.tolist(), second.tolist(), mirrored.tolist(), compare_aligned(pictures[first], others), strict=True
        ):
            if likeness >= SAME:
                how = MIRRORED if flipped else ""
                found.append(NearDuplicate(present[one], present[other], float(likeness), how))
    return found


def _find_candidates(pictures: NDArray[np.uint8]) -> Iterator[Pairs]:
    """Pairs with similar low frequencies, some at a time."""
    even, odd = _split_frequencies(pictures)
    held: list[Pairs] = []
    for top in range(0, len(pictures), BLOCK):
        blocks = [_compare_block(even, odd, top, left) for left in range(top, len(pictures), AT_ONCE)]
        likeness = np.concatenate([alike for _, alike in blocks])
        pairs = _concatenate([pairs for pairs, _ in blocks])
        if len(likeness) > MOST_CANDIDATES * BLOCK:
            pairs = _take(pairs, np.argpartition(-likeness, MOST_CANDIDATES * BLOCK)[: MOST_CANDIDATES * BLOCK])
        held.append(pairs)
        if sum(len(each.first) for each in held) >= PAIRS_AT_ONCE:
            yield from _cut(_concatenate(held))
            held = []
    if held:
        yield from _cut(_concatenate(held))


def _compare_block(even: Floats, odd: Floats, top: int, left: int) -> tuple[Pairs, Floats]:
    """The similar pairs of the BLOCK of pictures from `top` and the AT_ONCE ones from `left`, and how similar."""
    likeness = odd[top : top + BLOCK] @ odd[left : left + AT_ONCE].T
    np.abs(likeness, out=likeness)
    likeness += even[top : top + BLOCK] @ even[left : left + AT_ONCE].T
    row, column = np.divmod(np.flatnonzero(likeness >= CANDIDATE), likeness.shape[1])
    later = column + left > row + top
    row, column = row[later], column[later]
    first, second = row + top, column + left
    mirrored = np.einsum("pf,pf->p", odd[first], odd[second]) < 0
    return Pairs(first, second, mirrored), likeness[row, column]


def _concatenate(pairs: Sequence[Pairs]) -> Pairs:
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*pairs, strict=True)))


def _take(pairs: Pairs, chosen: Any) -> Pairs:
    return Pairs(*(array[chosen] for array in pairs))


def _cut(pairs: Pairs) -> Iterator[Pairs]:
    for start in range(0, len(pairs.first), PAIRS_AT_ONCE):
        yield _take(pairs, slice(start, start + PAIRS_AT_ONCE))


def _split_frequencies(pictures: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """(n, H, W) -> the low frequencies that are even from left to right (n, .), and those that are odd; together of
    length 1.

    What all pictures of the dataset have in common is taken out and what differs most is weighted less, or else all
    chest X-rays would be alike.
    """
    place = np.arange(FINGERPRINT_PX)
    basis = np.cos(np.pi * (place[:, None] + 0.5) * np.arange(FREQUENCIES) / FINGERPRINT_PX).astype(np.float32)
    frequency = np.hypot(*np.indices((FREQUENCIES, FREQUENCIES))).astype(np.float32)
    spectra = np.concatenate(
        [
            basis.T @ pictures[start : start + AT_ONCE].astype(np.float32) @ basis
            for start in range(0, len(pictures), AT_ONCE)
        ]
    )  # (n, vertical, horizontal)
    spectra = _normalise(spectra * np.sqrt(frequency))  # so that they vary about equally: the mean has frequency 0
    prior = (frequency > 0) / np.count_nonzero(frequency)
    usual = spectra.sum(0) / (len(spectra) + PRIOR)
    usual[:, 1::2] = 0  # a mirrored picture has these with another sign
    spectra -= usual
    variance = (np.square(spectra).sum(0) + PRIOR * prior) / (len(spectra) + PRIOR)
    spectra = _normalise(np.where(frequency > 0, spectra / (variance + 1e-12) ** 0.25, 0))
    even, odd = (np.ascontiguousarray(spectra[:, :, first::2]) for first in (0, 1))
    return even.reshape(len(spectra), -1), odd.reshape(len(spectra), -1)


def _normalise(spectra: NDArray[Any]) -> Floats:
    return np.asarray(spectra / (np.linalg.norm(spectra, axis=(1, 2), keepdims=True) + 1e-6), np.float32)


def compare_aligned(pictures: NDArray[np.uint8], others: NDArray[np.uint8]) -> Floats:
    """(p, H, W) and (p, H, W) -> (p,) the correlation of each pair after the scale and shift that align them best; 0
    where no crop would explain these."""
    one, other = (_standardise(each.astype(np.float32)) for each in (pictures, others))
    slope_y, slope_x = (np.asarray(slope, np.float32) for slope in np.gradient(other, axis=(1, 2)))
    y, x = (np.indices(one.shape[1:]) - (FINGERPRINT_PX - 1) / 2).astype(np.float32)
    scale, shift = np.ones((len(one), 2), np.float32), np.zeros((len(one), 2), np.float32)  # of y and x
    for _ in range(STEPS):
        moved, inside = _sample(other, scale, shift)
        down, across = (_sample(slope, scale, shift)[0] for slope in (slope_y, slope_x))
        design = np.stack([down * y, across * x, down, across, -one, -np.ones_like(one)], axis=-1) * inside[..., None]
        design = design.reshape(len(one), -1, 6)
        normal = np.einsum("pki,pkj->pij", design, design) + 1e-3 * np.eye(6, dtype=np.float32)
        target = -np.einsum("pki,pk->pi", design, (moved * inside).reshape(len(one), -1))
        step = np.linalg.solve(normal, target[..., None])[..., 0]
        scale = np.clip(scale + step[:, :2], 1 - MOST_SCALE, 1 + MOST_SCALE)
        shift = np.clip(shift + step[:, 2:4], -MOST_SHIFT * FINGERPRINT_PX, MOST_SHIFT * FINGERPRINT_PX)
    moved, inside = _sample(other, scale, shift)
    return _correlate(one, moved, inside)


def _sample(pictures: Floats, scale: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """(p, H, W) read at scale * position + shift (p, 2), of y and x from the centre -> (pictures, whether inside)."""
    size = pictures.shape[1]
    centre = (size - 1) / 2
    offsets = np.arange(size, dtype=np.float32) - centre
    y, x = (scale[:, axis, None] * offsets + shift[:, axis, None] + np.float32(centre) for axis in (0, 1))
    inside = ((y >= 0) & (y <= size - 1))[:, :, None] & ((x >= 0) & (x <= size - 1))[:, None, :]
    rows, columns = (_interpolation(at, size) for at in (y, x))  # (p, H, H), (p, W, W)
    return np.asarray(rows @ pictures @ columns.transpose(0, 2, 1), np.float32), inside.astype(np.float32)


def _interpolation(at: Floats, size: int) -> Floats:
    """(p, H) positions -> (p, H, size) the weight of each line at each position."""
    weight: Floats = np.maximum(0, 1 - np.abs(np.clip(at, 0, size - 1)[:, :, None] - np.arange(size, dtype=np.float32)))
    return weight


def _standardise(pictures: Floats) -> Floats:
    pictures = pictures - pictures.mean((1, 2), keepdims=True)
    spread: Floats = pictures / (pictures.std((1, 2), keepdims=True) + 1e-6)
    return spread


def _correlate(one: Floats, other: Floats, weight: Floats) -> Floats:
    """(p,) the correlation of pairs (p, H, W) where the weight is 1."""
    total = weight.sum((1, 2), keepdims=True) + 1e-6
    one, other = (each - (each * weight).sum((1, 2), keepdims=True) / total for each in (one, other))
    shared, own, others = ((a * b * weight).sum((1, 2)) for a, b in ((one, other), (one, one), (other, other)))
    correlation: Floats = shared / np.sqrt(own * others + 1e-6)
    return correlation
