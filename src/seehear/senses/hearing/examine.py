"""Examine a recording: its level, noise, hum and clipping, and how it was stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seehear.geometry import Grid
from seehear.media import Excerpt
from seehear.senses.examination import Array, Examination, Flaw, NearDuplicate, Presentation
from seehear.senses.hearing import near_duplicates
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.read import read_with_header
from seehear.senses.hearing.statistics import SILENT_DB, compute_statistics

Samples = NDArray[np.float32]

PRESENTED_S = 4.0
SHORT_S = 0.1
QUIET_DB = -50.0  # of the loudest 5 % of frames, relative to full scale
NOISY_DB = -6.0  # of the quietest 10 % of frames, relative to the loudest 5 %: nothing stands out
CLIPPED = 0.002  # share of samples at full scale; a few may be there without harm
FULL_SCALE = 0.99  # of the highest peak
RUN = 3  # successive samples at full scale: fewer are a peak, more were cut off
MAINS_HZ = (50, 60)
BESIDE_HZ = 18.0  # either side of a frequency with which it is compared
FFT_S = 1.0
MOST_FRAMES = 60  # of FFT_S, of a long recording

FLAWS = (
    Flaw("empty", lambda m: m["level_db"] <= SILENT_DB, "silence only", empty=True),
    Flaw(
        "nearly silent",
        lambda m: (m["level_db"] > SILENT_DB) & (m["level_db"] < QUIET_DB),
        "its loudest part is at {level_db:.0f} dB",
    ),
    Flaw("clipped", lambda m: m["clipped_share"] > CLIPPED, "{clipped_share:.1%} of its samples are cut off"),
    Flaw("very short", lambda m: m["seconds"] < SHORT_S, "{seconds:.3f} s"),
)


class HearingExaminer:
    """The `Examiner` of recordings."""

    flaws: Sequence[Flaw] = FLAWS
    telltales: Mapping[str, str] = {
        "hum_50_db": "hum at 50 Hz",
        "hum_60_db": "hum at 60 Hz",
        "offset": "offset of the samples from zero",
        "floor_db": "noise floor",
    }
    not_looked_for: Sequence[str] = (
        "recordings of one event by two microphones, or at another speed or pitch",
        "recordings that agree only after their first seconds",
    )

    def examine(self, source: Path | Excerpt) -> Examination:
        samples, header = read_with_header(source)
        statistics = compute_statistics(samples)
        hum = {f"hum_{hz}_db": measure_hum_db(samples, hz) for hz in MAINS_HZ}
        measures = {
            "seconds": len(samples) / RATE_HZ,
            "clipped_share": measure_clipping(samples),
            "offset": float(samples.mean()),
            "floor_db": statistics["level_db"] + statistics["noise_db"],
            **statistics,
            **hum,
        }
        traits = {"format": header.file_type}
        if header.rate_hz:
            traits |= {"sample rate": f"{header.rate_hz} Hz", "channels": str(header.channels)}
        return Examination(
            Grid(samples.shape, 1 / RATE_HZ, "s"),
            measures,
            traits,
            fingerprint=near_duplicates.make_fingerprint(samples) if statistics["level_db"] > SILENT_DB else None,
        )

    def present(self, source: Path | Excerpt) -> Presentation:
        import soundfile  # takes 0.13 s to import

        file = BytesIO()
        samples = read_with_header(source)[0][: round(PRESENTED_S * RATE_HZ)]
        soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
        return Presentation("audio/wav", file.getvalue())

    def find_near_duplicates(self, fingerprints: Sequence[Array | None]) -> Sequence[NearDuplicate]:
        return near_duplicates.find_near_duplicates(fingerprints)


def measure_clipping(samples: Samples) -> float:
    """The share of samples (T,) in runs of at least RUN at the highest or lowest value, if that is a peak of the
    recording: cut off by a converter, or by a program that then lowered the level."""
    peak = float(np.abs(samples).max())
    if peak < 0.1:
        return 0.0
    full = np.abs(samples) >= FULL_SCALE * peak
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= RUN].sum()) / len(samples)


def measure_hum_db(samples: Samples, hz: float) -> float:
    """How far the power at a frequency of mains stands out from that beside it, in dB.

    The median over frames of a second, so that a low voice that passes it for a moment does not count.
    """
    size = min(len(samples), round(FFT_S * RATE_HZ))
    starts = range(0, len(samples) - size + 1, size)
    frames = np.stack([samples[start : start + size] for start in starts[:MOST_FRAMES]])
    power = np.square(np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * np.hanning(size), axis=1)))
    bins_hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    width_hz = 2 * RATE_HZ / size  # of the main lobe of the window, to its first zero
    own = np.abs(bins_hz - hz) <= max(1.0, bins_hz[1] / 2)
    beside = (np.abs(bins_hz - hz) > width_hz) & (np.abs(bins_hz - hz) <= max(BESIDE_HZ, 3 * width_hz))
    if not own.any() or not beside.any():
        return 0.0
    quiet = 1e-12 * size  # below rounding noise
    ratio = (power[:, own].max(1) + quiet) / (np.median(power[:, beside], axis=1) + quiet)
    return float(10 * np.log10(np.median(ratio)))
