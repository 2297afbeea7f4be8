"""Runs separate Python processes, for tests that may crash, hang or use all memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import seehear

SOURCE, SUPPORT = Path(seehear.__file__).parents[1], Path(__file__).parent


def source_environment(*folders: Path, **variables: str) -> dict[str, str]:
    """The variables of this process and more; the package under test and then `folders` can be imported."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (SOURCE, *folders))), **variables}


def run_script(script: str, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a script that prints JSON lines, on one thread. Fails with its last line if it crashes or hangs."""
    try:
        done = subprocess.run(
            [sys.executable, script, *arguments],
            capture_output=True,
            text=True,
            env=source_environment(Path(script).parent, OMP_NUM_THREADS="1"),
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        pytest.fail(f"hung at {(expired.stdout or b'').splitlines()[-1:]}")
    assert done.returncode == 0, (
        f"ended with {done.returncode} at {done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    )
    return done


def run_corpus(script: str, *arguments: str, timeout_s: float) -> tuple[list[str], int]:
    """The outcome of each file that a script reads, and its peak memory in KiB. Nothing else may be printed."""
    done = run_script(script, *arguments, timeout_s=timeout_s)
    assert done.stderr == ""
    lines: list[dict[str, Any]] = list(map(json.loads, done.stdout.splitlines()))
    return [line["outcome"] for line in lines if "outcome" in line], lines[-1]["resident_kib"]
