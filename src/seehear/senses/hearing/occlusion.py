"""Hides parts of a sound, each a band of frequencies for a time: there it becomes as quiet as its quietest parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.geometry import Geometry
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.spectrum import place_in_spectrogram, to_hz, to_mel
from seehear.senses.occlusion import Place, enlarge

Array = NDArray[Any]
Samples = NDArray[np.float32]

BANDS = 12  # equally wide on the mel scale
CELLS = 32  # in time, at most
SHORTEST_S = 0.05  # of a cell
WINDOW_SAMPLES, HOP_SAMPLES = 512, 128
QUIET = 5.0  # percentile of all magnitudes, to which what is hidden is turned down


class SoundOcclusion:
    """samples (T,) float32, preprocessed."""

    def __init__(self, samples: Samples, geometry: Geometry) -> None:
        self._samples, self._geometry = samples, geometry
        self._spectrum = _transform(samples)  # (frames, bins)
        magnitude = np.abs(self._spectrum)
        floor = np.percentile(magnitude, QUIET)
        self._excess = 1 - np.minimum(1, floor / np.maximum(magnitude, 1e-12))  # the share above the floor
        self._band = _positions_of_bins(self._spectrum.shape[1])
        columns = int(len(samples) / RATE_HZ / SHORTEST_S)
        self.shape = BANDS, int(np.clip(columns, 1, CELLS))

    def hide(self, hidden: Array) -> Samples:
        hops = max(1, round(len(self._samples) / HOP_SAMPLES))
        centres = np.clip(np.arange(len(self._spectrum)) - 1, 0, hops - 1)  # of the frames, in hops
        share = enlarge(hidden, BANDS, hops)[:, centres][self._band].T  # (frames, bins)
        removed = _invert(self._spectrum * (share * self._excess), len(self._samples))
        return (self._samples - removed).astype(np.float32)

    def locate(self, rows: slice, columns: slice) -> Place:
        cell_s = len(self._samples) / RATE_HZ / self.shape[1]
        ends = np.array([[columns.start], [columns.stop]]) * cell_s
        start, end = np.clip(self._geometry.warp.back(ends)[:, 0], 0, self._geometry.original.duration_s).tolist()
        top = to_mel(RATE_HZ / 2)
        low, high = (float(to_hz(top * (BANDS - row) / BANDS)) for row in (rows.stop, rows.start))
        spans = {"time_s": (start, end), "frequency_hz": (low, high)}
        return Place(f"{start:.2f} to {end:.2f} s, {low:,.0f} to {high:,.0f} Hz", spans)

    def project(self, heat: Array, drawn: tuple[int, int]) -> Array:
        cells_per_s = RATE_HZ * self.shape[1] / len(self._samples)
        scale, offset_s = self._geometry.warp.scale[0], self._geometry.warp.offset[0]
        shown_s = scale * self._geometry.original.duration_s
        return place_in_spectrogram(heat, offset_s * cells_per_s, shown_s * cells_per_s)


def _positions_of_bins(bins: int) -> Array:
    """The row of the grid of each frequency; the first is the highest."""
    mel = to_mel(np.linspace(0, RATE_HZ / 2, bins))
    rows: Array = (BANDS * (1 - mel / to_mel(RATE_HZ / 2))).astype(np.int64)
    return np.clip(rows, 0, BANDS - 1)


def _window() -> Array:
    return np.hanning(WINDOW_SAMPLES + 1)[:-1]


def _transform(samples: Samples) -> NDArray[np.complex128]:
    """(T,) -> (frames, bins) with Hann windows that cover every sample WINDOW / HOP times."""
    edge = WINDOW_SAMPLES - HOP_SAMPLES
    frames = -(-(len(samples) + edge) // HOP_SAMPLES)
    padded = np.zeros(edge + frames * HOP_SAMPLES + edge)
    padded[edge : edge + len(samples)] = samples
    starts = np.arange(frames)[:, None] * HOP_SAMPLES
    return np.fft.rfft(padded[starts + np.arange(WINDOW_SAMPLES)] * _window(), axis=1)


def _invert(spectrum: NDArray[np.complex128], length: int) -> Array:
    """(frames, bins) -> (length,), the least-squares inverse of `_transform` (Griffin & Lim 1984)."""
    frames, overlap = len(spectrum), WINDOW_SAMPLES // HOP_SAMPLES
    pieces = np.fft.irfft(spectrum, WINDOW_SAMPLES, axis=1) * _window()
    summed = np.zeros((frames + overlap - 1, HOP_SAMPLES))
    for part in range(overlap):
        summed[part : part + frames] += pieces[:, part * HOP_SAMPLES : (part + 1) * HOP_SAMPLES]
    weight = np.square(_window()).reshape(overlap, HOP_SAMPLES).sum(0)
    edge = WINDOW_SAMPLES - HOP_SAMPLES
    flat: Array = (summed / weight).ravel()[edge : edge + length]
    return flat
