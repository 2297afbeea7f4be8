"""Checks an audit log: whether each entry is unchanged and follows the previous one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seehear.amounts import format_count
from seehear.audit.entries import MOST_LINE_BYTES, NOTHING, TORN, Entry, Head, is_torn, unseal
from seehear.audit.segments import find_segments
from seehear.errors import UsageError


@dataclass(frozen=True)
class LogCheck:
    """What was found in a log.

    entries       how many are unchanged and follow the previous one, up to the first problem
    since, until  the times of the first and the last of them, in UTC; "" if there is none
    head          the last of them
    problem       the first entry that was changed, moved or inserted, or what is missing, and where; "" without one
    torn          how often a crash cut off the writing of an entry: no answer was given for these
    """

    path: Path
    entries: int
    since: str
    until: str
    head: Head
    problem: str
    torn: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "log": str(self.path),
            "intact": not self.problem,
            "entries": self.entries,
            "since": self.since,
            "until": self.until,
            "head": self.head.hash,
            "problem": self.problem,
            "torn": list(self.torn),
        }

    def __str__(self) -> str:
        span = f", {self.since} to {self.until}" if self.entries else ""
        found = f"{format_count(self.entries, 'entry')}{span}"
        said = f"broken: {self.problem}. Intact before that: {found}" if self.problem else f"intact: {found}"
        lines = [f"{self.path}: {said}", *(f"  {each}" for each in self.torn)]
        return "\n".join([*lines, f"  head {self.head.hash}"])


class _Line(NamedTuple):
    """`where` names the file and the line; `ended` is whether it has its line end."""

    content: bytes
    where: str
    ended: bool


class _BrokenError(Exception):
    """The first problem."""


class _Chain:
    """Follows the entries of a log from one to the next."""

    def __init__(self, start: str) -> None:
        self.head, self.entries, self.since, self.until = NOTHING, 0, "", ""
        self._start = start
        self._rest: list[_Line] = []  # lines that are not entries; the next entry must describe them
        self.torn: list[str] = []

    def add(self, line: _Line) -> Entry | None:
        """Raises _BrokenError."""
        try:
            entry = unseal(line.content)
        except ValueError as error:
            self._rest.append(line)
            if line.ended and not is_torn(line.content):
                raise _BrokenError(f"{line.where}: {error}") from None
            return None
        self._check_rest(entry)
        self._check_place(entry, line.where)
        self.head, self.until = Head(entry.number, entry.hash), entry.at
        self.entries, self.since = self.entries + 1, self.since or entry.at
        if not line.ended:
            self.torn.append(f"{line.where}: the line end of the last entry is missing: its writing was cut off")
        return entry

    def end(self) -> None:
        """Raises _BrokenError."""
        if not self._rest:
            return
        rest, where = b"\n".join(line.content for line in self._rest), self._rest[0].where
        if self._rest[-1].ended or not is_torn(rest):
            raise _BrokenError(f"{where}: it is not an entry")
        what = f"{format_count(len(rest), 'byte')} of an entry whose writing was cut off, or is going on"
        self.torn.append(f"{where}: {what}")

    def _check_place(self, entry: Entry, where: str) -> None:
        expected, first = self.head, self.entries == 0
        if first and self._start:
            if entry.previous == self._start:
                return
            raise _BrokenError(f"{where}: entry {entry.number:,} does not follow {self._start}")
        if entry.number > expected.number + 1:
            gone = _span(expected.number + 1, entry.number - 1)
            hint = "; if they were deleted on purpose, give the hash of the last of them" if first else ""
            raise _BrokenError(f"{gone} missing: {where} has entry {entry.number:,}{hint}")
        if entry.number <= expected.number:
            raise _BrokenError(f"{where}: entry {entry.number:,} comes after entry {expected.number:,}")
        if entry.previous != expected.hash:
            raise _BrokenError(f"{where}: entry {entry.number:,} was written after another entry {expected.number:,}")

    def _check_rest(self, entry: Entry) -> None:
        """Whether an entry describes exactly the lines before it that are not entries."""
        rest = b"\n".join(line.content for line in self._rest)
        told = entry.facts if entry.event == TORN else {}
        if self._rest and told != {"bytes": len(rest), "sha256": hashlib.sha256(rest).hexdigest()}:
            raise _BrokenError(f"{self._rest[0].where}: it is not an entry, and no entry describes it")
        if told and not self._rest:
            raise _BrokenError(f"the {told.get('bytes')} bytes that entry {entry.number:,} describes are missing")
        if self._rest:
            self.torn.append(f"{self._rest[0].where}: {len(rest):,} bytes of an entry whose writing was cut off")
            self._rest = []


def verify(log: str | Path, *, head: str = "", after: str = "") -> LogCheck:
    """Check all files of a log, up to the first problem. Memory does not grow with it.

    head    the hash of an entry that was kept elsewhere: if it is not there, the end was cut off or rewritten
    after   the hash of the last entry of files that were deleted on purpose
    Raises UsageError if there is no such log.
    """
    path = Path(log)
    segments = find_segments(path)
    if not segments:
        raise UsageError("there is no such log", where=str(path))
    chain, problem, seen = _Chain(after), "", not head
    try:
        for line in _read_lines(segments.values()):
            entry = chain.add(line)
            seen = seen or (entry is not None and entry.hash == head)
        chain.end()
        if not seen:
            what = f"entries are missing at the end, or the log was rewritten: no entry has the hash {head}"
            raise _BrokenError(what)
    except _BrokenError as found:
        problem = str(found)
    return LogCheck(path, chain.entries, chain.since, chain.until, chain.head, problem, tuple(chain.torn))


def _read_lines(files: Iterable[Path]) -> Iterator[_Line]:
    for path in files:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_LINE_BYTES + 1):
                number += 1
                yield _Line(line.removesuffix(b"\n"), f"{path.name}, line {number:,}", line.endswith(b"\n"))


def _span(first: int, last: int) -> str:
    return f"entry {first:,} is" if first == last else f"entries {first:,} to {last:,} are"
