"""The outline of a recording: how loud each hundredth of a second is at most, to draw it without decoding it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.senses.hearing.decode import Sound, open_with_sndfile
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.input_file import name_errors, open_source
from seehear.senses.isolated_decoding import decode_isolated

PEAKS_PER_S = 100
LONGEST_HOURS = 12
FULL_SCALE = 255


def compute_peaks(path: Path) -> NDArray[np.uint8]:
    """The peaks (N,) of a recording of any length, PEAKS_PER_S of them, from 0 to FULL_SCALE.

    Memory does not grow with files that libsndfile reads; others are decoded as for `read`, up to its longest.
    Raises InputError if it cannot be read.
    """
    with name_errors(path, "recording"), open_source(path) as file, open_with_sndfile(file) as sound:
        found = _of_samples(decode_isolated("sound", file, path)) if sound is None else _of_sound(sound)
    if not len(found):
        raise InputError("an empty recording", where=str(path), hint="record it again")
    return np.round(np.minimum(found, 1) * FULL_SCALE).astype(np.uint8)


def _of_samples(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return _of_sound(Sound(RATE_HZ, 1, iter([samples[:, None]])))


def _of_sound(sound: Sound) -> NDArray[np.float32]:
    found, number = [np.zeros(0, np.float32)], 0
    for first, peaks in _of_blocks(sound):
        if first + len(peaks) > LONGEST_HOURS * 3600 * PEAKS_PER_S:
            raise InputError("the recording is too long", allowed=f"up to {LONGEST_HOURS} hours", hint="cut it")
        if number > first:  # a peak that began in the block before
            found[-1][-1] = max(found[-1][-1], peaks[0])
            peaks = peaks[1:]
        if len(peaks):
            found.append(peaks)
            number += len(peaks)
    return np.concatenate(found)


def _of_blocks(sound: Sound) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(the number of the first peak, peaks (N,)) of each block; the first may belong to the block before too."""
    done = 0
    for block in sound.blocks:  # (frames, channels)
        if not len(block):
            continue
        loudest = np.nan_to_num(np.abs(block).max(axis=1))
        number = (np.arange(done, done + len(block)) * PEAKS_PER_S) // sound.rate_hz
        begins = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
        yield int(number[0]), np.maximum.reduceat(loudest, begins)
        done += len(block)
