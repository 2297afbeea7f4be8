"""Arrays of different lengths in one file: written once, then memory-mapped."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.files import write_atomically

Array = NDArray[Any]
FULL_SCALE = 32767  # values from -1 to 1 are stored as 16-bit integers, half the size of float32


class RaggedWriter:
    """Stores bytes as bytes, and floats as 16-bit integers, clipped to -1 to 1. None marks a missing entry."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("wb")
        self._ends = [0]
        self._kind, self._tail = "uint8", (1,)  # dtype of the arrays, and their shape after the first axis

    def append(self, array: Array | None) -> None:
        if array is None:
            self._ends.append(self._ends[-1])
            return
        if array.dtype != np.uint8:
            array = np.rint(np.clip(array, -1, 1) * FULL_SCALE).astype(np.int16)
        self._kind, self._tail = str(array.dtype), array.shape[1:]
        self._file.write(array.tobytes())
        self._ends.append(self._ends[-1] + array.size)

    def close(self) -> None:
        """Flush everything to disk, and write the index."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        index = BytesIO()
        np.savez(index, ends=self._ends, kind=self._kind, tail=np.array(self._tail, np.int64))
        write_atomically(_index(self._path), index.getvalue())


class Ragged:
    """The arrays of a RaggedWriter, by index.

    lengths   (n,) number of values of each entry; 0 for a missing one
    """

    def __init__(self, path: Path) -> None:
        with np.load(_index(path)) as index:
            self._ends = index["ends"]
            self._tail = tuple(index["tail"])
            kind = np.dtype(str(index["kind"]))
        self._numbers: Array = np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)
        self.lengths: Array = np.diff(self._ends)

    def __getitem__(self, row: int) -> Array | None:
        start, stop = self._ends[row : row + 2]
        if start == stop:
            return None
        array: Array = np.asarray(self._numbers[start:stop]).reshape(-1, *self._tail)
        return array if array.dtype == np.uint8 else array.astype(np.float32) / FULL_SCALE


def _index(path: Path) -> Path:
    return path.with_suffix(".npz")
