"""Label Studio: its JSON, JSON-MIN and CSV, of pictures with things drawn on them, and of labels, texts and scores.

https://labelstud.io/guide/export. Shapes are told in hundredths of the picture's sides. A recording or video may be cut
into stretches, of which each becomes a row.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.media import medium_of
from seehear.strict_json import from_json
from seehear.table.encoding import read_lines
from seehear.table.layouts.annotation_files import FileFinder, find_annotation_files, read_beginning, read_json
from seehear.table.layouts.label_studio_results import Tasks
from seehear.table.layouts.raw_table import RawTable
from seehear.table.rows import RowProblem

_TASK = re.compile(rb'"(annotations|completions)"\s*:\s*\[')
_MIN = (b'"annotation_id"', b'"lead_time"')
_CSV = (b"annotation_id", b"annotator", b"lead_time")
_ABOUT = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}  # not the example
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio puts before the name of a file
_ESCAPED = re.compile(r"%([0-9a-fA-F]{2})")


class _Task(NamedTuple):
    """data: what an example is, by name. results: what was answered; None where nobody did."""

    place: str
    data: Mapping[str, Any]
    results: list[Any] | None
    times: int = 1  # by how many it was answered


def read_label_studio(place: Path) -> RawTable | None:
    """Such a file, or a folder with one or with one for each part; None for any other."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_label_studio, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    tasks, named, repeated = Tasks(), FileFinder(root), 0
    for name, part in files:
        folder = name.rpartition("/")[0]
        for task in (_in_csv if name.lower().endswith(".csv") else _in_json)(root / name, name):
            repeated += task.times > 1
            try:
                key, file = _file(task, named, folder)
            except DataError as error:
                tasks.problems.append(RowProblem.of(error, task.place))
                continue
            about = {name: str(cell) for name, cell in task.data.items() if name != key and _is_plain(cell)}
            tasks.add(file, part, about, task.results or [], task.place)
    if repeated:
        notes.append(f"{format_count(repeated, 'task')} annotated more than once: using the first annotation")
    return tasks.found(root, notes)


def _is_label_studio(file: Path) -> bool:
    begins = read_beginning(file)
    if file.suffix.lower() == ".csv":
        headings = begins.partition(b"\n")[0]
        return all(heading in headings for heading in _CSV)
    if file.suffix.lower() != ".json" or not begins.startswith(b"["):
        return False
    return (b'"data"' in begins and _TASK.search(begins) is not None) or all(key in begins for key in _MIN)


def _in_json(file: Path, name: str) -> Iterator[_Task]:
    told = read_json(file, name)
    if not isinstance(told, list):
        raise DataError("no list of tasks", where=name)
    for position, each in enumerate(told, 1):
        task = each if isinstance(each, dict) else {}
        place = f"{name} task {task.get('id', position)}"
        if isinstance(task.get("data"), dict):
            yield _whole(task, place)
        else:
            yield _short(task, place)


def _in_csv(file: Path, name: str) -> Iterator[_Task]:
    rows = csv.DictReader(read_lines(file, name), strict=True)
    try:
        for number, row in enumerate(rows, 2):
            yield _short({key: _cell(cell) for key, cell in row.items() if key}, f"{name} row {number}")
    except csv.Error as error:
        raise DataError(f"the quotes are wrong: {error}", where=name, hint="export it again, as CSV") from None


def _cell(cell: Any) -> Any:
    """A list or an object that a cell of a csv holds; other cells as they are."""
    if isinstance(cell, str) and cell.startswith(("[", "{")):
        try:
            return from_json(cell)
        except ValueError:
            pass
    return cell


def _whole(task: dict[str, Any], place: str) -> _Task:
    given = task.get("annotations", task.get("completions"))
    annotations = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    done = [each["result"] for each in annotations if isinstance(each.get("result"), list) and not _is_skipped(each)]
    return _Task(place, task["data"], done[0] if done else None, len(done))


def _is_skipped(annotation: dict[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def _short(row: dict[str, Any], place: str) -> _Task:
    """JSON-MIN and CSV have answers beside what they are of: lists of shapes, or words."""
    data: dict[str, Any] = {}
    results: list[Any] = []
    for name, told in row.items():
        if name in _ABOUT:
            continue
        if isinstance(told, list) and told and all(isinstance(each, dict) for each in told):
            results += ({**each, "from_name": name, "type": _type(each), "value": each} for each in told)
        elif isinstance(told, dict) and isinstance(told.get("choices"), list):
            results.append({"from_name": name, "type": "choices", "value": told})
        elif isinstance(told, list) and all(isinstance(each, str) for each in told):
            results.append({"from_name": name, "type": "textarea", "value": {"text": told}})
        else:
            data[name] = told
    return _Task(place, data, results)


def _type(shape: dict[str, Any]) -> str:
    """The name of its list of labels says what a shape is: rectanglelabels, polygonlabels, …"""
    return next((key for key in shape if key.endswith("labels")), "choices" if "choices" in shape else "")


def _file(task: _Task, named: FileFinder, folder: str) -> tuple[str, str]:
    """(the name under which a task tells its file, the file). Raises DataError where there is none."""
    if task.results is None:
        raise DataError("it has no annotation", hint="finish it in Label Studio, or leave it out")
    words = ((key, _path(cell)) for key, cell in task.data.items() if isinstance(cell, str))
    key, path = next(((key, path) for key, path in words if medium_of(path)), ("", ""))
    if not key:
        raise DataError("it names no picture, recording or video")
    return key, named.find(path, folder, _UPLOADED.sub("", PurePosixPath(path).name))


def _path(address: str) -> str:
    """The path in an address: /data/local-files/?d=a/1.jpg, /data/upload/1/1.jpg, s3://bucket/a/1.jpg -> a/1.jpg."""
    _, local, path = address.partition("?d=")
    path = path if local else address.partition("?")[0]
    if "://" in path:
        path = path.partition("://")[2].partition("/")[2]
    octets = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), path)
    try:
        return octets.encode("latin-1").decode() if octets != path else path
    except UnicodeError:
        return path


def _is_plain(cell: Any) -> bool:
    return isinstance(cell, str | int | float) and not (isinstance(cell, float) and not math.isfinite(cell))
