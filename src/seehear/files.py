"""Atomic file writes: a reader, or a start after a crash, sees the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from seehear.errors import DiskError, UsageError

MODEL_SUFFIX = ".seehear"
PROJECTS_FOLDER = "seehear-projects"  # in the current folder, unless another is named
PART_SUFFIX = ".part"
HINT = "choose a folder that exists, may be written to and has room"
ON_WINDOWS = sys.platform == "win32"


def write_atomically(path: Path, chunks: Iterable[bytes] | bytes) -> None:
    """Write to a temporary file beside `path`, flush it to disk, rename it, flush the folder.

    Leaves nothing behind on failure, and deletes what a killed writer of the same file left behind. A link is followed;
    anything but a regular file is refused. Raises DiskError, naming the file, if it cannot be written.
    """
    try:
        path = _resolve(path)
        _delete_leftovers(path)
        _write_and_rename(path, [chunks] if isinstance(chunks, bytes) else chunks)
    except (OSError, ValueError) as error:
        raise DiskError(_describe(error), where=str(path), hint=HINT) from error


def hash_file(path: Path) -> str:
    """The SHA-256 of its content, in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(path: Path) -> None:
    """Raises UsageError if `write_atomically` could not write. Call it before long work; it changes nothing."""
    try:
        if not path.parent.is_dir():
            raise UsageError("there is no such folder", where=str(path.parent), hint=f"mkdir -p {path.parent}")
        temporary = _temporary_path(_resolve(path))
        os.close(_create(temporary))
        temporary.unlink()
    except (OSError, ValueError) as error:
        raise UsageError(_describe(error), where=str(path), hint=HINT) from None


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # beyond the contents: Windows keeps others from reading bytes that are locked

    def lock_file(descriptor: int) -> None:
        """Lock an open file until it is closed. Raises BlockingIOError if another process has locked it."""
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from None
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)

    def wait_for_lock(descriptor: int) -> None:
        """Lock an open file, once no other process has locked it. Raises OSError after ten seconds."""
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

    def unlock_file(descriptor: int) -> None:
        """End the lock of an open file."""
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock_file(descriptor: int) -> None:
        """Lock an open file or folder until it is closed. Raises BlockingIOError if another process has locked it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait_for_lock(descriptor: int) -> None:
        """Lock an open file, once no other process has locked it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def unlock_file(descriptor: int) -> None:
        """End the lock of an open file."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _resolve(path: Path) -> Path:
    """The file that `path` names or links to, whether it exists or not. Raises OSError for a link to itself."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError("is not a regular file, so it cannot be replaced", where=str(path))
    return path.resolve()


def _describe(error: OSError | ValueError) -> str:
    return f"cannot be written: {getattr(error, 'strerror', None) or error}"


def _temporary_path(path: Path) -> Path:
    return path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{PART_SUFFIX}")


def _create(temporary: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(temporary, flags, 0o666)


def _write_and_rename(path: Path, chunks: Iterable[bytes]) -> None:
    temporary = _temporary_path(path)
    descriptor = _create(temporary)
    try:
        with os.fdopen(descriptor, "wb") as file:
            lock_file(descriptor)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
            if not ON_WINDOWS:  # still locked, so that no other writer takes the finished file for a leftover
                temporary.replace(path)
        if ON_WINDOWS:  # which does not rename a file that is open
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def _prefix(path: Path) -> str:
    """Hidden, and short enough for the longest file name there may be."""
    return f".{path.name[:48]}."


def flush_file(path: Path) -> None:
    """Make the content of a file that was written survive a power cut."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """Make what was created and renamed in a folder survive a power cut."""
    if ON_WINDOWS:  # where folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _delete_leftovers(path: Path) -> None:
    """Delete the temporary files of writers that were killed; those of living writers are locked."""
    prefix = _prefix(path)
    for leftover in path.parent.iterdir():
        if leftover.name.startswith(prefix) and leftover.name.endswith(PART_SUFFIX):
            with contextlib.suppress(OSError):
                with leftover.open("rb") as file:
                    lock_file(file.fileno())
                    if not ON_WINDOWS:
                        leftover.unlink()
                if ON_WINDOWS:
                    leftover.unlink()
