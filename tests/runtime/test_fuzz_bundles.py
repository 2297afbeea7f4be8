"""Model files with random damage to the archive or the graphs: each is refused with a reason, or loads and predicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hostile_graphs
import seehear

FILES = 4_000  # which take some 15 s
HUNG_S = 120
MOST_RESIDENT_KIB = 1 << 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_no_damaged_model_file_hangs_crashes_or_takes_a_gigabyte(seed: int) -> None:
    said, resident_kib = tried_in_a_process(FILES, seed)
    assert len(said) == FILES
    assert FILES / 10 < said.count("accepted") < FILES / 2, "so that both paths are tried"
    assert resident_kib < MOST_RESIDENT_KIB


def tried_in_a_process(count: int, seed: int) -> tuple[list[str], int]:
    """The outcome of each file and the peak memory. Fails with the name of a file that crashes or hangs."""
    folders = [Path(seehear.__file__).parents[1], Path(hostile_graphs.__file__).parent]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, hostile_graphs.__file__, str(count), str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=HUNG_S, check=False)
    except subprocess.TimeoutExpired as expired:
        pytest.fail(f"hung at {(expired.stdout or b'').splitlines()[-1:]}")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"ended with {done.returncode} at {lines[-1:]}: {done.stderr[-2000:]}"
    assert done.stderr == ""
    told = [json.loads(line) for line in lines]
    return [each["outcome"] for each in told if "outcome" in each], told[-1]["resident_kib"]
