"""What a check finds: one sentence, the rows and files that it is about, and how each could be corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["problem", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note")  # the most serious first


@dataclass(frozen=True, slots=True)
class Correction:
    """What a corrected table has in place of a row: another answer, or no row at all (None)."""

    answer: str | None


REMOVE = Correction(None)


@dataclass(frozen=True, slots=True)
class Concern:
    """One row that a finding is about, or one file that is not in the table.

    where       the key of the row, or the name of the file
    reason      why, in a few words
    row         the index of the row in the table that was checked; None for a file that is not in the table
    beside      the indices of the rows that it is compared with
    correction  what a corrected table would have instead; None if a person must decide
    """

    where: str
    reason: str
    row: int | None = None
    beside: tuple[int, ...] = ()
    correction: Correction | None = None

    def to_json(self) -> dict[str, Any]:
        correction = {} if self.correction is None else {"correction": self.correction.answer or "remove"}
        return {"where": self.where, "reason": self.reason, **correction}


@dataclass(frozen=True)
class Finding:
    """One thing that is, or may be, wrong with the data.

    kind      a short name, the same for all findings of a check, such as "near duplicates"
    severity  problem: fix it before training; warning: look at it; note: good to know
    sentence  what was found, with its numbers, for a person
    figures   the same numbers for a program, with units in their names
    """

    kind: str
    severity: Severity
    sentence: str
    concerns: tuple[Concern, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "severity": self.severity,
            "sentence": self.sentence,
            "figures": dict(self.figures),
            "concerns": [concern.to_json() for concern in self.concerns],
        }
