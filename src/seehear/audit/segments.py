"""The files of an audit log: answers.jsonl, then answers.2.jsonl, answers.3.jsonl, ... None is ever renamed or cut."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from seehear.audit.entries import MOST_LINE_BYTES, NOTHING, TORN, Entry, Head, is_torn, seal, unseal
from seehear.errors import SeehearError
from seehear.files import flush_folder, unlock_file, wait_for_lock

SYNC_EVERY_S = 1.0
_END_BYTES = 1 << 14  # in which the last entry usually is
_NUMBERED = re.compile(r"(.+)\.([1-9][0-9]{0,8})(\.[^.]*)?")


def segment_path(log: Path, number: int) -> Path:
    """The file of a log with this number, starting at 1."""
    return log if number == 1 else log.with_name(f"{log.stem}.{number}{log.suffix}")


def log_of(file: Path) -> Path:
    """The log that a file belongs to, named by its first file."""
    found = _NUMBERED.fullmatch(file.name)
    return file if found is None else file.with_name(f"{found[1]}{found[3] or ''}")


def find_segments(log: Path) -> dict[int, Path]:
    """The files of a log that exist, by number, in order."""
    found = {1: log} if log.exists() else {}
    for file in log.parent.iterdir() if log.parent.is_dir() else ():
        match = _NUMBERED.fullmatch(file.name)
        if match and segment_path(log, int(match[2])).name == file.name:
            found[int(match[2])] = file
    return dict(sorted(found.items()))


class Segment:
    """One open file of a log, for reading its end and appending.

    head    the last entry; that of the file before, if there is none in this one
    """

    def __init__(self, log: Path, number: int, head: Head = NOTHING) -> None:
        self._log, self.number, self.head = log, number, head
        self.path = segment_path(log, number)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags, 0o600)
        self._size, self._month, self._synced_s = 0, "", float("-inf")
        self._torn, self._line_end = b"", b""  # what a crash left, and what ends its line
        if os.fstat(self._descriptor).st_size == 0:
            flush_folder(log.parent)

    def lock(self) -> None:
        """Wait until no other process is writing."""
        wait_for_lock(self._descriptor)

    def unlock(self) -> None:
        unlock_file(self._descriptor)

    def close(self) -> None:
        """Flush to the disk and close, which unlocks."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def is_superseded(self) -> bool:
        """Whether another process has begun the next file, or somebody has deleted this one."""
        return os.fstat(self._descriptor).st_nlink == 0 or segment_path(self._log, self.number + 1).exists()

    def is_full(self, most_bytes: int, at: datetime) -> bool:
        """Whether an entry of this time belongs in the next file: this one is large, or from another month."""
        if self._line_end:  # the entry about what a crash left must be in the same file
            return False
        return self._size >= most_bytes or self._month not in ("", f"{at:%Y-%m}")

    def read(self) -> None:
        """Read what other processes have written. Raises SeehearError if that is not a log."""
        size = os.fstat(self._descriptor).st_size
        if size == self._size:
            return
        last, rest = _read_end(self._descriptor, size)
        self._torn, self._line_end = rest, b"\n" if rest else b""
        with suppress(ValueError):  # all of an entry but its line end was written
            last, self._torn = unseal(rest.rpartition(b"\n")[2]), b""
        if self._torn and not is_torn(rest):
            what = "it is not an audit log, or its end was changed"
            hint = f"see `seehear log verify {self._log}`, and begin a log under another name"
            raise SeehearError(what, where=str(self.path), hint=hint)
        if last is not None:
            self.head, self._month = Head(last.number, last.hash), last.at[:7]
        self._size = size

    def write(self, event: str, facts: Mapping[str, Any], at: datetime) -> None:
        """Append an entry, and before it one that describes what a crash left. Raises ValueError, OSError."""
        head, lines, time_said = self.head, [self._line_end], at.isoformat(timespec="microseconds")
        if self._torn:
            told = {"bytes": len(self._torn), "sha256": hashlib.sha256(self._torn).hexdigest()}
            line, head = seal(head, time_said, TORN, told)
            lines.append(line)
        line, head = seal(head, time_said, event, facts)
        data = b"".join((*lines, line))
        self._append(data)
        self.head, self._month, self._torn, self._line_end = head, time_said[:7], b"", b""
        self._size += len(data)

    def _append(self, data: bytes) -> None:
        if os.write(self._descriptor, data) < len(data):
            self._size = -1  # so that the next `read` finds what was written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if time.monotonic() - self._synced_s >= SYNC_EVERY_S:
            os.fsync(self._descriptor)
            self._synced_s = time.monotonic()


def read_head(path: Path) -> Head:
    """The last entry of a file; NOTHING if it has none."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        last, _ = _read_end(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
    return NOTHING if last is None else Head(last.number, last.hash)


def _read_end(descriptor: int, size: int) -> tuple[Entry | None, bytes]:
    """The last entry with a line end, and the bytes after it."""
    rest = b""
    for window in (_END_BYTES, 2 * MOST_LINE_BYTES):
        start = max(0, size - window)
        lines = _read_from(descriptor, start, size).split(b"\n")
        for place in range(len(lines) - 2, -1, -1):
            try:
                return unseal(lines[place]), b"\n".join(lines[place + 1 :])
            except ValueError:  # also for the first line, whose start may be missing
                continue
        rest = b"\n".join(lines)
        if start == 0:
            break
    return None, rest


def _read_from(descriptor: int, start: int, end: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    parts = []
    while start < end and (part := os.read(descriptor, end - start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)
