"""A child process that prints how much memory it uses, as one line of JSON.

python -m benchmarks.memory train DATA MINUTES STEPS | predict MODEL FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def train(data: str, minutes: str, steps: str) -> dict[str, float]:
    """Train the network that these minutes allow from random weights, for these steps: files to model."""
    import seehear

    with TemporaryDirectory(dir=".cache") as folder:
        out = Path(folder, "model.seehear")
        seehear.train(data, out, minutes=float(minutes), steps=int(steps), start="none")
    return {"examples": sum(1 for _ in Path(data).glob("*/*")), "peak_mb": _resident_mb("VmHWM")}


def predict(model: str, folder: str) -> dict[str, list[float]]:
    """Resident memory after a tenth, half and all of the files."""
    import seehear

    files = sum(1 for _ in Path(folder).iterdir())
    marks = {round(files * share) for share in (0.1, 0.5, 1.0)}
    answers = seehear.load(model).predict(folder)
    return {"mb": [_resident_mb("VmRSS") for number, _ in enumerate(answers, 1) if number in marks]}


def _resident_mb(field: str) -> float:
    """VmRSS is current, VmHWM the peak. Unlike the peak of getrusage, a process does not inherit it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(train(*sys.argv[2:]) if sys.argv[1] == "train" else predict(*sys.argv[2:])))
