"""The files in a run directory that say how far a training has come, for it and for those who restart it."""

from __future__ import annotations

from pathlib import Path

MANIFEST = "run.json"  # a directory with this file holds a run that `resume` can continue
CHECKPOINT = "checkpoint.safetensors"  # of the training; with several networks, of the first


def last_saved_ns(run: Path) -> int:
    """When the newest checkpoint of any network was saved, in nanoseconds; 0 if there is none."""
    return max((path.stat().st_mtime_ns for path in run.rglob("*.safetensors")), default=0)
