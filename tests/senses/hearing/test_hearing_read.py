from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from malformed_corpus import SEEDS, filmed, nan_wav, recorded, seed, silent_flac, tone, wide_wav
from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.read import read_portion
from seehear.senses.truncation import check_not_truncated

SOUNDING = [name for name, (senses, _) in SEEDS.items() if "audio" in senses]
LOSSY_S = 0.07  # of delay and of padding that coders add, or of a frame that they lose


def written(samples: np.ndarray, rate_hz: int, kind: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def pitch_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(power.argmax() * RATE_HZ / len(samples))


def refusal(source: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        HEARING.read(source)
    return caught.value


@given(
    rate_hz=st.sampled_from([8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000]),
    channels=st.integers(1, 6),
    subtype=st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]),
    tenths=st.integers(2, 12),
)
@settings(max_examples=25)
def test_resampling_and_downmixing_keep_a_tone(rate_hz: int, channels: int, subtype: str, tenths: int) -> None:
    t_s = np.arange(rate_hz * tenths // 10) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * 1_000 * t_s)
    data = written(np.repeat(wave[:, None], channels, axis=1), rate_hz, subtype=subtype)
    samples = HEARING.read(data)
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert abs(len(samples) - RATE_HZ * tenths / 10) <= 2
    assert pitch_hz(samples) == pytest.approx(1_000, abs=12)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", SOUNDING)
def test_formats_are_read_from_path_and_bytes_under_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a wrong name.raw"
    path.write_bytes(seed(name))
    samples = HEARING.read(path)
    assert len(samples) == pytest.approx(RATE_HZ, abs=LOSSY_S * RATE_HZ)
    assert pitch_hz(samples) == pytest.approx(440, abs=3)
    assert np.quantile(np.abs(samples), 0.99) == pytest.approx(0.4, abs=0.05)  # coders ring at an abrupt end
    np.testing.assert_array_equal(HEARING.read(path.read_bytes()), samples)


def test_large_files(tmp_path: Path) -> None:
    path = tmp_path / "long.raw"
    path.write_bytes(written(tone(48_000, 12.0), 48_000, subtype="PCM_16"))
    assert path.stat().st_size > 1 << 20
    np.testing.assert_array_equal(HEARING.read(path), HEARING.read(path.read_bytes()))


@pytest.mark.parametrize("name", SOUNDING)
def test_truncated_files_are_rejected_or_complete(name: str) -> None:
    data = seed(name)
    whole = HEARING.read(data)
    for length in {*range(1, len(data) - 64, len(data) // 12), len(data) - 65}:
        try:
            samples = HEARING.read(data[:length])
        except InputError:
            continue
        np.testing.assert_array_equal(samples, whole)


@pytest.mark.parametrize("name", ["rf64", "w64", "sph", "aac", "wma", "flv", "mpg", "ts", "amr"])
@pytest.mark.parametrize("share", [0.3, 0.55, 0.97])
def test_truncation_is_reported(name: str, share: float) -> None:
    data = amr(50) if name == "amr" else seed(name)
    assert ": cut short: " in str(refusal(data[: int(len(data) * share)]))


@pytest.mark.parametrize("name", ["aac", "wma", "w64", "rf64", "mpg"])
def test_appended_data_is_not_truncation(name: str) -> None:
    data = seed(name)
    tagged = data + b"TAG" + bytes(125)  # ID3v1
    assert len(HEARING.read(tagged)) == pytest.approx(len(HEARING.read(data)), abs=LOSSY_S * RATE_HZ)


def amr(frames: int) -> bytes:
    """Silence: frames of type 7, 32 bytes each, of which most are zero."""
    return b"#!AMR\n" + (bytes([7 << 3 | 4]) + bytes(31)) * frames


def test_rf64_of_unknown_length_is_complete() -> None:
    data = seed("rf64")
    at = data.index(b"ds64") + 16
    assert struct.unpack("<Q", data[at : at + 8])[0] == 32_000
    unknown = data[:at] + bytes(8) + data[at + 8 :]
    check_not_truncated(io.BytesIO(unknown), "wav")
    check_not_truncated(io.BytesIO(data + bytes(99)), "wav")


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize("second", [-1.0, -0.4, -3.0])
def test_inverted_channels_do_not_cancel(rate_hz: int, second: float) -> None:
    wave = 0.3 * tone(rate_hz)
    both = np.stack([wave, second * wave], axis=1)
    samples = HEARING.read((both, rate_hz))
    assert np.abs(samples).max() == pytest.approx(np.abs(wave).max() * (1 - second) / 2, rel=0.02)
    assert pitch_hz(samples) == pytest.approx(440, abs=3)
    np.testing.assert_allclose(read_portion(both), wave * (1 - second) / 2, atol=1e-6)


def test_inversion_is_decided_for_the_whole_recording() -> None:
    """Loud agreement outweighs a quiet moment in which the channels cancel."""
    wave = 0.5 * tone(RATE_HZ, 40.0)  # of several blocks
    opposed = np.stack([wave, -wave], axis=1)
    np.testing.assert_allclose(HEARING.read(written(opposed, RATE_HZ)), wave, atol=1e-4)
    mixed = np.stack([wave, np.concatenate([-wave[: 10 * RATE_HZ], wave[10 * RATE_HZ :]])], axis=1)
    samples = HEARING.read(mixed)
    assert not samples[: 10 * RATE_HZ].any()
    np.testing.assert_allclose(samples[10 * RATE_HZ :], wave[10 * RATE_HZ :], atol=1e-6)


@pytest.mark.parametrize("kind", ["one is silent", "partly opposed", "unlike", "alike", "both silent"])
def test_other_channels_are_averaged(kind: str) -> None:
    chance = np.random.default_rng(0)
    first, noise = (chance.normal(0, 0.1, RATE_HZ).astype(np.float32) for _ in range(2))
    second = {
        "one is silent": 0 * first,
        "partly opposed": -0.6 * first + 0.8 * noise,  # a correlation of -0.6
        "unlike": noise,
        "alike": 0.5 * first,
        "both silent": 0 * first,
    }[kind]
    first = 0 * first if kind == "both silent" else first
    both = np.stack([first, second], axis=1)
    np.testing.assert_allclose(HEARING.read(both), both.mean(axis=1), atol=1e-6)


def test_wav_of_unknown_length_is_complete() -> None:
    data = recorded("WAV", "PCM_16")
    start = data.index(b"data") + 4
    unknown = data[:start] + struct.pack("<I", 0xFFFFFFFF) + data[start + 4 :]
    np.testing.assert_array_equal(HEARING.read(unknown), HEARING.read(data))


def test_flac_of_unknown_length_is_complete() -> None:
    assert len(HEARING.read(silent_flac(0))) == 10 * RATE_HZ


def test_arrays_default_to_16_khz() -> None:
    wave = tone(RATE_HZ)
    np.testing.assert_array_equal(HEARING.read(wave), wave)
    np.testing.assert_array_equal(HEARING.read((wave, RATE_HZ)), wave)
    assert len(HEARING.read((tone(48_000), 48_000))) == pytest.approx(RATE_HZ, abs=2)
    np.testing.assert_allclose(HEARING.read((wave * 32_768).astype(np.int16)), wave, atol=1e-4)
    np.testing.assert_allclose(HEARING.read((wave * 127 + 128).astype(np.uint8)), wave, atol=2e-2)
    np.testing.assert_allclose(HEARING.read(np.stack([wave, 0 * wave], axis=1)), wave / 2, atol=1e-6)


def test_beyond_full_scale_is_scaled_not_clipped() -> None:
    wave = tone(RATE_HZ)
    loud = HEARING.read(wave * 5)
    np.testing.assert_allclose(loud, wave / np.abs(wave).max(), atol=1e-6)


def test_silence_is_valid() -> None:
    assert not HEARING.read(np.zeros(800, np.float32)).any()
    assert HEARING.summarise(np.zeros(800, np.float32)) == {"seconds": 0.05, "top_hz": 0.0, "constant": True}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.zeros(0, np.float32), "an empty recording"),
        (np.zeros((5, 5, 5)), "an array of shape (5, 5, 5). Allowed: (T,) or (T, channels)."),
        (np.zeros((2, 48_000)), "48000 channels. Allowed: 1 to 64. Next: an array is (samples, channels)"),
        (np.zeros(5, np.complex64), "an array of complex64. Allowed: floats, int16, int32 or uint8."),
        (np.array([0.0, np.inf]), "samples that are not numbers (nan or infinite)."),
        ((np.zeros(5), 500), "a sample rate of 500 Hz. Allowed: 1000 to 384000 Hz."),
        ((np.zeros(5), "fast"), "a sample rate of 'fast'. Allowed: a whole number of Hz."),
        (np.broadcast_to(np.float32(0), 16_000 * 3_601), "too long: at least 60 minutes, 1 channels."),
        (b"", "empty: 0 bytes."),
        (b"seven,8\n", "not a recording but text. Allowed: a wav, flac,"),
        (b"#EXTM3U\nhttp://localhost/a.wav\n", "not a recording but text."),
        (None, "a NoneType cannot be read."),
    ],
)
def test_errors_name_the_reason(source: Any, words: str) -> None:
    assert words in str(refusal(source))


def test_hostile_files_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(nan_wav())
    assert str(refusal(path)).startswith(f"{path}: samples that are not numbers (nan or infinite).")
    assert "at least 1800 minutes, 2 channels. Allowed: up to 60 minutes, less with many channels." in str(
        refusal(silent_flac(30))
    )
    assert "cut short: 1879044192 bytes are missing." in str(refusal(wide_wav(1, data_bytes=0x7000_0000)))
    assert "a sample rate of 500 Hz" in str(refusal(wide_wav(1, rate_hz=500)))
    assert "not a recording but png." in str(refusal(seed("png")))
    assert "a video without sound. Next: use it as image." in str(refusal(seed_without_sound()))


def seed_without_sound() -> bytes:
    return filmed("mp4", None, "mpeg4")


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6), ("7.1", 8)])
def test_surround_sound_is_averaged(layout: str, channels: int) -> None:
    interleaved = np.repeat(tone(48_000), channels)[None]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        sound = out.add_stream("aac", rate=48_000, layout=layout)
        for start in range(0, 46 * 1_024, 1_024):
            samples = interleaved[:, start * channels : (start + 1_024) * channels]
            frame = av.AudioFrame.from_ndarray(samples, format="flt", layout=layout)
            frame.sample_rate, frame.pts = 48_000, start
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    samples = HEARING.read(file.getvalue())
    assert len(samples) == pytest.approx(RATE_HZ, abs=LOSSY_S * RATE_HZ)
    assert pitch_hz(samples) == pytest.approx(440, abs=3)


SECONDS = 6
SPOKEN = {  # how the recordings are made that excerpts are read from
    "wav": lambda wave: written(wave, 48_000),
    "flac": lambda wave: written(wave, 48_000, "FLAC"),
    "ogg": lambda wave: written(wave, 48_000, "OGG", "VORBIS"),
    "opus": lambda wave: written(wave, 48_000, "OGG", "OPUS"),
    "mp3": lambda wave: filmed("mp3", "libmp3lame", None, samples=wave),
    "m4a": lambda wave: filmed("mp4", "aac", None, samples=wave),
    "mp4": lambda wave: filmed("mp4", "aac", "mpeg4", samples=wave),
    "mkv": lambda wave: filmed("matroska", "flac", None, samples=wave),
    "webm": lambda wave: filmed("webm", "libopus", None, samples=wave),
    "ts": lambda wave: filmed("mpegts", "aac", None, samples=wave),
}
TIMED_TO_1_MS = ("mkv", "webm")


@cache
def spoken(kind: str) -> bytes:
    """SECONDS of a tone that rises from 100 to 1,000 Hz, so that all excerpts differ."""
    t_s = np.arange(48_000 * SECONDS) / 48_000
    return SPOKEN[kind]((0.4 * np.sin(2 * np.pi * (100 * t_s + 75 * t_s**2))).astype(np.float32))


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 0.5), (0.3, 1.2), (3.21, 4.987), (4.9, 5.9)])
def test_an_excerpt_equals_a_slice(tmp_path: Path, kind: str, start_s: float, end_s: float) -> None:
    path = tmp_path / f"talk.{kind}"
    path.write_bytes(spoken(kind))
    excerpt = HEARING.read(Excerpt(path, start_s, end_s))
    assert len(excerpt) == pytest.approx((end_s - start_s) * RATE_HZ, abs=2)
    first = round(start_s * RATE_HZ)
    whole = HEARING.read(path)[first : first + len(excerpt)]
    inner = slice(200, -200)  # a resampler knows nothing of what lies before and after an excerpt
    tolerance = 0.4 * 2 * np.pi * 1_000 * 0.001 / 2 if kind in TIMED_TO_1_MS else 0.002
    np.testing.assert_allclose(excerpt[inner], whole[inner], atol=tolerance)


@given(start=st.integers(0, 5_800), length=st.integers(1, 5_800))
@settings(max_examples=40)
def test_any_excerpt_within_a_recording(start: int, length: int) -> None:
    end = min(start + length, 5_900)
    with NamedTemporaryFile(suffix=".flac") as file:
        file.write(spoken("flac"))
        file.flush()
        samples = HEARING.read(Excerpt(Path(file.name), start / 1_000, end / 1_000))
    assert len(samples) == pytest.approx((end - start) * RATE_HZ / 1_000, abs=2)


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize("start_s", [5.0, 60.0])
def test_an_excerpt_beyond_the_end_is_rejected(tmp_path: Path, kind: str, start_s: float) -> None:
    path = tmp_path / f"talk.{kind}"
    path.write_bytes(spoken(kind))
    words = str(refusal(Excerpt(path, start_s, start_s + 2)))
    where = f"{path} [{start_s:.2f} s to {start_s + 2:.2f} s]"
    assert words.startswith(f"{where}: the excerpt ends at {start_s + 2:.2f} s, the recording at ")
    told_s = float(words.partition("the recording at ")[2].split()[0])
    assert told_s == pytest.approx(SECONDS, abs=LOSSY_S)


def test_rounded_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(spoken("wav"))
    assert len(HEARING.read(Excerpt(path, 5.5, 6.04))) == pytest.approx(RATE_HZ / 2, abs=2)


@pytest.mark.parametrize(("start_s", "end_s"), [(2.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_invalid_excerpts_are_rejected(tmp_path: Path, start_s: float, end_s: float) -> None:
    words = str(refusal(Excerpt(tmp_path / "talk.wav", start_s, end_s)))
    assert (
        f"an excerpt from {start_s:g} s to {end_s:g} s. Allowed: seconds from 0 on, with the end after the start."
        in words
    )


def test_an_excerpt_of_a_missing_file(tmp_path: Path) -> None:
    words = str(refusal(Excerpt(tmp_path / "talk.wav", 1, 2)))
    assert words.startswith(f"{tmp_path / 'talk.wav'} [1.00 s to 2.00 s]: there is no such file.")


def test_an_excerpt_of_a_very_long_recording(tmp_path: Path) -> None:
    path = tmp_path / "day.wav"
    with soundfile.SoundFile(path, "w", 1_000, 1, "PCM_U8") as file:
        file.write(np.full(1_000 * 3_700, 0.25))
    assert "too long" in str(refusal(path))
    assert len(HEARING.read(Excerpt(path, 3_650, 3_651))) == pytest.approx(RATE_HZ, abs=2)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_top_hz(rate_hz: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, rate_hz).astype(np.float32)
    facts = HEARING.summarise(HEARING.read(written(noise, rate_hz)))
    assert facts["top_hz"] == pytest.approx(rate_hz / 2, rel=0.06)
    assert facts["seconds"] == pytest.approx(1.0, abs=0.001)
    assert not facts["constant"]


@pytest.mark.parametrize("seconds", [0.003, 1.0, 90.0])
def test_draw_spectrogram(seconds: float) -> None:
    wave = (0.5 * np.sin(2 * np.pi * 1_000 * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)
    drawn = np.asarray(HEARING.draw(wave).convert("L"), float)
    brightest = drawn[:240].mean(axis=1).argmax() / 240
    mel = 2595 * np.log10(1 + np.array([1_000, 8_000]) / 700)
    assert brightest == pytest.approx(1 - mel[0] / mel[1], abs=0.05)
