"""Read any recording, or the sound track of a video, as 16 kHz mono."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.file_type import HEADER_BYTES, detect_file_type
from seehear.senses.hearing.decode import Sound, open_with_libav, open_with_sndfile
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.input_file import name_errors, open_source
from seehear.senses.isolated_decoding import decode_isolated
from seehear.senses.truncation import truncation_error

Samples = NDArray[np.float32]

LONGEST_S = 3_600
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 384_000
MOST_CHANNELS = 64
_MOST_SAMPLES = LONGEST_S * 48_000 * 4  # of all channels together, to bound the work

OPPOSITE = -0.9  # correlation below which two channels cancel: their mean keeps at most 5 % of the energy


def read(source: Any) -> Samples:
    """A path, an Excerpt, the bytes of a file, samples, or (samples, rate_hz) -> (T,) at RATE_HZ, within -1 to 1.

    Samples are (T,) or (T, channels) of floats, int16, int32 or uint8, at RATE_HZ unless a rate is given. Channels
    are averaged; if two would cancel, one is inverted first. A recording beyond full scale is scaled down, not
    clipped.
    Raises InputError if the source is not a recording, damaged, truncated, longer than LONGEST_S, or ends before the
    excerpt.
    """
    with name_errors(source, "recording"):
        return _read(source)


def check(source: Path | Excerpt) -> None:
    """Decode as `read` does, but keep nothing. What libsndfile reads may be longer than LONGEST_S: excerpts are not.

    Raises InputError like `read`.
    """
    excerpt = source if isinstance(source, Excerpt) else None
    with name_errors(source, "recording"), open_source(source) as file, open_with_sndfile(file, excerpt) as sound:
        if sound is None:
            decode_isolated("sound", file, source)
        else:
            _check_format(sound)
            _check_complete(sum(len(_check_finite(block)) for block in sound.blocks), sound)


def _read(source: Any) -> Samples:
    if isinstance(source, tuple) and len(source) == 2:
        return _to_mono(_from_array(np.asarray(source[0]), source[1]))
    if isinstance(source, np.ndarray):
        return _to_mono(_from_array(source, RATE_HZ))
    return _read_file(source)[0]


class RecordingHeader(NamedTuple):
    """How a recording was stored; rate and channels are 0 where only a worker process read it."""

    file_type: str
    rate_hz: int
    channels: int


def read_with_header(source: Path | Excerpt) -> tuple[Samples, RecordingHeader]:
    """What `read` gives, and how it was stored. Raises InputError like `read`."""
    with name_errors(source, "recording"):
        return _read_file(source)


def _read_file(source: Any) -> tuple[Samples, RecordingHeader]:
    excerpt = source if isinstance(source, Excerpt) else None
    with open_source(source) as file:
        file_type = detect_file_type(file.read(HEADER_BYTES))
        with open_with_sndfile(file, excerpt) as sound:
            if sound is None:
                return decode_isolated("sound", file, source), RecordingHeader(file_type, 0, 0)
            return _to_mono(sound), RecordingHeader(file_type, sound.rate_hz, sound.channels)


def decode(file: BinaryIO, excerpt: Excerpt | None = None) -> Samples:
    """Decode what libsndfile cannot read, in this process. Raises InputError, without `where`."""
    with open_with_libav(file, excerpt) as sound:
        return _to_mono(sound)


def read_portion(samples: Any) -> Samples:
    """A portion of live audio at RATE_HZ, an array as for `read` -> (T,). Raises InputError like `read`."""
    (block,) = _from_array(np.asarray(samples), RATE_HZ).blocks
    correlation = Correlation()
    if block.shape[1] == 2:
        correlation.add(block)
    return _check_finite(subtract_channels(block) if correlation.opposite else average_channels(block))


def make_resampler(rate_hz: int) -> Callable[[Samples], Samples]:
    """A function from the next portion (T,) of live sound at `rate_hz` to what it adds at RATE_HZ."""
    import soxr  # takes 0.1 s to import

    resample: Callable[[Samples], Samples] = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32").resample_chunk
    return resample


def _to_mono(sound: Sound) -> Samples:
    _check_format(sound)
    _check_length(sound.expected_frames, sound)
    import soxr  # takes 0.1 s to import

    downmixes = (average_channels, subtract_channels) if sound.channels == 2 else (average_channels,)
    to_rate = [soxr.ResampleStream(sound.rate_hz, RATE_HZ, 1, dtype="float32") for _ in downmixes]
    pieces: list[list[Samples]] = [[] for _ in downmixes]
    correlation = Correlation()
    frames = 0
    for block in sound.blocks:
        frames += len(block)
        _check_length(frames, sound)
        if block.shape[1] == 2:
            correlation.add(block)
        for downmix, resampler, own in zip(downmixes, to_rate, pieces, strict=True):
            mono = _check_finite(downmix(block) if block.shape[1] == 2 else average_channels(block))
            own.append(mono if sound.rate_hz == RATE_HZ else resampler.resample_chunk(mono))
    _check_complete(frames, sound)
    chosen = len(downmixes) - 1 if correlation.opposite else 0
    if sound.rate_hz != RATE_HZ:
        pieces[chosen].append(to_rate[chosen].resample_chunk(np.zeros(0, np.float32), last=True))
    samples = np.concatenate([np.zeros(0, np.float32), *pieces[chosen]], dtype=np.float32)
    if not len(samples):
        raise _empty_error(frames)
    peak = float(np.abs(samples).max())
    return samples / np.float32(peak) if peak > 1 else samples


def _check_format(sound: Sound) -> None:
    if not LOWEST_RATE_HZ <= sound.rate_hz <= HIGHEST_RATE_HZ:
        raise InputError(f"a sample rate of {sound.rate_hz} Hz", allowed=f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    if not 1 <= sound.channels <= MOST_CHANNELS:
        raise InputError(
            f"{sound.channels} channels",
            allowed=f"1 to {MOST_CHANNELS}",
            hint="an array is (samples, channels), not (channels, samples)",
        )


def _check_complete(frames: int, sound: Sound) -> None:
    """Raises InputError if fewer frames were decoded than there should be, or none."""
    if frames < sound.min_frames:
        raise truncation_error(f"{frames / sound.rate_hz:.2f} s of {sound.min_frames / sound.rate_hz:.2f} s")
    if not frames:
        raise _empty_error(frames)


def _empty_error(frames: int) -> InputError:
    return InputError(f"an empty recording ({frames} samples)", hint="record it again")


def _check_length(frames: int, sound: Sound) -> None:
    if frames > LONGEST_S * sound.rate_hz or frames * sound.channels > _MOST_SAMPLES:
        raise InputError(
            f"too long: at least {frames / sound.rate_hz / 60:.0f} minutes, {sound.channels} channels",
            allowed=f"up to {LONGEST_S // 60} minutes, less with many channels",
            hint="cut it into pieces",
        )


def _check_finite(mono: Samples) -> Samples:
    if not np.isfinite(mono).all():
        raise InputError("samples that are not numbers (nan or infinite)", hint="export the recording again")
    return mono


def _from_array(samples: NDArray[Any], rate_hz: Any) -> Sound:
    if samples.ndim not in (1, 2):
        raise InputError(f"an array of shape {samples.shape}", allowed="(T,) or (T, channels)")
    if not isinstance(rate_hz, (int, np.integer)):
        raise InputError(f"a sample rate of {rate_hz!r}", allowed="a whole number of Hz")
    if samples.dtype == np.uint8:  # as in 8-bit wav files, silence is 128
        scaled = (samples.astype(np.float32) - np.float32(128)) / np.float32(128)
    elif samples.dtype in (np.int16, np.int32):
        scaled = samples.astype(np.float32) / np.float32(-float(np.iinfo(samples.dtype).min))
    elif samples.dtype.kind == "f":
        scaled = samples.astype(np.float32, copy=False)
    else:
        raise InputError(f"an array of {samples.dtype}", allowed="floats, int16, int32 or uint8")
    block = scaled if scaled.ndim == 2 else scaled[:, None]
    return Sound(int(rate_hz), block.shape[1], iter([block]), expected_frames=len(block))


@dataclass
class Correlation:
    """The correlation of two channels, accumulated over blocks.

    With a wrongly wired plug, or a balanced line recorded as stereo, the second channel is the negative of the first,
    and their mean is silence.
    """

    own: float = 0.0  # energy of the first
    other: float = 0.0
    shared: float = 0.0

    def add(self, block: Samples) -> None:
        """block: (frames, 2)."""
        first, second = block[:, 0].astype(np.float64), block[:, 1].astype(np.float64)
        self.own += float(first @ first)
        self.other += float(second @ second)
        self.shared += float(first @ second)

    @property
    def opposite(self) -> bool:
        """Whether one channel is the inverse of the other, at any level. False if one is silent."""
        return self.shared < OPPOSITE * math.sqrt(self.own * self.other)


def average_channels(block: Samples) -> Samples:
    """(frames, channels) -> (frames,)"""
    return np.ascontiguousarray(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1), np.float32)


def subtract_channels(block: Samples) -> Samples:
    """The mean of the first channel and the inverse of the second: (frames, 2) -> (frames,)"""
    return np.ascontiguousarray((block[:, 0] - block[:, 1]) / 2, np.float32)
