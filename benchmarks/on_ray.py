"""The same commands on Ray: what kills do, speed and memory relative to one process, and accuracy.

python -m benchmarks.on_ray kills [--kills 50]          of random workers that predict and train
python -m benchmarks.on_ray files [--count 200000]      small files, on Ray and by one process, in turns
python -m benchmarks.on_ray memory [--count 1000000]    rows of a table
python -m benchmarks.on_ray accuracy [--steps N]        CIFAR-10 by two workers and by one process
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
from pyarrow import parquet

import seehear
from benchmarks.data import DATA, AbsentError, Store, cifar10, cifar10_few
from benchmarks.machine import pace
from benchmarks.process_tree import Watch
from benchmarks.results import Figure, record
from benchmarks.worker_kills import kill_predicting, kill_training
from seehear.planning.starts import NONE

WORKERS = 2
STANDARD_MINUTES = 8.0
LINKED = 400  # pictures that the predicted files are links to
TRAINING_SHARE = 0.2  # of the kills
FEWEST_RATIO, MOST_GROWTH, MOST_POINTS = 0.85, 1.05, 0.01
NAMES = {
    "kills": "random workers are killed with signal 9 while they predict and train pictures of CIFAR-10",
    "files": "links to pictures of CIFAR-10, answered by the network of a short training",
    "memory": "a parquet table whose rows name pictures of CIFAR-10",
    "accuracy": "CIFAR-10, trained by two workers on Ray and by one process, from random weights",
}


class Extent(NamedTuple):
    """How much to measure, where it was given."""

    kills: int
    inputs: int | None
    rounds: int
    steps: int | None


class Ran(NamedTuple):
    """A command that has ended: its duration, and what its processes used."""

    seconds: float
    watch: Watch


def run(*arguments: object, out: Path | None = None) -> Ran:
    """Run a command of seehear, with its output in a file. Raises RuntimeError if it fails."""
    started_s = time.monotonic()
    with (out or Path(os.devnull)).open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", "seehear", *map(str, arguments)], stdout=file)
        watch = Watch(process.pid)
        code = process.wait()
        watch.stop()
    if code:
        raise RuntimeError(f"seehear {' '.join(map(str, arguments))} ended with {code}")
    return Ran(time.monotonic() - started_s, watch)


def make_model(store: Store, folder: Path) -> Path:
    """A small network that was trained for a few steps."""
    path = folder / "model.seehear"
    seehear.train(cifar10_few(store).train, path, steps=20, minutes=0.2, start=NONE)
    return path


def kills(store: Store, folder: Path, extent: Extent) -> list[Figure]:
    model, training = make_model(store, folder), round(TRAINING_SHARE * extent.kills)
    pictures = link_pictures(store, folder / "pictures", extent.inputs or 6000)
    predicted = kill_predicting(model, pictures, folder, extent.kills - training, WORKERS)
    trained = kill_training(cifar10_few(store).train, folder, training, WORKERS)
    return [
        Figure("workers killed while they predicted", predicted.kills),
        Figure("answers", predicted.rows),
        Figure("answers that are wrong, lost or doubled", predicted.faults, at_most=0),
        Figure("workers killed while they trained", trained.kills),
        Figure("trainings that did not end with all steps and examples", trained.faults, at_most=0),
    ]


def files(store: Store, folder: Path, extent: Extent) -> list[Figure]:
    """Both in turns, so that other load on the machine affects both."""
    count = extent.inputs or 200_000
    model, pictures = make_model(store, folder), link_pictures(store, folder / "pictures", count)
    turns = []
    for number in range(extent.rounds):
        alone = run("predict", model, pictures, "--json", out=folder / "alone.jsonl")
        together = run(*on_ray("predict", model, pictures, "--out", folder / f"answers-{number}"))
        turns.append((alone, together))
    return [
        Figure("files", count),
        Figure("by one process", statistics.median(count / one.seconds for one, _ in turns), "files/s"),
        Figure(f"by {WORKERS} workers on Ray", statistics.median(count / ray.seconds for _, ray in turns), "files/s"),
        Figure(
            "on Ray relative to one process",
            statistics.median(one.seconds / ray.seconds for one, ray in turns),
            "times",
            at_least=FEWEST_RATIO,
        ),
        Figure(
            "processor time of one process relative to Ray",
            statistics.median(one.watch.processor_s / ray.watch.processor_s for one, ray in turns),
            "times",
        ),
    ]


def memory(store: Store, folder: Path, extent: Extent) -> list[Figure]:
    """The first tenth of the time is left out: then workers load the model, and their buffers reach their size."""
    rows = extent.inputs or 1_000_000
    model = make_model(store, folder)
    pictures = [str(path.absolute()) for path in sorted(find_pictures(store))[:LINKED]]
    table = folder / "rows.parquet"
    parquet.write_table(pa.table({"image": [pictures[row % len(pictures)] for row in range(rows)]}), table)
    ran = run(*on_ray("predict", model, table, "--out", folder / "answers"))
    manifest = json.loads((folder / "answers/manifest.json").read_text())
    sizes = ran.watch.memory_mb("MapWorker")
    tenth = len(sizes) // 10
    begun, ended = (statistics.median(part) for part in (sizes[tenth : 2 * tenth], sizes[-tenth:]))
    return [
        Figure("rows answered", manifest["examples"]),
        Figure("rows that could not be read", manifest["unreadable"], at_most=0),
        Figure("memory of the largest worker: after a tenth of the time", begun, "MB"),
        Figure("memory of the largest worker: at the end", ended, "MB"),
        Figure("memory at the end relative to that after a tenth", ended / begun, "times", at_most=MOST_GROWTH),
    ]


def accuracy(store: Store, folder: Path, extent: Extent) -> list[Figure]:
    examples, minutes = cifar10(store), pace().minutes(STANDARD_MINUTES)
    length = ["--minutes", minutes] if extent.steps is None else ["--steps", extent.steps]
    arguments = ["train", examples.train, *length, "--start", NONE, "-o"]
    run(*arguments, alone := folder / "alone.seehear")
    run(*on_ray(*arguments, together := folder / "together.seehear"))
    (test,) = examples.tests.values()
    one, two = (seehear.load(path).evaluate(test).metrics["accuracy"] for path in (alone, together))
    return [
        Figure("accuracy by one process", one, "%"),
        Figure(f"accuracy by {WORKERS} workers on Ray", two, "%"),
        Figure("accuracy that is lost on Ray", one - two, "%", at_most=MOST_POINTS),
    ]


def on_ray(*arguments: object) -> list[object]:
    return [*arguments, "--on", "ray", "--workers", WORKERS]


def find_pictures(store: Store) -> Iterator[Path]:
    return next(iter(cifar10(store).tests.values())).glob("*/*.jpg")


def link_pictures(store: Store, folder: Path, count: int) -> Path:
    pictures = sorted(find_pictures(store))[:LINKED]
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.jpg").symlink_to(pictures[number % len(pictures)].absolute())
    return folder


PARTS: dict[str, Callable[[Store, Path, Extent], list[Figure]]] = {
    "kills": kills,
    "files": files,
    "memory": memory,
    "accuracy": accuracy,
}


@contextmanager
def workspace(store: Store) -> Iterator[Path]:
    store.cache.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=store.cache.absolute()) as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.on_ray", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--count", type=int, help="files or rows")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--steps", type=int, help="for a short training; nothing is recorded")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    given = parser.parse_args()
    store, before = Store(given.data), pace()
    extent = Extent(given.kills, given.count, given.rounds, given.steps)
    with workspace(store) as folder:
        try:
            figures = PARTS[given.part](store, folder, extent)
        except AbsentError as absent:
            print(f"{given.part}: {absent}")
            return
    record(f"ray-{given.part}", NAMES[given.part], figures, before=before, after=pace(), keep=given.steps is None)


if __name__ == "__main__":
    main()
