"""Locks of training jobs, held by living processes only: a crash frees them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seehear.files import lock_file

PATIENCE_S, POLL_S = 2.0, 0.05  # those who only look hold a lock for less than a millisecond


@contextmanager
def holding(path: Path, patience_s: float = PATIENCE_S) -> Iterator[bool]:
    """Hold the lock while the context lasts; False if another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _try(descriptor, patience_s)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    if not path.exists():
        return False
    with holding(path, 0.0) as free:
        return not free


def _try(descriptor: int, patience_s: float) -> bool:
    until_s = time.monotonic() + patience_s
    while True:
        try:
            lock_file(descriptor)
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
            time.sleep(POLL_S)
        else:
            return True
