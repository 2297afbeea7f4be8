"""All errors that seehear raises on purpose, with their exit codes.

    SeehearError
    ├── UsageError     a wrong flag, argument or combination               exit 2
    ├── ConflictError  somebody else has changed it meanwhile              exit 3
    ├── WorseError     a model is worse than the one it would replace      exit 1
    ├── InputError     one input cannot be used; the others are processed  exit 1
    ├── DataError      the table as a whole cannot be trained on           exit 3
    ├── BundleError    a model file is refused                             exit 3
    ├── DiskError      no space, a read-only disk, or permission denied    exit 3
    └── TrainingError  training or export cannot continue                  exit 3

Each says where, what is wrong, what is allowed and what to do next.
"""

from __future__ import annotations

import errno
from typing import Self


class SeehearError(Exception):
    """Printed as `where: what. Allowed: allowed. Next: hint.`, without the parts that are empty."""

    exit_code = 3

    def __init__(self, what: str, *, where: str = "", allowed: str = "", hint: str = "") -> None:
        self.what, self.where, self.allowed, self.hint = what, where, allowed, hint
        sentences = [f"{where}: {what}" if where else what]
        sentences += [f"Allowed: {allowed}"] if allowed else []
        sentences += [f"Next: {hint}"] if hint else []
        super().__init__(" ".join(s if s.endswith((".", "?", "!")) else s + "." for s in sentences))

    def at(self, where: str) -> Self:
        """The same error with another place: a reader knows what is wrong, its caller knows where."""
        return type(self)(self.what, where=where, allowed=self.allowed, hint=self.hint)

    def __reduce__(self) -> tuple[object, ...]:
        keywords = {"where": self.where, "allowed": self.allowed, "hint": self.hint}
        return _rebuild, (type(self), self.what, keywords)


def _rebuild(kind: type[SeehearError], what: str, keywords: dict[str, str]) -> SeehearError:
    return kind(what, **keywords)


def describe_error(error: Exception) -> str:
    """Any error in one line for a person: what was raised on purpose as it is, and what was not, as unexpected."""
    if isinstance(error, SeehearError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    what = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return f"unexpected {what}. Next: set SEEHEAR_DEBUG=1 to see the traceback, and please report it."


class UsageError(SeehearError):
    exit_code = 2


class ConflictError(SeehearError):
    exit_code = 3


class WorseError(SeehearError):
    exit_code = 1


class InputError(SeehearError):
    exit_code = 1


class DataError(SeehearError):
    exit_code = 3


class BundleError(SeehearError):
    exit_code = 3


class DiskError(SeehearError):
    exit_code = 3

    @classmethod
    def of(cls, error: Exception) -> Self | None:
        """The DiskError for a full or read-only disk, or for missing permissions; None for other errors."""
        if not isinstance(error, OSError) or error.errno not in _CAUSES:
            return None
        what, hint = _CAUSES[error.errno]
        reason = (error.strerror or str(error)).lower()
        return cls(f"{what}: {reason}", where=str(error.filename or ""), hint=hint)


_FULL = "cannot be written", "make room on the disk, then try again"
_READ_ONLY = "cannot be written", "use a folder on a disk that is not read-only, then try again"
# Reading gives the same error numbers as writing, so neither the error nor the advice says which it was.
_DENIED = "no access", "give the user who runs seehear permission to read and write there, then try again"
_CAUSES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
}


class TrainingError(SeehearError):
    exit_code = 3
