"""Settings of all tests."""

from __future__ import annotations

import gc
import os
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 << 30  # a run of all tests writes a fifth of that
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:  # where nothing waits for a disk
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
if "SEEHEAR_CACHE" not in os.environ:  # one for all worker processes, instead of the user's
    CACHE = TemporaryDirectory(prefix="seehear-cache-")
    os.environ["SEEHEAR_CACHE"] = CACHE.name
# Tests train small networks from random weights, whichever pretrained encoders are installed.
os.environ["SEEHEAR_START"] = "none"
# Each core has a test to run, and networks this small gain nothing from more threads. Threads that spin while they wait
# take most of the time, where a test asks for more of them than there are idle cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Tests say nothing about time: a busy machine is no fault.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# Modules and tests live until the end: the garbage collector need not look at them again and again.
gc.disable()
ALL_SLOW = re.compile(r"^pytestmark = .*\bmark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules whose tests are all slow are not even imported for the others: Ray and browsers take long to load."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return ALL_SLOW.search(collection_path.read_text(encoding="utf-8")) is not None or None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
    if "seehear.projects.database" in sys.modules:
        from migrated import migrate

        pytest.MonkeyPatch().setattr("seehear.projects.database._migrate", migrate)


@pytest.fixture(autouse=True)
def few_resamples(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of metrics from 40 resamples instead of 1,000, in fast tests: most tests that evaluate check something
    else. Those of the bootstrap itself call it directly."""
    if request.node.get_closest_marker("slow"):
        return
    from seehear.measure.intervals import bootstrap

    def draw_few(*compared: Any, resamples: int, **how: Any) -> Any:
        return bootstrap(*compared, resamples=min(resamples, 40), **how)

    monkeypatch.setattr("seehear.measure.scored_answers.bootstrap", draw_few)
