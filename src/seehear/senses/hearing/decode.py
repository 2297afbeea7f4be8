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
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.senses.sniff import SNIFFED_BYTES, described, sniff
from seehear.senses.video import DEMUXERS, container, frames
from seehear.senses.whole import check_whole

Block = NDArray[np.float32]

READABLE = "a wav, flac, ogg, opus, mp3, m4a, webm, aiff, au or caf recording, or a video with sound"
_SNDFILE = frozenset(("wav", "flac", "ogg", "aiff", "au", "caf", "w64", "sphere"))
_UNSAID_FRAMES = 1 << 62  # libsndfile's word for a length that the header leaves open; it can not read such files
_BLOCK_SAMPLES = 1 << 18  # of all channels together


@dataclass(frozen=True)
class Sound:
    """blocks (frames, channels); frames_said by the header, 0 if it does not; at_least so many must come."""

    rate_hz: int
    channels: int
    blocks: Iterator[Block]
    frames_said: int = 0
    at_least: int = 0


@contextmanager
def decoding(file: BinaryIO) -> Iterator[Sound]:
    """An open file as one Sound, while the context lasts. Raises InputError for what is not a recording."""
    kind = sniff(file.read(SNIFFED_BYTES))
    if kind not in _SNDFILE and kind not in DEMUXERS:
        raise InputError(f"not a recording but {described(kind)}", allowed=READABLE)
    check_whole(file, kind)
    if kind in _SNDFILE and (opened := _sndfile(file, kind)):
        with opened:
            yield _blocks_of(opened)
    else:
        length_s = _counted_s(file, kind)
        with container(file, kind) as media:
            yield _libav(media, length_s)


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


def _counted_s(file: BinaryIO, kind: str) -> float:
    """The length of the first sound track, by its packets: counting costs little, decoding to find out much."""
    with container(file, kind) as media:
        if not media.streams.audio:
            raise InputError("a video without sound", hint="use it as image")
        stream = media.streams.audio[0]
        ticks = sum(packet.duration or 0 for packet in media.demux(stream))
        return float(ticks * stream.time_base)


def _libav(media: Any, length_s: float) -> Sound:
    """The first sound track. Its rate is the first frame's: some codecs double the one that the header states."""
    import av

    stream = media.streams.audio[0]
    stream.codec_context.thread_count = 1
    decoded = frames(media, stream)
    first = next(decoded, None)
    if first is None:
        raise InputError("damaged: no sound in it can be decoded", hint="copy or export it again")
    planar = av.AudioResampler(format="fltp", layout=first.layout.name, rate=first.sample_rate)

    def blocks() -> Iterator[Block]:
        for frame in chain([first], decoded):
            yield from (_block(out) for out in planar.resample(frame))
        yield from (_block(out) for out in planar.resample(None))

    return Sound(first.sample_rate, first.layout.nb_channels, blocks(), frames_said=int(length_s * first.sample_rate))


def _block(frame: Any) -> Block:
    block: Block = frame.to_ndarray().T
    return block
