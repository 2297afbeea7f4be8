"""Writing files whole: a reader, or a start after a crash, sees the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from seehear.errors import SeehearError, UsageError

LEFTOVER = ".part"


def write_whole(path: Path, chunks: Iterable[bytes] | bytes) -> None:
    """Write to a temporary name beside `path`, flush to disk, rename, flush the folder.

    Leaves nothing behind when it fails, and clears what a killed writer of the same file left behind. A link is
    followed; what is not a regular file is refused. Raises SeehearError naming the file where the disk refuses.
    """
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            raise SeehearError("is not a regular file, so it cannot be replaced", where=str(path))
        _clear_leftovers(path)
        _write_and_rename(path, [chunks] if isinstance(chunks, bytes) else chunks)
    except OSError as error:
        raise SeehearError(
            f"cannot be written: {error.strerror or error}",
            where=str(path),
            hint="choose a folder that exists, may be written to and has room",
        ) from error


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """A folder that one process at a time may work in. Raises UsageError where another one does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError:
            hint = "wait until it is done, or work elsewhere"
            raise UsageError("another process is at work in it", where=str(folder), hint=hint) from None
        yield
    finally:
        os.close(descriptor)


def empty(folder: Path) -> None:
    """Remove all that is in it; of a link, the link alone."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_and_rename(path: Path, chunks: Iterable[bytes]) -> None:
    temporary = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{LEFTOVER}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _lock(descriptor)
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
                _lock(file.fileno())
                leftover.unlink()


def _lock(descriptor: int) -> None:
    """Hold the file until it is closed; BlockingIOError where another process does."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
