"""Label Studio exports, as JSON, JSON-MIN or CSV:

    [{"data": {"image": "/data/upload/1/a.jpg"}, "annotations": [{"result": [
        {"type": "rectanglelabels", "original_width": 640, "original_height": 480,
         "value": {"x": 10, "y": 20, "width": 30, "height": 5, "rectanglelabels": ["cat"]}}]}]}]

Shapes are in percent of the picture's sides. Labels, transcripts and ratings become columns; annotated segments of a
recording or video become rows.
Source: https://labelstud.io/guide/export
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
_NOT_METADATA = {
    "id",
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
    "agreement",
}  # about the annotation, not the example
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # the prefix that Label Studio adds to file names
_ESCAPED = re.compile(r"%([0-9a-fA-F]{2})")


class _Task(NamedTuple):
    """data: the example, by name. results: its annotation, None without one. times: how many annotations it has."""

    place: str
    data: Mapping[str, Any]
    results: list[Any] | None
    times: int = 1  # the number of annotations


def read_label_studio(place: Path) -> RawTable | None:
    """Read such a file, or a folder with one or with one for each part; None for others."""
    notes: list[str] = []
    files = find_annotation_files(place, _is_label_studio, notes)
    if not files:
        return None
    root = place if place.is_dir() else place.parent
    tasks, finder, repeated = Tasks(), FileFinder(root), 0
    for name, part in files:
        folder = name.rpartition("/")[0]
        for task in (_read_csv_tasks if name.lower().endswith(".csv") else _read_json_tasks)(root / name, name):
            repeated += task.times > 1
            try:
                key, file = _find_file(task, finder, folder)
            except DataError as error:
                tasks.problems.append(RowProblem.of(error, task.place))
                continue
            metadata = {name: str(cell) for name, cell in task.data.items() if name != key and _is_plain(cell)}
            tasks.add(file, part, metadata, task.results or [], task.place)
    if repeated:
        notes.append(f"{format_count(repeated, 'task')} annotated more than once: using the first annotation")
    return tasks.to_raw_table(root, notes)


def _is_label_studio(file: Path) -> bool:
    beginning = read_beginning(file)
    if file.suffix.lower() == ".csv":
        headings = beginning.partition(b"\n")[0]
        return all(heading in headings for heading in _CSV)
    if file.suffix.lower() != ".json" or not beginning.startswith(b"["):
        return False
    return (b'"data"' in beginning and _TASK.search(beginning) is not None) or all(key in beginning for key in _MIN)


def _read_json_tasks(file: Path, name: str) -> Iterator[_Task]:
    value = read_json(file, name)
    if not isinstance(value, list):
        raise DataError("no list of tasks", where=name)
    for position, each in enumerate(value, 1):
        task = each if isinstance(each, dict) else {}
        place = f"{name} task {task.get('id', position)}"
        if isinstance(task.get("data"), dict):
            yield _full_task(task, place)
        else:
            yield _flat_task(task, place)


def _read_csv_tasks(file: Path, name: str) -> Iterator[_Task]:
    rows = csv.DictReader(read_lines(file, name), strict=True)
    try:
        for number, row in enumerate(rows, 2):
            yield _flat_task({key: _cell(cell) for key, cell in row.items() if key}, f"{name} row {number}")
    except csv.Error as error:
        raise DataError(f"the quotes are wrong: {error}", where=name, hint="export it again, as CSV") from None


def _cell(cell: Any) -> Any:
    """A list or an object from a CSV cell; other cells as they are."""
    if isinstance(cell, str) and cell.startswith(("[", "{")):
        try:
            return from_json(cell)
        except ValueError:
            pass
    return cell


def _full_task(task: dict[str, Any], place: str) -> _Task:
    annotations_given = task.get("annotations", task.get("completions"))
    annotations = (
        [each for each in annotations_given if isinstance(each, dict)] if isinstance(annotations_given, list) else []
    )
    results = [each["result"] for each in annotations if isinstance(each.get("result"), list) and not _is_skipped(each)]
    return _Task(place, task["data"], results[0] if results else None, len(results))


def _is_skipped(annotation: dict[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def _flat_task(row: dict[str, Any], place: str) -> _Task:
    """JSON-MIN and CSV have answers beside the data: lists of shapes, or words."""
    data: dict[str, Any] = {}
    results: list[Any] = []
    for name, value in row.items():
        if name in _NOT_METADATA:
            continue
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            results += ({**each, "from_name": name, "type": _type(each), "value": each} for each in value)
        elif isinstance(value, dict) and isinstance(value.get("choices"), list):
            results.append({"from_name": name, "type": "choices", "value": value})
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            results.append({"from_name": name, "type": "textarea", "value": {"text": value}})
        else:
            data[name] = value
    return _Task(place, data, results)


def _type(shape: dict[str, Any]) -> str:
    """The type of a shape, from the key of its labels: rectanglelabels, polygonlabels, …"""
    return next((key for key in shape if key.endswith("labels")), "choices" if "choices" in shape else "")


def _find_file(task: _Task, finder: FileFinder, folder: str) -> tuple[str, str]:
    """(the key of a task's file, the file). Raises DataError if there is none."""
    if task.results is None:
        raise DataError("it has no annotation", hint="finish it in Label Studio, or leave it out")
    words = ((key, _path(cell)) for key, cell in task.data.items() if isinstance(cell, str))
    key, path = next(((key, path) for key, path in words if medium_of(path)), ("", ""))
    if not key:
        raise DataError("it names no picture, recording or video")
    return key, finder.find(path, folder, _UPLOADED.sub("", PurePosixPath(path).name))


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
