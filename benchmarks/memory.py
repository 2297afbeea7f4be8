"""A child process that prints how much memory it uses, as one line of JSON.

python -m benchmarks.memory train DATA MINUTES STEPS | predict MODEL FOLDER |
    transcribe START LISTING OUT
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


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


def transcribe(name: str, listing: str, out: str) -> dict[str, float]:
    """Append the transcript of each sentence in a listing, by a start without training and without its calibration."""
    from seehear.answers.text import Text
    from seehear.learn.transcriber import load_transcriber
    from seehear.runtime.predictor import Predictor
    from seehear.starts import STARTS

    bundle = load_transcriber(STARTS[name], print)
    predictor = Predictor(replace(bundle, recipe=bundle.recipe.model_copy(update={"selective": {}})))
    with Path(out).open("a", encoding="utf-8") as lines:
        for row in map(json.loads, Path(listing).read_text(encoding="utf-8").splitlines()):
            begun_s = time.process_time()
            heard = predictor.predict_one(row["audio"])
            if not isinstance(heard.answer, Text):
                raise ValueError(f"{row['audio']}: {heard.error}")
            transcript = {
                "speaker": row["speaker"],
                "truth": row["text"],
                "words": [(word.text, word.confidence) for word in heard.answer.words],
                "confidence": heard.confidence,
                "cpu_s": time.process_time() - begun_s,
                "duration_s": heard.duration_s,
                "peak_mb": _resident_mb("VmHWM"),
            }
            lines.write(json.dumps(transcript) + "\n")
            lines.flush()
    return {"peak_mb": _resident_mb("VmHWM")}


def _resident_mb(field: str) -> float:
    """VmRSS is current, VmHWM the peak. Unlike the peak of getrusage, a process does not inherit it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024 / 1e6


if __name__ == "__main__":
    commands: dict[str, Callable[..., Any]] = {"train": train, "predict": predict, "transcribe": transcribe}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
