"""Locks of training jobs, held by living processes only: a crash frees them.

The program that starts a job takes its lock, and the process of the job inherits it. If it took the lock itself, others
would start more processes until it has done so, which takes seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seehear.files import lock_file

PATIENCE_S, POLL_S = 2.0, 0.05  # those who only look hold a lock for less than a millisecond
INHERITS = os.name == "posix"  # whether a lock belongs to the open file, which another process can inherit


@contextmanager
def holding(path: Path, patience_s: float = PATIENCE_S) -> Iterator[int | None]:
    """Hold the lock while the context lasts, and longer if another process inherits the descriptor of its file, which
    this gives; None if another process holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield descriptor if _try(descriptor, patience_s) else None
    finally:
        os.close(descriptor)


@contextmanager
def inherited(descriptor: int) -> Iterator[int]:
    """Hold a lock that was inherited, while the context lasts."""
    os.set_inheritable(descriptor, False)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    if not path.exists():
        return False
    with holding(path, 0.0) as lock:
        return lock is None


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
