"""Find recordings that are versions of one: encoded again, trimmed, louder or quieter.

Two takes of one word by one speaker sound alike, but their waveforms do not agree; those of two versions of one take
do. So recordings with similar spectra and similar envelopes are compared by the peak of the normalised
cross-correlation of their waveforms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from seehear.senses.examination import Array, NearDuplicate
from seehear.senses.hearing.plan import RATE_HZ

Samples = NDArray[np.float32]

FINGERPRINT_HZ = 8_000  # telephones and all codecs keep most of this band
LONGEST_S = 8.0  # that is compared, from the beginning
BANDS = 48
FRAME = 512  # samples of a fingerprint in one frame of its spectrum
NEIGHBOURS = 8  # recordings with the most similar spectra that each is compared with
SIMILAR_SPECTRUM = 0.95  # cosine
ENVELOPE_FRAME = FINGERPRINT_HZ // 100
SIMILAR_ENVELOPE = 0.85  # correlation
FAINT = 1e-3  # level of an envelope, relative to its highest, below which it is noise
SAME = 0.935  # correlation of the waveforms of versions of one recording
UNLIKE = 0.6  # correlation below which shifts by a part of a sample are not tried
SUBSAMPLES = 4
LEAST_OVERLAP = 0.6  # of the shorter recording
AT_ONCE = 512  # recordings whose spectra are compared with all others at once


def make_fingerprint(samples: Samples) -> Array:
    """(T,) at RATE_HZ -> (T,) int8 at FINGERPRINT_HZ, its mean 0 and its peak 127."""
    import soxr  # takes 0.1 s to import

    low = soxr.resample(samples[: round(LONGEST_S * RATE_HZ)], RATE_HZ, FINGERPRINT_HZ)
    low = low - low.mean() if len(low) else np.zeros(1, np.float32)
    peak = float(np.abs(low).max())
    return np.asarray(np.rint(127 * low / peak) if peak else low, np.int8)


def find_near_duplicates(fingerprints: Sequence[Array | None]) -> list[NearDuplicate]:
    """Pairs of recordings whose waveforms agree after a shift; None stands for silence, which is like nothing."""
    present = [place for place, each in enumerate(fingerprints) if each is not None and each.any()]
    if len(present) < 2:
        return []
    waves = [np.asarray(fingerprints[place]) for place in present]  # converted when compared, to save memory
    spectra = np.stack([_describe_spectrum(wave.astype(np.float32)) for wave in waves])
    envelopes = [_measure_envelope(wave.astype(np.float32)) for wave in waves]
    return [
        NearDuplicate(present[first], present[second], similarity)
        for first, second in _pair_neighbours(spectra)
        if correlate(envelopes[first], envelopes[second]) >= SIMILAR_ENVELOPE
        and (similarity := correlate(*(waves[place].astype(np.float32) for place in (first, second)))) >= SAME
    ]


def correlate(one: Samples, other: Samples) -> float:
    """The highest correlation of (T,) with (T',), of either sign, over all shifts at which enough of the shorter one
    overlaps. Its negative says that wires were swapped."""
    shorter, longer = sorted((one, other), key=len)
    size = 1 << (len(one) + len(other) - 1).bit_length()
    spectrum = np.fft.rfft(longer, size) * np.conj(np.fft.rfft(shorter, size))
    shifts = np.arange(-(len(shorter) - 1), len(longer))
    start, end = np.maximum(shifts, 0), np.minimum(shifts + len(shorter), len(longer))  # of the overlap, in `longer`
    energy = np.sqrt(_sum_squares(longer, start, end) * _sum_squares(shorter, start - shifts, end - shifts))
    enough = (end - start >= LEAST_OVERLAP * len(shorter)) & (energy > 1e-6)
    if not enough.any():
        return 0.0
    products = np.abs(np.fft.irfft(spectrum, size))
    similarity = float((products[shifts[enough]] / energy[enough]).max())
    if similarity < UNLIKE:
        return similarity
    between = np.fft.irfft(spectrum, SUBSAMPLES * size) * SUBSAMPLES
    products = np.abs(np.roll(between, SUBSAMPLES // 2).reshape(size, SUBSAMPLES)).max(1)
    return float((products[shifts[enough]] / energy[enough]).max())


def _sum_squares(wave: Samples, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    total: NDArray[np.float64] = np.maximum(sums[end] - sums[start], 0)
    return total


def _measure_envelope(wave: Samples) -> Samples:
    """(T,) -> the logarithm of the level of each ENVELOPE_FRAME, without its mean."""
    frames = wave[: max(1, len(wave) // ENVELOPE_FRAME) * ENVELOPE_FRAME]
    level = np.sqrt(np.square(frames.reshape(-1, min(ENVELOPE_FRAME, len(frames)))).mean(1))
    envelope = np.log(level + FAINT * level.max() + 1e-9)
    return np.asarray(envelope - envelope.mean(), np.float32)


def _describe_spectrum(wave: Samples) -> NDArray[np.float32]:
    """(T,) -> (BANDS,) the mean power in each band on a logarithmic scale, without the level, of length 1."""
    padded = np.pad(wave, (0, max(0, FRAME - len(wave))))
    starts = np.arange(0, len(padded) - FRAME + 1, FRAME // 2)
    frames = padded[starts[:, None] + np.arange(FRAME)] * np.hanning(FRAME)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(0)[1:]
    edges = np.linspace(0, len(power), BANDS + 1).astype(int)
    bands = np.log(np.add.reduceat(power, edges[:-1]) + 1e-6 * power.sum())
    bands = bands - bands.mean()
    return np.asarray(bands / max(float(np.linalg.norm(bands)), 1e-6), np.float32)


def _pair_neighbours(spectra: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Pairs (first < second) of recordings with similar spectra, of which one has the other among its NEIGHBOURS."""
    count = min(NEIGHBOURS, len(spectra) - 1)
    pairs = set[tuple[int, int]]()
    for start in range(0, len(spectra), AT_ONCE):
        similarity = spectra[start : start + AT_ONCE] @ spectra.T
        own = np.arange(len(similarity))
        similarity[own, start + own] = -np.inf
        nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        pairs |= {
            (min(row, other), max(row, other))
            for row, others in enumerate(nearest.tolist(), start)
            for other in others
            if similarity[row - start, other] >= SIMILAR_SPECTRUM
        }
    yield from sorted(pairs)
