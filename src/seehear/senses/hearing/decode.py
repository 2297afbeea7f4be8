"""Decodes recordings in blocks, so that memory is bounded for any length that they claim.

libsndfile reads uncompressed and lossless formats, and Ogg. libav, if installed, reads the rest and the sound track of
videos. It also reads mp3, because libsndfile's mp3 decoder writes to stderr.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, groupby
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.file_type import HEADER_BYTES, describe_file_type, detect_file_type
from seehear.senses.input_file import END_TOLERANCE_S, beyond_end_error
from seehear.senses.libav import DEMUXERS, check_libav, decode_frames, open_container
from seehear.senses.truncation import check_not_truncated

Block = NDArray[np.float32]

READABLE = "a wav, flac, ogg, opus, mp3, m4a, webm, aiff, au or caf recording, or a video with sound"
_SNDFILE = frozenset(("wav", "flac", "ogg", "aiff", "au", "caf", "w64", "sphere"))
_UNSAID_FRAMES = 1 << 62  # how libsndfile reports an unknown length; it cannot read such files
_EXACT = _SNDFILE - {"ogg"}  # formats with exact seeking; in Vorbis it is inexact near the end
_BLOCK_SAMPLES = 1 << 18  # of all channels together
_TIMED = ("mp4", "matroska")  # containers with a time for each packet, so that seeking works
_LEAD_S = 0.5  # decoded before an excerpt after seeking: codecs need a pre-roll (Opus 0.08 s, AAC 0.05 s)


@dataclass(frozen=True)
class Sound:
    """blocks (frames, channels); frames_said: expected length, 0 if unknown; at_least: fewer frames are an error."""

    rate_hz: int
    channels: int
    blocks: Iterator[Block]
    expected_frames: int = 0
    min_frames: int = 0


@contextmanager
def open_with_sndfile(file: BinaryIO, excerpt: Excerpt | None = None) -> Iterator[Sound | None]:
    """Context manager: an open file, or an excerpt of it, as a Sound; None if libav must decode it.

    Raises InputError, at once or while reading blocks, if it is not a recording or ends before the excerpt.
    """
    kind = _check_type(file)
    check_not_truncated(file, kind)
    if kind in _SNDFILE and (opened := _open_sndfile(file, kind)):
        with opened:
            yield (
                _read_blocks(opened)
                if excerpt is None
                else _read_sndfile_excerpt(opened, excerpt, exact=kind in _EXACT)
            )
    else:
        check_libav(kind)
        yield None


@contextmanager
def open_with_libav(file: BinaryIO, excerpt: Excerpt | None = None) -> Iterator[Sound]:
    """Like by_sndfile, for all other files. A damaged file may take much time and memory."""
    kind = _check_type(file)
    length_s = _measure_duration_s(file, kind) if excerpt is None else 0.0
    with open_container(file, kind) as media:
        yield (
            _read_libav(media, length_s)
            if excerpt is None
            else _read_libav_excerpt(media, excerpt, timed=kind in _TIMED)
        )


def _check_type(file: BinaryIO) -> str:
    file.seek(0)
    kind = detect_file_type(file.read(HEADER_BYTES))
    if kind not in _SNDFILE and kind not in DEMUXERS:
        raise InputError(f"not a recording but {describe_file_type(kind)}", allowed=READABLE)
    return kind


def _open_sndfile(file: BinaryIO, kind: str) -> Any:
    """A soundfile.SoundFile, or None if libav may know the codec in this container: Speex, ADPCM, …"""
    import soundfile  # takes 0.13 s to import

    if isinstance(file, BytesIO):
        readable: Any = _ClampedBytesIO(file.getvalue())
    else:  # the descriptor, because soundfile would trust the file name's extension
        readable = file.fileno()
        os.lseek(readable, 0, os.SEEK_SET)
    try:
        opened = soundfile.SoundFile(readable, closefd=False)
    except soundfile.LibsndfileError:
        if kind in DEMUXERS:
            return None
        raise
    if opened.frames < _UNSAID_FRAMES:
        return opened
    opened.close()
    return None


class _ClampedBytesIO(BytesIO):
    """A BytesIO that ignores seeks to before its start, which libsndfile makes in damaged files.

    An exception cannot pass through libsndfile and would be printed to stderr.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _read_blocks(opened: Any) -> Sound:
    def blocks() -> Iterator[Block]:
        size = max(1, _BLOCK_SAMPLES // opened.channels)
        while len(block := opened.read(size, dtype="float32", always_2d=True)):
            yield block

    return Sound(opened.samplerate, opened.channels, blocks(), expected_frames=opened.frames, min_frames=opened.frames)


def _read_sndfile_excerpt(opened: Any, excerpt: Excerpt, *, exact: bool) -> Sound:
    rate_hz = opened.samplerate
    begin, end = _frame_range(excerpt, rate_hz)
    if end > opened.frames + END_TOLERANCE_S * rate_hz:
        raise beyond_end_error(excerpt, opened.frames / rate_hz)
    at = opened.seek(min(begin, opened.frames)) if exact else 0
    blocks = _cut_excerpt(_read_blocks(opened).blocks, at, excerpt, rate_hz)
    return Sound(rate_hz, opened.channels, blocks, expected_frames=end - at, min_frames=min(end, opened.frames) - begin)


def _frame_range(excerpt: Excerpt, rate_hz: int) -> tuple[int, int]:
    return round(excerpt.start_s * rate_hz), round(excerpt.end_s * rate_hz)


def _measure_duration_s(file: BinaryIO, kind: str) -> float:
    """Length of the first sound track, from its packets, which is much cheaper than decoding."""
    with open_container(file, kind) as media:
        if not media.streams.audio:
            raise InputError("a video without sound", hint="use it as image")
        stream = media.streams.audio[0]
        ticks = sum(packet.duration or 0 for packet in media.demux(stream))
        return float(ticks * stream.time_base)


def _read_libav(media: Any, length_s: float) -> Sound:
    _, decoded = _open_track(media)
    first = next(decoded)
    blocks = _resample(first, chain([first], decoded))
    return Sound(first.sample_rate, first.layout.nb_channels, blocks, expected_frames=int(length_s * first.sample_rate))


def _read_libav_excerpt(media: Any, excerpt: Excerpt, *, timed: bool) -> Sound:
    """An excerpt, by seeking if packets have times, otherwise by decoding from the start.

    frames_said counts all decoded frames, so that a late excerpt of a recording without times is rejected as too long.
    """
    stream, decoded = _open_track(media)
    first, at = next(decoded), 0
    decoded = chain([first], decoded)
    if timed and first.pts is not None and excerpt.start_s > _LEAD_S:
        decoded, at = _seek(media, stream, first.pts, excerpt.start_s - _LEAD_S)
    blocks = _cut_excerpt(_resample(first, decoded), at, excerpt, first.sample_rate)
    end = _frame_range(excerpt, first.sample_rate)[1]
    return Sound(first.sample_rate, first.layout.nb_channels, blocks, expected_frames=end - at)


def _open_track(media: Any) -> tuple[Any, Iterator[Any]]:
    """(the first sound track, its decoded frames: at least one)."""
    if not media.streams.audio:
        raise InputError("a video without sound", hint="use it as image")
    stream = media.streams.audio[0]
    stream.codec_context.thread_count = 1
    decoded = decode_frames(media, stream)
    first = next(decoded, None)
    if first is None:
        raise InputError("damaged: no sound can be decoded", hint="copy or export it again")
    return stream, chain([first], decoded)


def _seek(media: Any, stream: Any, origin: int, time_s: float) -> tuple[Iterator[Any], int]:
    """(decoded frames from at or before a time on, sample offset of the first of them from the origin)."""
    wanted = origin + int(time_s / stream.time_base)
    for begin in (wanted, origin):  # some files seek too far
        media.seek(begin, stream=stream)
        decoded = decode_frames(media, stream)
        frame = next(decoded, None)
        if frame is not None and frame.pts is not None and frame.pts <= wanted:
            return chain([frame], decoded), round((frame.pts - origin) * stream.time_base * frame.sample_rate)
    raise InputError("damaged: its sound has no timestamps", hint="copy or export it again")


def _resample(first: Any, decoded: Iterator[Any]) -> Iterator[Block]:
    """Decoded frames as blocks at the rate of the first frame: some codecs double the rate in the header.

    Channels are interleaved, because PyAV reads past the planes of frames with eight or more. Their number may change,
    as between the programmes of a broadcast.
    """
    import av

    for (_, layout, _), same_format in groupby(decoded, key=_frame_format):
        interleaved = av.AudioResampler(format="flt", layout=layout, rate=first.sample_rate)
        for frame in chain(same_format, [None]):  # None flushes the resampler
            yield from (_block(out) for out in interleaved.resample(frame))


def _frame_format(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _cut_excerpt(blocks: Iterator[Block], at: int, excerpt: Excerpt, rate_hz: int) -> Iterator[Block]:
    """Cut an excerpt from blocks of which the first starts at frame `at`."""
    begin, end = _frame_range(excerpt, rate_hz)
    for block in blocks:
        if at + len(block) > begin:
            yield block[max(0, begin - at) : end - at]
        at += len(block)
        if at >= end:
            return
    if at + END_TOLERANCE_S * rate_hz < end:
        raise beyond_end_error(excerpt, at / rate_hz)


def _block(frame: Any) -> Block:
    block: Block = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return block
