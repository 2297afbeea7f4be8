"""The footprint of seehear: import time, disk space of a runtime-only installation, and memory."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.data import Examples, Store
from benchmarks.results import Figure

IMPORTS = 9
LINKED = 400  # pictures that the predicted files are links to
TARGET_IMPORT_S, TARGET_INSTALL_MB, TARGET_STARTS_MB = 0.15, 250.0, 120.0
TARGET_TRAINING_MB, TARGET_GROWTH = 2000.0, 1.05

IMPORT = """
import sys, time
started_s = time.perf_counter()
import seehear
print(time.perf_counter() - started_s)
seehear.load
print(time.perf_counter() - started_s)
print("torch" in sys.modules)
"""


def importing() -> list[Figure]:
    """Median import time in fresh processes: `import seehear` alone, and with everything that predicting needs."""
    alone, complete, torch = zip(*(_python("-c", IMPORT).split() for _ in range(IMPORTS)), strict=True)
    return [
        Figure("import seehear", statistics.median(map(float, alone)), "s", at_most=TARGET_IMPORT_S),
        Figure("import seehear and everything that predicting needs", statistics.median(map(float, complete)), "s"),
        Figure(f"imports out of {IMPORTS} that loaded torch", torch.count("True"), at_most=0),
    ]


def installing(store: Store) -> list[Figure]:
    """The size of a fresh environment with seehear and what it needs to predict, without pip itself, and the size that
    the packages of pretrained encoders add.
    """
    folder = store.cache / "install"
    shutil.rmtree(folder, ignore_errors=True)
    _python("-m", "venv", "--without-pip", str(folder))
    alone_mb, with_starts_mb = (_install_mb(folder, wanted) for wanted in (".", ".[start]"))
    shutil.rmtree(folder)
    return [
        Figure("runtime-only installation on disk", alone_mb, "MB", at_most=TARGET_INSTALL_MB),
        Figure("added by seehear[start]", with_starts_mb - alone_mb, "MB", at_most=TARGET_STARTS_MB),
    ]


def _install_mb(folder: Path, wanted: str) -> float:
    """The size of an environment after installing something into it."""
    _python("-m", "pip", "--quiet", "--python", str(folder / "bin/python"), "install", "-c", "constraints.txt", wanted)
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_symlink()) / 1e6


def memory_of_training(examples: Examples, minutes: float, steps: int) -> list[Figure]:
    measured = json.loads(_python("-m", "benchmarks.memory", "train", str(examples.train), str(minutes), str(steps)))
    what = f"peak memory: training on {measured['examples']:,} small pictures, {steps} steps"
    return [Figure(what, measured["peak_mb"], "MB", at_most=TARGET_TRAINING_MB)]


def memory_of_predicting(saved: Path, pictures: Sequence[Path], store: Store, files: int) -> list[Figure]:
    folder = _many(pictures[:LINKED], files, store)
    measured = json.loads(_python("-m", "benchmarks.memory", "predict", str(saved), str(folder)))
    shares = {"a tenth": 0.1, "half": 0.5, "all": 1.0}
    at_mb = dict(zip(shares, measured["mb"], strict=True))
    figures = [Figure(f"memory: predicting {files:,} files, after {share}", mb, "MB") for share, mb in at_mb.items()]
    growth = at_mb["all"] / at_mb["a tenth"]
    return [*figures, Figure("memory: growth from a tenth to all", growth, "times", at_most=TARGET_GROWTH)]


def _many(pictures: Sequence[Path], files: int, store: Store) -> Path:
    """A folder with this many files, each a link to one of a few pictures."""

    def make(folder: Path) -> None:
        for number in range(files):
            os.link(pictures[number % len(pictures)], folder / f"{number:06d}.jpg")

    return store.made(f"links-{files}", make)


def _python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout
