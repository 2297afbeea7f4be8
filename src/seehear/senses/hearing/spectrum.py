"""Spectrum of a recording: its highest frequency, and a spectrogram picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seehear.senses.hearing.plan import RATE_HZ

Samples = NDArray[np.float32]

_WINDOW_SAMPLES = 1024
_MOST_FRAMES = 2_000
_HEARD_DB = -70.0  # relative to the strongest frequency: recording noise lies above it, resampler residue below
_SHOWN_DB = 80.0
_COLUMNS, _ROWS, _MARGIN_PX = 800, 240, 18
_COLOURS = (  # black, violet, orange, pale yellow: lightness rises evenly, for colour-blind readers
    (0, 0, 0),
    (50, 18, 90),
    (125, 30, 110),
    (195, 55, 90),
    (240, 110, 55),
    (252, 180, 70),
    (252, 253, 190),
)


def top_hz(samples: Samples) -> float:
    """The highest frequency with any signal; 0 for silence. Recordings at 8 kHz give about 4000."""
    power = _power(samples, _MOST_FRAMES).mean(axis=0)
    heard = np.flatnonzero(power > power.max() * 10 ** (_HEARD_DB / 10))
    return float(heard[-1] * RATE_HZ / _WINDOW_SAMPLES) if power.max() > 0 else 0.0


def _power(samples: Samples, frames: int) -> NDArray[np.float64]:
    """(T,) -> power (up to `frames`, frequencies) of Hann windows spread evenly over the recording."""
    padded = np.pad(samples, (0, max(0, _WINDOW_SAMPLES - len(samples))))
    most = 1 + (len(padded) - _WINDOW_SAMPLES) // (_WINDOW_SAMPLES // 4)
    starts = np.linspace(0, len(padded) - _WINDOW_SAMPLES, min(frames, most)).astype(int)
    windows = padded[starts[:, None] + np.arange(_WINDOW_SAMPLES)] * np.hanning(_WINDOW_SAMPLES)
    return np.square(np.abs(np.fft.rfft(windows, axis=1)))


def draw(samples: Samples) -> Image.Image:
    """A spectrogram: time in seconds to the right, frequency upwards on the mel scale, brighter is louder."""
    power = _power(samples, _COLUMNS)
    mel = np.linspace(0, to_mel(RATE_HZ / 2), _ROWS)
    bins = np.rint(to_hz(mel) * _WINDOW_SAMPLES / RATE_HZ).astype(int)
    level_db = 10 * np.log10(power[:, bins].T[::-1] + 1e-10)
    shown = np.clip((level_db - level_db.max()) / _SHOWN_DB + 1, 0, 1) if power.max() > 0 else level_db * 0
    picture = Image.fromarray(_apply_colour_map(shown)).resize((_COLUMNS, _ROWS), Image.Resampling.BILINEAR)
    framed = Image.new("RGB", (_COLUMNS, _ROWS + _MARGIN_PX), "white")
    framed.paste(picture)
    _label_seconds(ImageDraw.Draw(framed), len(samples) / RATE_HZ)
    return framed


def place_in_spectrogram(cells: NDArray[Any], first: float, across: float) -> NDArray[np.float32]:
    """(rows, columns) -> (H, W) float32, as large as what `draw` draws: the value of each of its pixels.

    0 in its margin and beyond the cells.

    The rows are equally wide on the mel scale, the highest first. The picture begins at the column `first` and shows
    `across` columns.
    """
    rows, columns = cells.shape
    across_px = np.floor(first + (np.arange(_COLUMNS) + 0.5) / _COLUMNS * across).astype(np.int64)
    down_px = ((np.arange(_ROWS) + 0.5) / _ROWS * rows).astype(np.int64)
    known = (across_px >= 0) & (across_px < columns)
    placed = np.zeros((_ROWS + _MARGIN_PX, _COLUMNS), np.float32)
    placed[:_ROWS] = cells[down_px][:, np.clip(across_px, 0, columns - 1)] * known
    return placed


def to_mel(hz: NDArray[Any] | float) -> NDArray[np.float64]:
    """O'Shaughnessy, Speech Communication (1987), p. 150."""
    return np.asarray(2595 * np.log10(1 + np.asarray(hz) / 700))


def to_hz(mel: NDArray[Any] | float) -> NDArray[np.float64]:
    return np.asarray(700 * (10 ** (np.asarray(mel) / 2595) - 1))


def _apply_colour_map(values: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W) of 0..1 -> (H, W, 3)."""
    steps = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(values, steps, channel) for channel in zip(*_COLOURS, strict=True)]
    coloured: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return coloured


def _label_seconds(draw: Any, seconds: float) -> None:
    """A tick about every eighth of the picture, at 1, 2 or 5 times a power of ten."""
    rough = seconds / 8
    scale = 10 ** np.floor(np.log10(rough))
    step = next(float(scale * factor) for factor in (1, 2, 5, 10) if scale * factor >= rough)
    for tick in np.arange(0, seconds, step):
        x = tick / seconds * _COLUMNS
        draw.line([(x, _ROWS), (x, _ROWS + 4)], fill="black")
        draw.text((x + 3, _ROWS + 3), f"{tick:g} s", fill="black")
