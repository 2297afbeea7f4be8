"""The run directory: the intermediate files of a training run, and a record of what it started with, for --resume."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from seehear.datasets import TrainingData
from seehear.errors import UsageError
from seehear.events import Listener, Notice
from seehear.files import check_writable, hash_file, write_atomically
from seehear.folders import claim_folder, empty_folder, remove_folder, temporary_folder
from seehear.learn.model.pretrained import Pretrained
from seehear.media import find_span, path_of
from seehear.recipe import Frozen, Recipe
from seehear.run_files import MANIFEST
from seehear.table import Table

FINGERPRINTED = {"examples": "examples", "val": "held-out examples", "unlabelled": "unlabelled examples"}
STATES_KEPT = 16  # of files: excerpts of one recording follow each other
START_ANEW = "train without --resume to start over"


class RunStart(Frozen):
    """The recipe of a run, and fingerprints of its examples of all kinds and of the model it started from.

    tried   the recipes that it tries; () if there is only one
    """

    recipe: Recipe
    examples: str
    val: str | None
    start: str | None = None
    unlabelled: str | None = None
    tried: tuple[Recipe, ...] = ()


def name_run_directory(out: str | Path | None, cache: Path | None) -> Path | None:
    """Beside the model file, or in the cache; None for a temporary folder."""
    if cache is not None:
        return Path(cache, "seehear-run")
    return None if out is None else Path(f"{out}.run")


def discard_run(folder: Path) -> None:
    """Delete what an earlier run left in the directory. Raises UsageError if a process is using it."""
    with claim_folder(folder):
        _remove(folder)


@contextmanager
def run_directory(folder: Path, *, resume: bool, listen: Listener) -> Iterator[None]:
    """Lock the directory for this run. It is emptied for a new run and removed when the run has finished.

    It is kept when the run is interrupted, so that `resume` can continue. Raises UsageError if there is nothing to
    resume, if another process is using the directory, or if no earlier run created it.
    """
    if resume and not (folder / MANIFEST).exists():
        raise UsageError("there is no run to resume", where=str(folder), hint=START_ANEW)
    with claim_folder(folder):
        if not resume:
            _empty(folder)
        try:
            yield
        except BaseException as error:
            if not (folder / MANIFEST).exists():
                _remove(folder)
            elif isinstance(error, KeyboardInterrupt):
                listen(Notice(f"The run is kept in {folder}. Repeat the command with --resume to continue."))
            raise
        _remove(folder)


@contextmanager
def open_run_directory(out: str | Path | None, cache: Path | None, *, resume: bool, listen: Listener) -> Iterator[Path]:
    """The run directory: beside `out`, in `cache`, or a temporary folder, which cannot be resumed."""
    if out is not None:
        check_writable(Path(out))
    if (folder := name_run_directory(out, cache)) is not None:
        with run_directory(folder, resume=resume, listen=listen):
            yield folder
        return
    if resume:
        raise UsageError("there is no run to resume without out or cache", hint="give the same out or cache as before")
    with temporary_folder() as temporary:
        yield temporary


def record_start(
    folder: Path,
    recipe: Recipe,
    data: TrainingData,
    start: Pretrained | None = None,
    tried: tuple[Recipe, ...] = (),
) -> None:
    """Record what a new run starts with. Raises UsageError if a resumed run started with something else."""
    now = RunStart(
        recipe=recipe,
        examples=_fingerprint(data.examples, folder),
        val=None if data.val is None else _fingerprint(data.val, folder),
        start=None if start is None else start.fingerprint(),
        unlabelled=None if data.unlabelled is None else _fingerprint(data.unlabelled, folder),
        tried=tried,
    )
    if not (folder / MANIFEST).exists():
        write_atomically(folder / MANIFEST, now.model_dump_json(indent=2).encode())
        return
    then = _read_start(folder)
    _check_same(then.recipe, now.recipe, folder)
    if then.start != now.start:
        what = "without --start" if then.start is None else "from another model"
        raise UsageError(f"the run started {what}", where=str(folder), hint=f"give the same --start, or {START_ANEW}")
    for name, which in FINGERPRINTED.items():
        before, given = getattr(then, name), getattr(data, name)
        if before != getattr(now, name):
            what = f"these are not the {which} that the run started with"
            if before is None or given is None:
                what = f"the run started {'without' if before is None else 'with'} {which}"
            same = "data, --val, --unlabelled, --answer and --senses, with unchanged files"
            raise UsageError(
                what,
                where=str((given or data.examples).root),
                hint=f"give the same {same}, or {START_ANEW}",
            )


def _check_same(then: Recipe, now: Recipe, folder: Path) -> None:
    if then == now:
        return
    old, new = (recipe.training.model_dump() | {"wrong_at_most": recipe.wrong_at_most} for recipe in (then, now))
    differing = [f"{name} {_format(old[name])}, not {_format(new[name])}" for name in old if old[name] != new[name]]
    what = "; ".join(differing) or "another recipe"
    raise UsageError(
        f"the run started with {what}", where=str(folder), hint=f"do not give these settings again, or {START_ANEW}"
    )


def _format(setting: Any) -> str:
    return "not given" if setting is None else f"{setting}"


def read_recipe(folder: Path) -> Recipe | None:
    """The recipe of the run in this directory; None if it has none yet."""
    return _read_start(folder).recipe if (folder / MANIFEST).exists() else None


def read_tried(folder: Path, tries: int | None) -> tuple[Recipe, ...]:
    """The recipes that the run in this directory tries; () if it has none yet, or only one.

    Raises UsageError if it was started with another number of them.
    """
    if not (folder / MANIFEST).exists():
        return ()
    tried = _read_start(folder).tried
    if len(tried) != (tries or 0):
        then = f"with --tries {len(tried)}" if tried else "without --tries"
        raise UsageError(f"the run started {then}", where=str(folder), hint=f"do the same again, or {START_ANEW}")
    return tried


def _read_start(folder: Path) -> RunStart:
    try:
        return RunStart.model_validate_json((folder / MANIFEST).read_bytes())
    except ValidationError:
        raise UsageError(
            "this run was started by another version of seehear", where=str(folder / MANIFEST), hint=START_ANEW
        ) from None


def _fingerprint(table: Table, folder: Path) -> str:
    """A hash of the rows, and of the size and time of their files, or the content of files unpacked for this run."""
    unpacked = table.root.resolve().is_relative_to(folder.resolve())
    state = lru_cache(maxsize=STATES_KEPT)(partial(_state, unpacked=unpacked))
    digest = hashlib.sha256()
    for row in table:
        digest.update(f"{row.key}\0{row.answer}\0{row.auxiliary}\0{sorted(row.metadata.items())}\n".encode())
        for name, source in row.inputs.items():
            file, span_s = path_of(source), find_span([source])
            relative = str(file).removeprefix(str(table.root))
            digest.update(f"{name}\0{relative}\0{span_s or ''}\0{state(file)}\n".encode())
    return digest.hexdigest()


def _state(path: Path, unpacked: bool) -> str:
    try:
        if unpacked:
            return hash_file(path)
        stat = path.stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:
        return "unreadable"


def _empty(folder: Path) -> None:
    (folder / MANIFEST).unlink(missing_ok=True)  # first: without it, the other files belong to no run
    empty_folder(folder)


def _remove(folder: Path) -> None:
    (folder / MANIFEST).unlink(missing_ok=True)
    remove_folder(folder)
