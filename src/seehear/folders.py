"""Folders for temporary work. Only a folder that carries our marker file is ever emptied."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seehear.errors import UsageError
from seehear.files import ON_WINDOWS, lock_file

MARKER = ".seehear-work"
MARKER_TEXT = b"seehear keeps temporary work in this folder. It deletes everything in it when the work is done.\n"
PREFIX = "seehear-"


@contextlib.contextmanager
def claim_folder(folder: Path) -> Iterator[None]:
    """Make and mark a folder, or take over one that an earlier run left. No other process may use it meanwhile.

    An empty folder may be taken over too. Raises UsageError for a link, for anything but a folder, for a folder that
    holds files but not our marker, for one that another process is using, and if the folder cannot be made.
    """
    descriptor = _lock_and_mark(folder)
    try:
        yield
    finally:
        os.close(descriptor)
        if ON_WINDOWS:
            _lock_path(folder).unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for as long as the context lasts. Also deletes those of processes that were killed."""
    place = Path(tempfile.gettempdir())
    for leftover in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(UsageError, OSError):
            _remove_leftover(leftover)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    with claim_folder(folder):
        try:
            yield folder
        finally:
            delete(folder)


def empty_folder(folder: Path) -> None:
    """Delete everything in a claimed folder but its marker. Raises UsageError if there is no marker."""
    _check_marked(folder)
    for entry in folder.iterdir():
        if entry.name != MARKER:
            delete(entry)


def delete(path: Path) -> None:
    """Delete a file, a folder with everything in it, or a link but not its target; do nothing if nothing is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Delete a claimed folder and everything in it."""
    empty_folder(folder)
    unmark_folder(folder)
    folder.rmdir()


def unmark_folder(folder: Path) -> None:
    """Delete the marker: the contents are results now, and nothing will empty the folder."""
    (folder / MARKER).unlink()


def _lock_and_mark(folder: Path) -> int:
    """Make, lock and mark a folder. Returns the descriptor that holds the lock."""
    try:
        if folder.is_symlink():
            raise _refuse("is a link", folder)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _open_lock(folder)
        try:
            lock_file(descriptor)
            _mark(folder)
        except BaseException:
            os.close(descriptor)
            raise
    except BlockingIOError:
        hint = "wait until it is done, or choose another folder"
        raise UsageError("another process is using it", where=str(folder), hint=hint) from None
    except FileExistsError:
        raise _refuse("is not a folder", folder) from None
    except (OSError, ValueError) as error:
        what = f"the work folder cannot be created: {getattr(error, 'strerror', None) or error}"
        raise UsageError(what, where=str(folder), hint="choose a place where you may write") from None
    return descriptor


def _open_lock(folder: Path) -> int:
    """What to lock: the folder itself, or, on Windows, which does not open folders, a file beside it."""
    if ON_WINDOWS:
        return os.open(_lock_path(folder), os.O_RDWR | os.O_CREAT)
    return os.open(folder, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _mark(folder: Path) -> None:
    """Mark an empty folder. A process that was killed here may have left half a marker, and nothing else."""
    if any(entry.name != MARKER for entry in folder.iterdir()):
        _check_marked(folder)
    elif not _is_marked(folder):
        delete(folder / MARKER)
        (folder / MARKER).write_bytes(MARKER_TEXT)


def _remove_leftover(folder: Path) -> None:
    """Raises UsageError if its process is still running."""
    if _is_marked(folder) and _is_own(folder):
        with claim_folder(folder):
            remove_folder(folder)


def _is_own(folder: Path) -> bool:
    """Whether this user owns it. On Windows, where each user has their own folder for temporary files, always true."""
    return ON_WINDOWS or folder.lstat().st_uid == os.geteuid()


def _check_marked(folder: Path) -> None:
    if not _is_marked(folder):
        raise _refuse("holds files that are not from a run of seehear", folder)


def _is_marked(folder: Path) -> bool:
    try:
        return stat.S_ISREG((folder / MARKER).lstat().st_mode) and (folder / MARKER).read_bytes() == MARKER_TEXT
    except OSError:
        return False


def _refuse(what: str, folder: Path) -> UsageError:
    what = f"{what}, and the work folder is emptied before and after a run"
    return UsageError(what, where=str(folder), hint="move or delete it yourself, or choose another work folder")
