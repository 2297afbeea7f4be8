"""Appends entries to an audit log: from several threads and processes, and safe when one of them is killed.

An entry is written before `append` returns, so it survives the end of this process. While entries keep coming, they are
flushed to the disk once a second, and all of them when the log is closed: only a power cut can lose the last ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from seehear.audit.entries import NOTHING, Head
from seehear.audit.segments import Segment, find_segments, log_of, read_head
from seehear.errors import SeehearError, UsageError
from seehear.files import HINT

MOST_BYTES = 64 << 20  # of one file


class AuditLog:
    """An open log. It may be used from several threads, and the same log may be open in several processes.

    path         its first file; `answers.jsonl` is followed by `answers.2.jsonl` and so on
    most_bytes   of a file, after which the next one begins; each month begins one, too
    clock        gives the time of an entry, in UTC
    """

    _segment: Segment | None

    def __init__(
        self,
        path: str | Path,
        *,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises UsageError for the name of a later file of another log, and SeehearError for a file that is not an
        audit log or cannot be written."""
        self.path, self._most_bytes, self._clock = Path(path), most_bytes, clock
        if (log := log_of(self.path)) != self.path:
            what = f"this would be a later file of the log {log}"
            raise UsageError(what, where=str(self.path), hint="choose a name without a number, such as answers.jsonl")
        self._head, self._segment, self._mutex = NOTHING, None, Lock()
        self._process = os.getpid()
        self._head = self.head

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)

    @property
    def head(self) -> Head:
        """The last entry. If you keep its hash elsewhere, nobody can cut off the end of the log unnoticed."""
        with self._newest() as segment:
            return segment.head

    def append(self, event: str, facts: Mapping[str, Any]) -> Head:
        """Add an entry with the current time. Returns the new head.

        Raises ValueError for facts that JSON cannot represent or that take more than MOST_LINE_BYTES, and SeehearError
        if the entry cannot be written.
        """
        with self._newest() as segment:
            at = self._clock()
            if segment.is_full(self._most_bytes, at):
                segment = self._begin_next(segment)
            segment.write(event, facts, at)
            self._head = segment.head
            return segment.head

    def close(self) -> None:
        """Flush everything to the disk. The next entry opens the log again."""
        with self._mutex:
            if self._segment is not None:
                self._segment.close()
                self._segment = None

    @contextmanager
    def _newest(self) -> Iterator[Segment]:
        """The newest file, locked, and read up to its end."""
        if self._process != os.getpid():  # a fork would share its parent's lock
            self._segment, self._mutex, self._process = None, Lock(), os.getpid()
        with self._mutex:
            try:
                yield self._lock_newest()
            except OSError as error:
                what = f"the audit log cannot be written: {error.strerror or error}"
                raise SeehearError(what, where=str(self.path), hint=HINT) from None
            finally:
                if self._segment is not None:
                    self._segment.unlock()

    def _lock_newest(self) -> Segment:
        while True:
            segment = self._segment = self._segment or self._open_newest()
            segment.lock()
            if not segment.is_superseded():
                segment.read()
                return segment
            self._segment = None
            segment.close()

    def _open_newest(self) -> Segment:
        """The newest file, with the head of the previous one if it is empty, as after a crash."""
        before, head = find_segments(self.path), self._head
        number = max(before, default=1)
        if number - 1 in before and before[number].stat().st_size == 0:
            head = read_head(before[number - 1])
        return Segment(self.path, number, head)

    def _begin_next(self, full: Segment) -> Segment:
        """The file after a full one, locked. Others may write to it first, and even begin the next one."""
        self._segment = Segment(self.path, full.number + 1, full.head)
        full.close()
        return self._lock_newest()
