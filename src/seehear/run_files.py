"""The files in a run directory that say how far a training has come, for it and for those who restart it."""

from __future__ import annotations

MANIFEST = "run.json"  # a directory with this file holds a run that `resume` can continue
CHECKPOINT = "checkpoint.safetensors"  # of the training; its time is that of the newest progress
