"""Projects: importing 20,000 pictures, what a page asks for, and processes that are killed while they write.

    python -m benchmarks.projects [--kills 300] [--folder DIR]

Prints one line per figure. The disk matters: every answer waits until it is flushed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.project_kills import kill_writers
from seehear.projects import Project, Query
from seehear.senses import SENSES

PICTURES, CLASSES = 10_000, 10  # in each of two folders
WIDTH, HEIGHT = 320, 240
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.projects", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="kill a writing process so often")
    parser.add_argument("--folder", type=Path, default=None, help="where to make the projects; temporary by default")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder) as folder:
        _import_and_query(Path(folder))
        _compare_decoding(Path(folder))
        if options.kills:
            _kill(Path(folder), options.kills)


def _import_and_query(folder: Path) -> None:
    with Project.create("Many", home=folder / "home", who="anna") as project:
        for part in ("first", "second"):
            data = write_pictures(folder / part)
            before_mb = _peak_mb()
            _say(f"inspect {PICTURES:,} pictures", _timed(partial(project.inspect, data)), "s")
            seconds = _timed(partial(project.import_data, data))
            _say(f"import {PICTURES:,} pictures of {WIDTH} x {HEIGHT} pixels", seconds, "s")
            _say("  pictures a second", PICTURES / seconds, "")
            _say("  more memory at the peak", _peak_mb() - before_mb, "MB")
        ids = project.find()
        last = project.history(limit=1)[0].id
        queries: dict[str, Callable[[], object]] = {
            "counts by class and part": project.counts,
            "first 120 of a class": lambda: project.examples(Query(stratum="class 3")),
            "120 in the middle of a class": lambda: project.examples(
                Query(stratum="class 3", after=ids[len(ids) // 2])
            ),
            "first 120 without an answer": lambda: project.examples(Query(answered=False)),
            "search a name": lambda: project.examples(Query(search="00777")),
            "search for nothing": lambda: project.examples(Query(search="no such thing")),
            "history, 50 changes": project.history,
            "history of an example": lambda: project.history(example=ids[777]),
            "edits of an import, 1,000": lambda: project.edits(last),
            "open": lambda: Project.open("many", home=folder / "home").close(),
            "label one and undo": lambda: (project.label(ids[5:6], "other"), project.undo()),
            "label 1,000 and undo": lambda: (project.label(ids[:1000], "other"), project.undo()),
        }
        print(f"with {len(ids):,} examples, median and longest of {REPEATS}:")
        for name, query in queries.items():
            times_ms = [1000 * _timed(query) for _ in range(REPEATS)]
            print(f"  {name:32} {statistics.median(times_ms):9.1f} ms {max(times_ms):9.1f} ms", flush=True)


def _compare_decoding(folder: Path) -> None:
    """The same pictures into new projects, in turn with and without decoding them."""
    for turn in range(2):
        for what, context in (("decoded", nullcontext()), ("only copied", _unchecked())):
            name = f"{what} {turn}"
            with Project.create(name, home=folder / "compared", who="anna") as project, context:
                _say(
                    f"import {PICTURES:,} pictures, {what}", _timed(partial(project.import_data, folder / "first")), "s"
                )


def _kill(folder: Path, kills: int) -> None:
    Project.create("Boards", answer="label", home=folder / "kills").close()
    (folder / "pictures").mkdir()
    answered = list(kill_writers(folder / "kills", folder / "pictures", kills, seed=1))
    _say(f"changes answered before {len(answered)} kills, all there afterwards", sum(answered), "")


def write_pictures(folder: Path, count: int = PICTURES) -> Path:
    """Folders of classes, with photographs of noise that differ."""
    random = np.random.default_rng()
    for number in range(count):
        place = folder / f"class {number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8))
        coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(place / f"{number:05}.jpg", quality=90)
    return folder


@contextmanager
def _unchecked() -> Iterator[None]:
    """Files are only copied, to see what decoding them costs."""
    with patch.object(type(SENSES["image"]), "check", lambda _sense, _source: None):
        yield


def _timed(act: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    act()
    return time.perf_counter() - start_s


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _say(what: str, value: float, unit: str) -> None:
    print(f"{what:60} {value:10,.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
