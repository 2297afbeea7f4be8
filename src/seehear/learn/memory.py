"""Memory that one step of training leaves for the next.

By default the C library gives large blocks back to the system as soon as they are free, and gets them again a moment
later, page by page, each filled with zeros: a fifth of the time of a training on two cores.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt, and what they are by themselves (glibc's malloc.h; man 3 mallopt).
TRIM_THRESHOLD, MMAP_MAX = -1, -4
USUAL_TRIM_BYTES, USUAL_MAPS = 128 << 10, 65_536
NEVER_TRIMMED = (1 << 31) - 1


@contextmanager
def memory_kept() -> Iterator[None]:
    """What is freed within stays with the process until the end; on systems without glibc nothing changes."""
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, NEVER_TRIMMED)
    try:
        yield
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
