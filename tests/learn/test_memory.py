"""Blocks freed during training are reused, not returned to the system."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from seehear.learn.loop import memory
from seehear.learn.loop.memory import keep_freed_memory
from subprocesses import SUPPORT, source_environment

resource = pytest.importorskip("resource")
glibc = pytest.mark.skipif(sys.platform != "linux" or memory._glibc() is None, reason="needs glibc")
LARGE_BYTES = 64 << 20


def pages(times: int) -> int:
    """Pages that the system provides while a large block is filled and freed this often."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.empty(LARGE_BYTES, np.uint8).fill(1)
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


def large_blocks_are_reused_until_the_end() -> None:
    usual = pages(4)
    with keep_freed_memory():
        pages(1)
        kept = pages(4)
    assert kept < usual / 8, (kept, usual)
    assert pages(4) > usual / 2


def free_memory_is_returned_once_it_has_grown() -> None:
    resident_bytes = iter([4 << 30, 5 << 30, 7 << 30, 4 << 30, 5 << 30])
    memory._resident_bytes = lambda: next(resident_bytes)
    with keep_freed_memory() as freed:
        usual = pages(1)
        fetched = []
        for _ in range(5):
            freed.trim()
            fetched.append(pages(1) > usual / 2)
    assert fetched == [False, False, True, False, False], fetched


CHECKS = {
    check.__name__: check
    for check in (large_blocks_are_reused_until_the_end, free_memory_is_returned_once_it_has_grown)
}


@glibc
@pytest.mark.parametrize("name", CHECKS)
def test_in_a_process_of_its_own(name: str) -> None:
    """In its own process: after a failed malloc, as in tests of hostile files, glibc switches arenas and keeps less."""
    environment = source_environment(SUPPORT)
    done = subprocess.run(
        [sys.executable, __file__, name], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nothing_changes_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with keep_freed_memory() as freed:
        freed.trim()
        assert pages(1) >= 0


if __name__ == "__main__":
    CHECKS[sys.argv[1]]()
