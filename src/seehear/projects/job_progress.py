"""The progress of a training job: written by its process, read by any other.

Every event is a line of JSON in the job's `progress.jsonl`; the newest figures are in its row of the database as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from seehear.events import Advanced, Event, Finished, Measured, Notice, Skipped, Started

ROW_EVERY_S, LINE_EVERY_S = 2.0, 0.5
MOST_PROBLEMS = 20  # listed of the examples that are left out

Record = dict[str, Any]


class ProgressWriter:
    """A listener that writes events as lines, and the newest figures with `save` every few seconds."""

    def __init__(self, path: Path, save: Callable[[Record], None]) -> None:
        _end_line(path)
        self._file = path.open("a", encoding="utf-8")
        self._save = save
        self._started: dict[str, tuple[Started, float]] = {}
        self._line_s: dict[str, float] = {}
        self._row_s = -ROW_EVERY_S
        self.newest: Record = {}

    def __call__(self, event: Event) -> None:
        now_s = time.monotonic()
        match event:
            case Started(task, total, unit):
                self._started[task] = event, now_s
                self.newest |= {
                    "task": task,
                    "done": 0.0,
                    "total": total,
                    "unit": unit,
                    "note": "",
                    "seconds_left": None,
                }
                self.write({"event": "started", "task": task, "total": total, "unit": unit})
            case Advanced(task, done, note) if now_s - self._line_s.get(task, -LINE_EVERY_S) >= LINE_EVERY_S:
                self._line_s[task] = now_s
                figures = {"task": task, "done": done, "note": note, "seconds_left": self._seconds_left(event, now_s)}
                self.newest |= figures
                self.write({"event": "advanced", **figures})
            case Measured():
                self.newest["quality"] = asdict(event)
                self.write({"event": "measured", **asdict(event)})
            case Finished(task, done):
                self.write({"event": "finished", "task": task, "done": done})
            case Notice(text):
                self.write({"event": "notice", "message": text})
            case Skipped(problems):
                for problem in problems[:MOST_PROBLEMS]:
                    said = {"where": problem.where, "what": problem.what, "hint": problem.hint}
                    self.write({"event": "left out", **said})
        if now_s - self._row_s >= ROW_EVERY_S or isinstance(event, Measured):
            self._row_s = now_s
            self._save(self.newest)

    def write(self, record: Record) -> None:
        self._file.write(json.dumps({"at_s": round(time.time(), 3), **record}, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _seconds_left(self, event: Advanced, now_s: float) -> float | None:
        """An estimate for the task; None if its length is unknown."""
        started, since_s = self._started[event.task]
        if not started.total or not event.done:
            return None
        left = max(0.0, started.total - event.done)
        return round(left if started.unit == "s" else left * (now_s - since_s) / event.done, 1)


def read_progress(path: Path, position: int = 0) -> Iterator[tuple[Record, int]]:
    """The records that are there from a position of the file on, each with the position after it."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n"):
                return  # it is still being written, or its writer was killed
            position += len(line)
            try:
                yield json.loads(line), position
            except ValueError:  # half a line, which the next process has ended
                continue


def to_event(record: Record) -> Event | None:
    """The event of a record, for a listener; None for records of other things."""
    match record["event"]:
        case "started":
            return Started(record["task"], record["total"], record["unit"])
        case "advanced":
            return Advanced(record["task"], record["done"], record["note"])
        case "measured":
            return Measured(**{each.name: record[each.name] for each in fields(Measured)})
        case "finished":
            return Finished(record["task"], record["done"])
        case "notice":
            return Notice(record["message"])
    return None


def _end_line(path: Path) -> None:
    """End the last line of a process that was killed while it wrote."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")
