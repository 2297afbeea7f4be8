"""Recordings as blocks of samples, so that memory is bounded however long they claim to be.

libsndfile reads what is plain or lossless, and Ogg. libav, where it is installed, reads the rest, and the sound track
of a video: mp3 too, because libsndfile's own decoder of mp3 writes to stderr.
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
from seehear.senses.libav import DEMUXERS, check_libav, container, frames
from seehear.senses.truncation import check_not_truncated

Block = NDArray[np.float32]

READABLE = "a wav, flac, ogg, opus, mp3, m4a, webm, aiff, au or caf recording, or a video with sound"
_SNDFILE = frozenset(("wav", "flac", "ogg", "aiff", "au", "caf", "w64", "sphere"))
_UNSAID_FRAMES = 1 << 62  # libsndfile's word for a length that the header leaves open; it can not read such files
_EXACT = _SNDFILE - {"ogg"}  # where libsndfile jumps to the very sample; in Vorbis it misses near the end
_BLOCK_SAMPLES = 1 << 18  # of all channels together
_TIMED = ("mp4", "matroska")  # containers that tell when each packet sounds, so that one can jump to a stretch
_LEAD_S = 0.5  # decoded before a stretch that was jumped to: coders need what came before (Opus 0.08 s, AAC 0.05 s)


@dataclass(frozen=True)
class Sound:
    """blocks (frames, channels); frames_said to decode, 0 if the header leaves it open; at_least so many must come."""

    rate_hz: int
    channels: int
    blocks: Iterator[Block]
    frames_said: int = 0
    at_least: int = 0


@contextmanager
def by_sndfile(file: BinaryIO, excerpt: Excerpt | None = None) -> Iterator[Sound | None]:
    """An open file, or the excerpt of it, as one Sound, while the context lasts; None for what libav must decode.

    Raises InputError, then or while the blocks come, for what is not a recording or ends before the excerpt does.
    """
    kind = _kind(file)
    check_not_truncated(file, kind)
    if kind in _SNDFILE and (opened := _sndfile(file, kind)):
        with opened:
            yield _blocks_of(opened) if excerpt is None else _sndfile_excerpt(opened, excerpt, exact=kind in _EXACT)
    else:
        check_libav(kind)
        yield None


@contextmanager
def by_libav(file: BinaryIO, excerpt: Excerpt | None = None) -> Iterator[Sound]:
    """As by_sndfile, of all else. It may take long, and much memory, where a file is damaged."""
    kind = _kind(file)
    length_s = _counted_s(file, kind) if excerpt is None else 0.0
    with container(file, kind) as media:
        yield _libav(media, length_s) if excerpt is None else _libav_excerpt(media, excerpt, timed=kind in _TIMED)


def _kind(file: BinaryIO) -> str:
    file.seek(0)
    kind = detect_file_type(file.read(HEADER_BYTES))
    if kind not in _SNDFILE and kind not in DEMUXERS:
        raise InputError(f"not a recording but {describe_file_type(kind)}", allowed=READABLE)
    return kind


def _sndfile(file: BinaryIO, kind: str) -> Any:
    """A soundfile.SoundFile, or None where libav may know better what the container holds: Speex, ADPCM, …"""
    import soundfile  # 0.13 s to import: paid by those who listen

    if isinstance(file, BytesIO):
        readable: Any = _Staying(file.getvalue())
    else:  # the descriptor, not the file: soundfile believes the ending of a file's name, which may lie
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


class _Staying(BytesIO):
    """Stays where it is when libsndfile, misled by a damaged file, seeks to before its start.

    An exception could not pass through libsndfile and would be printed to stderr.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _blocks_of(opened: Any) -> Sound:
    def blocks() -> Iterator[Block]:
        size = max(1, _BLOCK_SAMPLES // opened.channels)
        while len(block := opened.read(size, dtype="float32", always_2d=True)):
            yield block

    return Sound(opened.samplerate, opened.channels, blocks(), frames_said=opened.frames, at_least=opened.frames)


def _sndfile_excerpt(opened: Any, excerpt: Excerpt, *, exact: bool) -> Sound:
    rate_hz = opened.samplerate
    begin, end = _frames_of(excerpt, rate_hz)
    if end > opened.frames + END_TOLERANCE_S * rate_hz:
        raise beyond_end_error(excerpt, opened.frames / rate_hz)
    at = opened.seek(min(begin, opened.frames)) if exact else 0
    blocks = _cut(_blocks_of(opened).blocks, at, excerpt, rate_hz)
    return Sound(rate_hz, opened.channels, blocks, frames_said=end - at, at_least=min(end, opened.frames) - begin)


def _frames_of(excerpt: Excerpt, rate_hz: int) -> tuple[int, int]:
    return round(excerpt.start_s * rate_hz), round(excerpt.end_s * rate_hz)


def _counted_s(file: BinaryIO, kind: str) -> float:
    """The length of the first sound track, by its packets: counting costs little, decoding to find out much."""
    with container(file, kind) as media:
        if not media.streams.audio:
            raise InputError("a video without sound", hint="use it as image")
        stream = media.streams.audio[0]
        ticks = sum(packet.duration or 0 for packet in media.demux(stream))
        return float(ticks * stream.time_base)


def _libav(media: Any, length_s: float) -> Sound:
    _, decoded = _begun(media)
    first = next(decoded)
    blocks = _resampled(first, chain([first], decoded))
    return Sound(first.sample_rate, first.layout.nb_channels, blocks, frames_said=int(length_s * first.sample_rate))


def _libav_excerpt(media: Any, excerpt: Excerpt, *, timed: bool) -> Sound:
    """A stretch, jumped to where packets are timed, else reached by decoding from the start.

    frames_said counts what is decoded, so that a stretch far into a recording without times is refused as too long.
    """
    stream, decoded = _begun(media)
    first, at = next(decoded), 0
    decoded = chain([first], decoded)
    if timed and first.pts is not None and excerpt.start_s > _LEAD_S:
        decoded, at = _jumped(media, stream, first.pts, excerpt.start_s - _LEAD_S)
    blocks = _cut(_resampled(first, decoded), at, excerpt, first.sample_rate)
    end = _frames_of(excerpt, first.sample_rate)[1]
    return Sound(first.sample_rate, first.layout.nb_channels, blocks, frames_said=end - at)


def _begun(media: Any) -> tuple[Any, Iterator[Any]]:
    """(the first sound track, its decoded frames: one at least)."""
    if not media.streams.audio:
        raise InputError("a video without sound", hint="use it as image")
    stream = media.streams.audio[0]
    stream.codec_context.thread_count = 1
    decoded = frames(media, stream)
    first = next(decoded, None)
    if first is None:
        raise InputError("damaged: no sound in it can be decoded", hint="copy or export it again")
    return stream, chain([first], decoded)


def _jumped(media: Any, stream: Any, origin: int, time_s: float) -> tuple[Iterator[Any], int]:
    """(decoded frames from at or before a time on, how many samples after the origin the first of them begins)."""
    wanted = origin + int(time_s / stream.time_base)
    for begin in (wanted, origin):  # some files jump too far
        media.seek(begin, stream=stream)
        decoded = frames(media, stream)
        frame = next(decoded, None)
        if frame is not None and frame.pts is not None and frame.pts <= wanted:
            return chain([frame], decoded), round((frame.pts - origin) * stream.time_base * frame.sample_rate)
    raise InputError("damaged: its sound is not timed", hint="copy or export it again")


def _resampled(first: Any, decoded: Iterator[Any]) -> Iterator[Block]:
    """Decoded frames as blocks at the rate of the first: some codecs double the one that the header states.

    Channels are interleaved, for PyAV reads beyond the planes of a frame that has eight or more. Their number may
    change, as between a broadcast's programmes.
    """
    import av

    for (_, layout, _), alike in groupby(decoded, key=_form):
        interleaved = av.AudioResampler(format="flt", layout=layout, rate=first.sample_rate)
        for frame in chain(alike, [None]):  # None brings what is left in it
            yield from (_block(out) for out in interleaved.resample(frame))


def _form(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _cut(blocks: Iterator[Block], at: int, excerpt: Excerpt, rate_hz: int) -> Iterator[Block]:
    """Of blocks of which the first begins at frame `at`, the frames of the excerpt."""
    begin, end = _frames_of(excerpt, rate_hz)
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
