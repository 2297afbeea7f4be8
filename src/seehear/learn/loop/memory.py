"""Memory that one step of training leaves for the next.

By default the C library gives large blocks back to the system as soon as they are free, and gets them again a moment
later, page by page, each filled with zeros: a fifth of the time of a training on two cores.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Parameters of mallopt, and what they are by themselves (glibc's malloc.h; man 3 mallopt).
TRIM_THRESHOLD, MMAP_MAX = -1, -4
USUAL_TRIM_BYTES, USUAL_MAPS = 128 << 10, 65_536
NEVER_TRIMMED = (1 << 31) - 1
GROWN = 1.5


class Kept:
    """What stays with the process. Nothing where there is no glibc."""

    def __init__(self, libc: ctypes.CDLL | None) -> None:
        self._libc = libc
        self._settled_bytes = 0  # when it was first asked, or after all was given back

    def bound(self) -> None:
        """Give back all that is free, once there is half as much again. To be called between steps, now and then.

        Steps of ever new shapes leave pieces that fit nobody; those of one shape leave none.
        """
        if self._libc is None:
            return
        resident_bytes = _resident_bytes()
        if not self._settled_bytes:
            self._settled_bytes = resident_bytes
        elif resident_bytes > GROWN * self._settled_bytes:
            self._libc.malloc_trim(0)
            self._settled_bytes = 0


@contextmanager
def memory_kept() -> Iterator[Kept]:
    """What is freed within stays with the process until the end; on systems without glibc nothing changes."""
    libc = _glibc()
    if libc is None:
        yield Kept(None)
        return
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, NEVER_TRIMMED)
    try:
        yield Kept(libc)
    finally:
        libc.mallopt(MMAP_MAX, USUAL_MAPS)
        libc.mallopt(TRIM_THRESHOLD, USUAL_TRIM_BYTES)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such handle
        return None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
