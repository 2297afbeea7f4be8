"""The files of a project, each stored once under the SHA-256 of its content: files/ab/cdef….jpg.

A file is written to a staging folder first, and moved into place while the database is locked for writing. So a file
that the database names is always there, and one that it does not name can be deleted while the lock is held.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from seehear.errors import DiskError, InputError, UsageError
from seehear.files import HINT, flush_file, flush_folder
from seehear.folders import claim_folder, delete, remove_folder
from seehear.media import medium_of, medium_of_file

_BLOCK = 1 << 20
_STAGING = "staging-"
_MANY = 16  # files, from which flushing all of the disk at once is quicker
MOST_BYTES = 4 << 30  # of one file


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the project. `suffix` begins with a dot or is ""; `medium` is picture, recording, video or ""."""

    sha256: str
    suffix: str
    size_bytes: int
    medium: str

    @property
    def place(self) -> str:
        """Its path below `files/`."""
        return f"{self.sha256[:2]}/{self.sha256[2:]}{self.suffix}"


class Staging:
    """Files that are on the disk but not yet part of the project. They are deleted unless they are published."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unflushed: set[str] = set()

    def add(self, path: Path, name: str | None = None) -> StoredFile:
        """Copy a file, under its name or another one. Raises InputError if it cannot be read, is empty or too large."""
        try:
            with path.open("rb") as source:
                blocks = iter(lambda: source.read(_BLOCK), b"")
                medium = medium_of(name or path.name) or medium_of_file(path)
                return self.write(blocks, name or path.name, medium)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
        except InputError as error:
            raise error.at(str(path)) from None

    def write(self, blocks: Iterable[bytes], name: str, medium: str | None = None) -> StoredFile:
        """Keep the content that comes in blocks, under a name that gives its suffix and, unless given, its medium."""
        digest, size = hashlib.sha256(), 0
        unfinished = self._folder / f"{secrets.token_hex(8)}.part"
        with _writing(unfinished) as descriptor:
            for block in blocks:
                digest.update(block)
                size += len(block)
                if size > MOST_BYTES:
                    raise InputError("the file is too large", allowed=f"{MOST_BYTES:,} bytes")
                _write_all(descriptor, block)
            if not size:
                raise InputError("the file is empty", where=name, hint="copy it again")
        medium = medium_of(name) if medium is None else medium
        suffix = Path(name).suffix.lower() if medium_of(name) else ""
        file = StoredFile(digest.hexdigest(), suffix, size, medium)
        unfinished.replace(self.path(file))
        self._unflushed.add(file.sha256)
        return file

    def path(self, file: StoredFile) -> Path:
        """Where a file lies until it is published."""
        return self._folder / file.sha256

    def flush(self) -> None:
        """Make what was staged survive a power cut. This is slow; call it before the database is locked."""
        if len(self._unflushed) > _MANY and hasattr(os, "sync"):
            os.sync()  # flushes everything; flushing each file after that is only to be sure
        for sha256 in self._unflushed:
            flush_file(self._folder / sha256)
        self._unflushed.clear()

    def publish(self, files: Iterable[StoredFile], destination: Path) -> None:
        """Move files to their places. Call it while the database is locked for writing, before the commit."""
        self.flush()
        folders = set()
        for file in files:
            place = destination / file.place
            if place.parent not in folders and not place.parent.is_dir():
                place.parent.mkdir(parents=True, exist_ok=True)
                folders.add(destination)
            if not place.exists():
                self.path(file).replace(place)
                folders.add(place.parent)
        for folder in folders:
            flush_folder(folder)


class ContentStore:
    """The folder `files/` of a project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, file: StoredFile) -> Path:
        return self.folder / file.place

    @contextmanager
    def staging(self) -> Iterator[Staging]:
        """A folder to prepare files in. What is not published is deleted, and so is what killed processes left."""
        self._delete_leftovers()
        folder = self.folder / f"{_STAGING}{secrets.token_hex(6)}"
        with claim_folder(folder):
            try:
                yield Staging(folder)
            finally:
                delete(folder)

    def publish(self, staging: Staging, files: Iterable[StoredFile]) -> None:
        """Raises DiskError if they cannot be written."""
        try:
            staging.publish(files, self.folder)
        except OSError as error:
            raise DiskError(f"cannot be written: {error.strerror}", where=str(self.folder), hint=HINT) from error

    def delete_others(self, known: Collection[str]) -> int:
        """Delete the files whose SHA-256 is not among these; returns how many. Call it while writing is locked."""
        count = 0
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for path in folder.iterdir():
                if folder.name + path.stem not in known:
                    path.unlink()
                    count += 1
        return count

    def _delete_leftovers(self) -> None:
        for leftover in self.folder.glob(f"{_STAGING}*"):
            with suppress(UsageError, OSError), claim_folder(leftover):  # refused while a process uses it
                remove_folder(leftover)


@contextmanager
def _writing(path: Path) -> Iterator[int]:
    """The descriptor of a new file, which is deleted on an error."""
    descriptor = -1
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        yield descriptor
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(path)):
            raise DiskError(f"cannot be written: {error.strerror}", where=str(path.parent), hint=HINT) from error
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
