"""Starts: pretrained weights that encoders begin from, where they come from and how they are checked.

    load_tensors(find_start("efficientnet-lite0"))     from the cache, or from the package that carries them

Nothing is downloaded. A source is trusted only as far as its digest: see `catalogue`.
"""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from seehear.errors import SeehearError, UsageError
from seehear.starts import cache
from seehear.starts.catalogue import STARTS
from seehear.starts.definition import Start
from seehear.starts.packages import is_installed, read_package, read_packaged_file
from seehear.starts.reading import check_digest, read_tensors

__all__ = ["STARTS", "Start", "find_start", "is_available", "load_file", "load_tensors"]


def find_start(name: str) -> Start:
    """Raises UsageError for an unknown name."""
    if name not in STARTS:
        raise UsageError(f"there is no start {name!r}", allowed=", ".join(STARTS), hint="seehear starts lists them")
    return STARTS[name]


def is_available(start: Start) -> bool:
    """Whether `load_tensors` would find it. Quick: looks for files, and reads none."""
    stored = cache.folder_of(start)
    return is_installed(start) or all((stored / name).is_file() for name in (cache.WEIGHTS, *start.files))


def load_tensors(start: Start) -> dict[str, NDArray[np.float32]]:
    """Its tensors by our encoder's names, as float32, from the cache or from the installed package.

    They are compared with the start's digest each time. Raises SeehearError if they are nowhere, BundleError if they
    are not the right ones.
    """
    tensors = cache.read_stored(cache.folder_of(start), start)
    if tensors is None:
        tensors = check_digest(read_tensors(read_package(start)), start)
        files = {name: read_packaged_file(file, start) for name, file in start.package.files.items()}
        with contextlib.suppress(SeehearError):  # without a cache it is converted each time, which takes seconds
            cache.store(cache.folder_of(start), start, tensors, files)
    return {name: np.asarray(array, np.float32) for name, array in tensors.items()}


def load_file(start: Start, name: str) -> bytes:
    """Another file of the start, such as the "tokenizer.json" of Whisper. Raises as `load_tensors` does."""
    stored = cache.read_stored_file(cache.folder_of(start), start, name)
    return read_packaged_file(start.package.files[name], start) if stored is None else stored
