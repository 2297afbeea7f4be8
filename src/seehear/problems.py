"""What cannot be used, as a value: rows and files that are left out while the others are processed."""

from __future__ import annotations

from dataclasses import dataclass

from seehear.errors import SeehearError


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row or file that cannot be used: where it is, what is wrong, and what to do."""

    where: str
    what: str
    hint: str = ""

    @classmethod
    def of(cls, error: SeehearError, where: str) -> RowProblem:
        """Make a problem from an error, at the place that it names, or else at `where`."""
        allowed = f"allowed: {error.allowed}" if error.allowed else ""
        return cls(error.where or where, error.what, ". ".join(filter(None, (allowed, error.hint))))

    def to_json(self) -> dict[str, str]:
        return {"where": self.where, "what": self.what} | ({"hint": self.hint} if self.hint else {})

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")
