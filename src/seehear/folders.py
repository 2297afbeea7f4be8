"""Folders for work in progress. Only one that carries our mark is ever emptied."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seehear.errors import UsageError
from seehear.files import lock

MARK = ".seehear-work"
TEMPORARY = "seehear-"
MARK_TEXT = b"seehear keeps work in progress in this folder. It deletes all of it when the work is done.\n"


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make and mark a folder, or take over one that an earlier run left; no other process may work in it meanwhile.

    An empty folder may be taken over too. Raises UsageError for a link, for what is not a folder, for a folder that
    holds something but not our mark, where another process is at work, and where the folder cannot be made.
    """
    descriptor = _taken(folder)
    try:
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A folder for as long as the context lasts. What killed processes left of theirs is removed as well."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(UsageError, OSError):
            _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=place))
    with claimed(folder):
        try:
            yield folder
        finally:
            discard(folder)


def empty(folder: Path) -> None:
    """Remove all that is in a claimed folder but its mark. Raises UsageError where there is no mark."""
    _check_marked(folder)
    for entry in folder.iterdir():
        if entry.name != MARK:
            discard(entry)


def discard(path: Path) -> None:
    """Remove a file, a folder with all that is in it, or a link but not what it leads to. There may be nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Remove a claimed folder with all that is in it."""
    empty(folder)
    unmark(folder)
    folder.rmdir()


def unmark(folder: Path) -> None:
    """Remove the mark: the contents are results now, and nothing will empty the folder."""
    (folder / MARK).unlink()


def _taken(folder: Path) -> int:
    """A descriptor of the folder, made, locked and marked."""
    try:
        if folder.is_symlink():
            raise _refused("is a link", folder)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            lock(descriptor)
            _mark(folder)
        except BaseException:
            os.close(descriptor)
            raise
    except BlockingIOError:
        hint = "wait until it is done, or choose another folder"
        raise UsageError("another process is using it", where=str(folder), hint=hint) from None
    except FileExistsError:
        raise _refused("is not a folder", folder) from None
    except (OSError, ValueError) as error:
        what = f"the work folder cannot be created: {getattr(error, 'strerror', None) or error}"
        raise UsageError(what, where=str(folder), hint="choose a place where you may write") from None
    return descriptor


def _mark(folder: Path) -> None:
    """Mark an empty folder. A process that was killed here may have left half a mark, and nothing else."""
    if any(entry.name != MARK for entry in folder.iterdir()):
        _check_marked(folder)
    elif not _is_marked(folder):
        discard(folder / MARK)
        (folder / MARK).write_bytes(MARK_TEXT)


def _remove_if_left(folder: Path) -> None:
    """Raises UsageError if its process is still running."""
    if _is_marked(folder) and folder.lstat().st_uid == os.geteuid():
        with claimed(folder):
            remove(folder)


def _check_marked(folder: Path) -> None:
    if not _is_marked(folder):
        raise _refused("holds files that are not from a run of seehear", folder)


def _is_marked(folder: Path) -> bool:
    try:
        return stat.S_ISREG((folder / MARK).lstat().st_mode) and (folder / MARK).read_bytes() == MARK_TEXT
    except OSError:
        return False


def _refused(what: str, folder: Path) -> UsageError:
    what = f"{what}, and the work folder is emptied before and after a run"
    return UsageError(what, where=str(folder), hint="move or delete it yourself, or choose another work folder")
