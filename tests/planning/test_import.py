"""Planning needs no torch, so that a look at the data takes a moment."""

from __future__ import annotations

import subprocess
import sys


def test_planning_does_not_import_torch() -> None:
    modules = ", ".join(f"seehear.planning.{name}" for name in ("inspection", "options", "plan", "reuse"))
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
