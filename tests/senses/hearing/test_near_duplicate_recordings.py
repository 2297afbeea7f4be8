"""Versions of a recording are found; other takes of the same sound are not."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from seehear.senses.hearing.examine import measure_clipping, measure_hum_db
from seehear.senses.hearing.near_duplicates import correlate, find_near_duplicates, make_fingerprint
from seehear.senses.hearing.plan import RATE_HZ

Samples = NDArray[np.float32]


def say(take: int) -> Samples:
    """One word, with the pitch, timing and breath of this take: half a second of harmonics and noise."""
    rng = np.random.default_rng(take)
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(rng.uniform(110, 130) + rng.uniform(-20, 20) * time_s) / RATE_HZ
    voice = sum(np.sin(order * phase + rng.uniform(0, 6)) / order for order in range(1, 20))
    return np.asarray((0.1 * voice + rng.normal(0, 0.01, len(time_s))) * np.sin(np.pi * time_s / 0.5), np.float32)


TAKES = [say(take) for take in range(30)]


def compress(samples: Samples) -> Samples:
    file = BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="OGG", subtype="OPUS", compression_level=0.9)
    file.seek(0)
    return np.asarray(soundfile.read(file)[0], np.float32)


VERSIONS = {
    "compressed": compress,
    "trimmed": lambda samples: samples[613:-400],
    "quieter": lambda samples: samples / 10,
    "inverted": lambda samples: -samples,
    "padded": lambda samples: np.pad(samples, (801, 90)),
}


def test_takes_of_one_word_are_not_versions_of_one() -> None:
    assert find_near_duplicates([make_fingerprint(take) for take in TAKES]) == []


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_is_found_among_other_takes(name: str) -> None:
    fingerprints = [make_fingerprint(take) for take in [*TAKES, VERSIONS[name](TAKES[4])]]
    (pair,) = find_near_duplicates([*fingerprints[:10], None, *fingerprints[10:]])
    assert (pair.first, pair.second) == (4, 31)


def test_correlation_equals_the_one_at_each_shift() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=40).astype(np.float32), rng.normal(size=31).astype(np.float32)
    other[5:] += one[8:34]
    shifted = [
        abs(a @ b) / np.sqrt((a @ a) * (b @ b))
        for shift in range(-12, 22)
        for start, end in [(max(0, shift), min(40, shift + 31))]
        if end - start >= 0.6 * 31
        for a, b in [(one[start:end], other[start - shift : end - shift])]
    ]
    assert correlate(one, other) >= max(shifted) - 1e-5
    assert correlate(one, other) < max(shifted) + 0.1


@pytest.mark.parametrize("hz", [50, 60])
def test_hum_stands_out_where_it_is(hz: int) -> None:
    hum = (0.003 * np.sin(2 * np.pi * hz * np.arange(3 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, 3 * RATE_HZ).astype(np.float32)
    assert measure_hum_db(noise + hum, hz) > 15
    assert measure_hum_db(noise + hum, 110 - hz) < 8 > measure_hum_db(noise, hz)


def test_only_samples_that_were_cut_off_are_clipped() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    assert measure_clipping(0.5 * np.clip(tone, -0.5, 0.5)) > 0.5
    assert measure_clipping(np.random.default_rng(0).normal(0, 0.2, RATE_HZ).astype(np.float32)) == 0
