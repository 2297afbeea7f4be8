"""The outline of a recording, against the largest sample of each hundredth of a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.errors import InputError
from seehear.senses.hearing import decode
from seehear.senses.hearing.peaks import FULL_SCALE, PEAKS_PER_S, compute_peaks


def write(folder: Path, samples: np.ndarray, rate_hz: int, name: str = "a.wav") -> Path:
    soundfile.write(folder / name, samples, rate_hz, subtype="FLOAT" if name.endswith("wav") else None)
    return folder / name


def slow_peaks(samples: np.ndarray, rate_hz: int) -> list[int]:
    loudest: dict[int, np.float32] = {}
    for frame, values in enumerate(samples.reshape(len(samples), -1)):
        number = frame * PEAKS_PER_S // rate_hz
        loudest[number] = max(loudest.get(number, np.float32(0)), np.abs(values).max())
    return [int(np.round(np.minimum(loudest[number], np.float32(1)) * FULL_SCALE)) for number in sorted(loudest)]


@settings(max_examples=30)
@given(
    rate_hz=st.sampled_from((8000, 11_025, 16_000, 22_050, 44_100)),
    frames=st.integers(1, 5000),
    channels=st.integers(1, 2),
    block=st.sampled_from((7, 160, 1000, 1 << 18)),
)
def test_peaks_do_not_depend_on_blocks(
    tmp_path_factory: pytest.TempPathFactory, rate_hz: int, frames: int, channels: int, block: int
) -> None:
    folder = tmp_path_factory.mktemp("peaks")
    samples = np.random.default_rng(frames).uniform(-1.2, 1.2, (frames, channels)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "_BLOCK_SAMPLES", block)
        found = compute_peaks(write(folder, samples, rate_hz))
    assert found.dtype == np.uint8
    assert list(found) == slow_peaks(samples, rate_hz)


def test_compressed_recordings_have_peaks_too(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(np.arange(16_000) / 5).astype(np.float32)
    quiet = np.zeros(16_000, np.float32)
    found = compute_peaks(write(tmp_path, np.concatenate([quiet, tone]), 16_000, "a.flac"))
    assert len(found) == 200
    assert found[:99].max() == 0
    assert np.all(np.abs(found[101:].astype(int) - 127) < 3)


def test_a_damaged_recording_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF and no more")
    with pytest.raises(InputError, match=r"a\.wav"):
        compute_peaks(tmp_path / "a.wav")
