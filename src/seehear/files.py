"""Writing files whole: a reader, or a start after a crash, sees the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from seehear.errors import SeehearError, UsageError

LEFTOVER = ".part"
ELSEWHERE = "choose a folder that exists, may be written to and has room"


def write_whole(path: Path, chunks: Iterable[bytes] | bytes) -> None:
    """Write to a temporary name beside `path`, flush to disk, rename, flush the folder.

    Leaves nothing behind when it fails, and clears what a killed writer of the same file left behind. A link is
    followed; what is not a regular file is refused. Raises SeehearError naming the file where the disk refuses.
    """
    try:
        path = _target(path)
        _clear_leftovers(path)
        _write_and_rename(path, [chunks] if isinstance(chunks, bytes) else chunks)
    except (OSError, ValueError) as error:
        raise SeehearError(_refusal(error), where=str(path), hint=ELSEWHERE) from error


def check_writable(path: Path) -> None:
    """Raises UsageError where `write_whole` could not write: to be asked before long work. Changes nothing."""
    try:
        if not path.parent.is_dir():
            raise UsageError("there is no such folder", where=str(path.parent), hint=f"mkdir -p {path.parent}")
        temporary = _temporary(_target(path))
        os.close(_created(temporary))
        temporary.unlink()
    except (OSError, ValueError) as error:
        raise UsageError(_refusal(error), where=str(path), hint=ELSEWHERE) from None


def lock(descriptor: int) -> None:
    """Hold an open file or folder until it is closed; BlockingIOError where another process does."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _target(path: Path) -> Path:
    """The file itself, there already or not, where `path` may be a link to it. Raises OSError for one that loops."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError("is not a regular file, so it cannot be replaced", where=str(path))
    return path.resolve()


def _refusal(error: OSError | ValueError) -> str:
    return f"cannot be written: {getattr(error, 'strerror', None) or error}"


def _temporary(path: Path) -> Path:
    return path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{LEFTOVER}")


def _created(temporary: Path) -> int:
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def _write_and_rename(path: Path, chunks: Iterable[bytes]) -> None:
    temporary = _temporary(path)
    descriptor = _created(temporary)
    try:
        with os.fdopen(descriptor, "wb") as file:
            lock(descriptor)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _prefix(path: Path) -> str:
    """Hidden, telling of its file, and short enough for the longest file name there may be."""
    return f".{path.name[:48]}."


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear_leftovers(path: Path) -> None:
    """Remove the temporary files of writers that were killed; those of living writers are locked."""
    prefix = _prefix(path)
    for leftover in path.parent.iterdir():
        if leftover.name.startswith(prefix) and leftover.name.endswith(LEFTOVER):
            with contextlib.suppress(OSError), leftover.open("rb") as file:
                lock(file.fileno())
                leftover.unlink()
