"""The work of a prediction on a cluster: which examples are in which part, as files that every worker can read.

The list is written before anything is predicted, so a resumed run has the same parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seehear.cluster.object_storage import RemoteFile
from seehear.errors import InputError, UsageError
from seehear.files import write_atomically
from seehear.folders import delete
from seehear.inputs import Found
from seehear.media import Excerpt, TableExample
from seehear.recipe import Frozen

FOLDER = "work"  # in the folder of the answers, until all parts are there
PLAN = "plan.json"
MANIFEST = "manifest.json"
PART_EXAMPLES = 256
CONTINUE = "add --resume to continue it, or name another folder"

Listed = Found | Mapping[str, RemoteFile] | RemoteFile


class Plan(Frozen):
    """What the parts are of.

    model     SHA-256 of its file
    options   of the prediction
    suffix    of the parts' files, such as .jsonl
    """

    model: str
    inputs: tuple[str, ...]
    options: dict[str, Any]
    suffix: str
    parts: int
    examples: int


class PartRecord(Frozen):
    """One file of answers."""

    name: str
    examples: int
    unreadable: int
    sha256: str


def part_name(number: int, suffix: str) -> str:
    """Always the same, so a part that is written twice is there once."""
    return f"part-{number:06}{suffix}"


def write_work_list(folder: Path, examples: Iterable[Listed], size: int = PART_EXAMPLES) -> tuple[int, int]:
    """Write the examples of each part -> the number of parts and of examples."""
    place, source = folder / FOLDER, iter(examples)
    place.mkdir(parents=True, exist_ok=True)
    parts = total = 0
    while chunk := list(islice(source, size)):
        lines = "".join(json.dumps(_to_json(example)) + "\n" for example in chunk)
        write_atomically(_list_path(folder, parts), lines.encode())
        parts, total = parts + 1, total + len(chunk)
    return parts, total


def read_work_list(folder: Path, number: int) -> list[Listed]:
    """The examples of a part."""
    lines = _list_path(folder, number).read_text(encoding="utf-8").splitlines()
    return [_from_json(json.loads(line)) for line in lines]


def find_open_parts(folder: Path, plan: Plan) -> list[int]:
    """The parts that are not there yet. A part's file appears only when it is complete."""
    return [number for number in range(plan.parts) if not (folder / part_name(number, plan.suffix)).exists()]


def read_plan(folder: Path) -> Plan | None:
    """The plan of the run in this folder; None if there is none, or not yet."""
    path = folder / FOLDER / PLAN
    if not path.exists():
        return None
    try:
        return Plan.model_validate_json(path.read_bytes())
    except ValidationError:
        what = "this run was started by another version of seehear"
        raise UsageError(what, where=str(path), hint="name another folder") from None


def write_plan(folder: Path, plan: Plan) -> None:
    """Last of all: a list without a plan is not complete."""
    write_atomically(folder / FOLDER / PLAN, plan.model_dump_json(indent=2).encode())


def check_same(then: Plan, now: Plan) -> None:
    """Raises UsageError if a resumed run started with something else."""
    names = {"model": "the model", "inputs": "the inputs", "options": "the options", "suffix": "the format"}
    differing = [word for name, word in names.items() if getattr(then, name) != getattr(now, name)]
    if differing:
        what = f"the run started with other values of {' and '.join(differing)}"
        raise UsageError(what, hint="give the same again, or name another folder")


def check_empty(folder: Path) -> None:
    """Raises UsageError if there are answers of an earlier run in the folder."""
    if (folder / FOLDER).exists() or (folder / MANIFEST).exists() or any(folder.glob("part-*")):
        raise UsageError("the folder holds answers of an earlier run", where=str(folder), hint=CONTINUE)


def write_manifest(folder: Path, plan: Plan, records: Iterable[PartRecord]) -> None:
    """List the parts, and delete the work list: now all answers are there."""
    found = sorted(records, key=lambda record: record.name)
    content = {
        "model_sha256": plan.model,
        "inputs": list(plan.inputs),
        "options": plan.options,
        "examples": sum(record.examples for record in found),
        "unreadable": sum(record.unreadable for record in found),
        "parts": [record.model_dump() for record in found],
    }
    write_atomically(folder / MANIFEST, json.dumps(content, indent=2).encode())
    delete(folder / FOLDER)


def save_record(folder: Path, number: int, record: PartRecord) -> None:
    """Beside the list of the part: for the manifest."""
    write_atomically(_record_path(folder, number), record.model_dump_json().encode())


def read_record(folder: Path, number: int) -> PartRecord:
    return PartRecord.model_validate_json(_record_path(folder, number).read_bytes())


def _list_path(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:06}.jsonl"


def _record_path(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number:06}.done.json"


def _to_json(example: Listed) -> Any:
    """A path or URL as text; several senses, a row of a table or an error as an object."""
    if isinstance(example, RemoteFile):
        return example.url
    if isinstance(example, Path):
        return str(example)
    if isinstance(example, InputError):
        return {"error": _error_to_json(example)}
    found: dict[str, Any] = {"senses": {sense: _source_to_json(source) for sense, source in example.items()}}
    if isinstance(example, TableExample):
        found |= {"table": str(example.table), "row": example.row}
        found |= {} if example.error is None else {"error": _error_to_json(example.error)}
    return found


def _from_json(stored: Any) -> Listed:
    if isinstance(stored, str):
        return _source_from_json(stored)  # type: ignore[return-value]  # no excerpt
    error = _error_from_json(stored["error"]) if "error" in stored else None
    if "senses" not in stored:
        return error or InputError("nothing is listed")
    sources: dict[str, Any] = {sense: _source_from_json(source) for sense, source in stored["senses"].items()}
    return TableExample(Path(stored["table"]), stored["row"], sources, error) if "table" in stored else sources


def _source_to_json(source: Path | Excerpt | RemoteFile) -> Any:
    if isinstance(source, Excerpt):
        return [str(source.path), source.start_s, source.end_s]
    return source.url if isinstance(source, RemoteFile) else str(source)


def _source_from_json(stored: Any) -> Path | Excerpt | RemoteFile:
    if isinstance(stored, list):
        return Excerpt(Path(stored[0]), *stored[1:])
    return RemoteFile(stored) if "://" in stored else Path(stored)


def _error_to_json(error: InputError) -> dict[str, str]:
    return {"what": error.what, "where": error.where, "allowed": error.allowed, "hint": error.hint}


def _error_from_json(stored: Mapping[str, str]) -> InputError:
    return InputError(stored["what"], where=stored["where"], allowed=stored["allowed"], hint=stored["hint"])
