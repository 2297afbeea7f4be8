"""Planning needs no torch, so that a look at the data takes a moment."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["inspection", "options", "plan", "reuse"])
def test_planning_does_not_import_torch(module: str) -> None:
    code = f"import sys, seehear.planning.{module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
