"""The folder where a run keeps its work, and what the run began with: going on with anything else is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seehear.errors import UsageError
from seehear.events import Listener, Said
from seehear.files import write_whole
from seehear.folders import claimed, empty, remove
from seehear.media import Excerpt
from seehear.recipe import Frozen, Recipe
from seehear.table import Table

BEGINNING = "run.json"  # a folder with it holds a run that `resume` can go on with
STATES_KEPT = 16  # of files: the stretches of one recording follow each other
ANEW = "train without --resume to start anew"


class RunStart(Frozen):
    """The recipe of a run, and fingerprints of what it learns from and is judged by."""

    recipe: Recipe
    examples: str
    val: str | None


@contextmanager
def run_directory(folder: Path, *, resume: bool, listen: Listener) -> Iterator[None]:
    """Hold the folder against other runs: emptied for a new one, and removed when it is over.

    Kept when the run is cut off, so that `resume` can go on. Raises UsageError where there is nothing to go on with,
    where another process is at work, and where the folder is not one that an earlier run has made.
    """
    if resume and not (folder / BEGINNING).exists():
        raise UsageError("there is no run to go on with", where=str(folder), hint=ANEW)
    with claimed(folder):
        if not resume:
            _empty(folder)
        try:
            yield
        except BaseException as error:
            if not (folder / BEGINNING).exists():
                _remove(folder)
            elif isinstance(error, KeyboardInterrupt):
                listen(Said(f"The work is kept in {folder}. Give the same command with --resume to go on."))
            raise
        _remove(folder)


def record_start(folder: Path, recipe: Recipe, table: Table, val: Table | None) -> None:
    """Note what a new run begins with; of one that goes on, see that it is the same. Raises UsageError otherwise."""
    now = RunStart(
        recipe=recipe,
        examples=_fingerprint(table, folder),
        val=None if val is None else _fingerprint(val, folder),
    )
    if not (folder / BEGINNING).exists():
        write_whole(folder / BEGINNING, now.model_dump_json(indent=2).encode())
        return
    then = _beginning(folder)
    _check_same(then.recipe, now.recipe, folder)
    if (then.examples, then.val) != (now.examples, now.val):
        which = "examples" if then.examples != now.examples else "held-out examples"
        hint = f"give the same data, --val, --answer and --senses as before, with unchanged files; or {ANEW}"
        raise UsageError(f"these are not the {which} that the run began with", where=str(table.root), hint=hint)


def _check_same(then: Recipe, now: Recipe, folder: Path) -> None:
    if then == now:
        return
    old, new = (recipe.training.model_dump() | {"wrong_at_most": recipe.wrong_at_most} for recipe in (then, now))
    differing = [f"{name} {_told(old[name])}, not {_told(new[name])}" for name in old if old[name] != new[name]]
    what = "; ".join(differing) or "another recipe"
    raise UsageError(f"the run began with {what}", where=str(folder), hint=f"leave that to the run, or {ANEW}")


def _told(setting: Any) -> str:
    return "not given" if setting is None else f"{setting}"


def read_recipe(folder: Path) -> Recipe | None:
    """The recipe of the run that is kept in the folder; None where there is none yet."""
    return _beginning(folder).recipe if (folder / BEGINNING).exists() else None


def _beginning(folder: Path) -> RunStart:
    try:
        return RunStart.model_validate_json((folder / BEGINNING).read_bytes())
    except ValidationError:
        raise UsageError("is not of a run of this version", where=str(folder / BEGINNING), hint=ANEW) from None


def _fingerprint(table: Table, folder: Path) -> str:
    """Of the rows and of their files: their times and sizes, or the content of what was unpacked for this run."""
    unpacked = table.root.resolve().is_relative_to(folder.resolve())
    state = lru_cache(maxsize=STATES_KEPT)(partial(_state, unpacked=unpacked))
    digest = hashlib.sha256()
    for row in table:
        digest.update(f"{row.key}\0{row.answer}\0{row.auxiliary}\0{sorted(row.metadata.items())}\n".encode())
        for name, source in row.inputs.items():
            file, span_s = (
                (source.path, (source.start_s, source.end_s)) if isinstance(source, Excerpt) else (source, ())
            )
            relative = str(file).removeprefix(str(table.root))
            digest.update(f"{name}\0{relative}\0{span_s or ''}\0{state(file)}\n".encode())
    return digest.hexdigest()


def _state(path: Path, unpacked: bool) -> str:
    try:
        if unpacked:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        stat = path.stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:
        return "unreadable"


def _empty(folder: Path) -> None:
    (folder / BEGINNING).unlink(missing_ok=True)  # first: without it, what else is there belongs to no run
    empty(folder)


def _remove(folder: Path) -> None:
    (folder / BEGINNING).unlink(missing_ok=True)
    remove(folder)
