"""Kills random workers of commands on Ray, and counts what is then wrong, lost or doubled."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import seehear
from benchmarks.process_tree import find_descendants

LEAST_S, MOST_S = 0.5, 4.0  # between two kills of workers that predict
TRAINING_LEAST_S, TRAINING_MOST_S = 5.0, 25.0  # of workers that train: their checkpoints are 20 s apart
TOLERANCE = 1e-3  # of a confidence: batches differ between one process and parts
STEPS = 300


class Survived(NamedTuple):
    """How many workers were killed, how many rows there are, and what is wrong with them."""

    kills: int
    rows: int
    faults: int


def kill_predicting(model: Path, pictures: Path, folder: Path, kills: int, workers: int) -> Survived:
    """Predict the same pictures again and again until so many workers were killed."""
    alone = [each.to_json() for each in seehear.load(model).predict(pictures)]
    expected = {each["input"]: each for each in alone}
    killed = rows = faults = 0
    for number in count():
        out = folder / f"killed-{number}"
        command = ["predict", model, pictures, "--out", out, "--on", "ray", "--workers", workers]
        killed += _kill(
            command, "MapWorker", kills - killed, (out / "part-000000.jsonl").exists, (LEAST_S, MOST_S), number
        )
        answers = [json.loads(line) for part in sorted(out.glob("part-*")) for line in part.read_text().splitlines()]
        rows += len(answers)
        faults += _count_faults(answers, expected)
        shutil.rmtree(out)
        print(f"{killed} of {kills} workers killed, {rows:,} answers, {faults} faults", flush=True)
        if killed >= kills:
            return Survived(killed, rows, faults)
    raise AssertionError


def _count_faults(answers: list[dict[str, Any]], expected: dict[str, dict[str, Any]]) -> int:
    times = Counter(answer["input"] for answer in answers)
    lost = len(expected.keys() - times.keys())
    doubled = sum(number - 1 for number in times.values())
    wrong = sum(not _is_same(answer, expected.get(answer["input"])) for answer in answers)
    return lost + doubled + wrong


def _is_same(answer: dict[str, Any], other: dict[str, Any] | None) -> bool:
    if other is None or answer["answer"] != other["answer"]:
        return False
    return bool(abs(answer["confidence"] - other["confidence"]) <= TOLERANCE)


def kill_training(data: Path, folder: Path, kills: int, workers: int) -> Survived:
    """Train again and again until so many workers were killed. A training that did not take all its steps, or learned
    from other examples, is a fault."""
    killed = trainings = faults = 0
    examples = sum(1 for _ in data.glob("*/*"))
    while killed < kills:
        out = folder / f"killed-{trainings}.seehear"
        command = ["train", data, "-o", out, "--steps", STEPS, "--start", "none", "--on", "ray", "--workers", workers]
        saved = Path(f"{out}.run/checkpoint.safetensors")
        between_s = (TRAINING_LEAST_S, TRAINING_MOST_S)
        killed += _kill(command, "RayTrainWorker", kills - killed, saved.exists, between_s, trainings)
        recipe = seehear.load(out).recipe
        came = recipe.provenance.examples if recipe.provenance else 0
        faults += recipe.training.steps != STEPS or came != examples
        trainings += 1
        print(f"{killed} of {kills} workers killed, {trainings} trainings, {faults} faults", flush=True)
    return Survived(killed, trainings, faults)


def _kill(
    command: list[Any], name: str, most: int, begun: Callable[[], bool], between_s: tuple[float, float], seed: int
) -> int:
    """Run a command of seehear, and kill workers with this name at random moments once it has begun -> how many.

    Raises RuntimeError if it fails.
    """
    chance, killed = random.Random(seed), 0
    process = subprocess.Popen([sys.executable, "-m", "seehear", *map(str, command)], stdout=subprocess.DEVNULL)
    next_s = 0.0
    while process.poll() is None:
        time.sleep(0.1)
        if not begun():
            continue
        if not next_s:
            next_s = time.monotonic() + chance.uniform(*between_s)
        if killed < most and time.monotonic() >= next_s:
            found = [each.number for each in find_descendants(process.pid) if name in each.name]
            if found:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(found), signal.SIGKILL)
                    killed += 1
            next_s = time.monotonic() + chance.uniform(*between_s)
    if process.returncode:
        raise RuntimeError(f"seehear {' '.join(map(str, command))} ended with {process.returncode}")
    return killed
