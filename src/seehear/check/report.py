"""The findings of all checks, most serious first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from seehear.amounts import format_count
from seehear.check.finding import SEVERITIES, Concern, Finding

LISTED = 5  # concerns that the text names for each finding


@dataclass(frozen=True)
class CheckReport:
    """What a check found in a table, most serious first, and what it did not look for.

    examples        rows that can be used
    not_looked_for  sentences
    """

    examples: int
    findings: tuple[Finding, ...]
    not_looked_for: tuple[str, ...]

    @classmethod
    def of(cls, examples: int, findings: Iterable[Finding], not_looked_for: Iterable[str]) -> Self:
        """Make a report with sorted findings."""
        return cls(examples, _sort(findings), tuple(not_looked_for))

    def with_findings(self, more: Iterable[Finding]) -> CheckReport:
        return replace(self, findings=_sort((*self.findings, *more)))

    @property
    def problems(self) -> Sequence[Finding]:
        """The findings that should be fixed before training."""
        return [finding for finding in self.findings if finding.severity == "problem"]

    @property
    def finds_nothing_wrong(self) -> bool:
        """Whether there are only notes."""
        return all(finding.severity == "note" for finding in self.findings)

    def summarise(self, lines: int) -> list[str]:
        """The findings in at most this many sentences; notes are left out."""
        urgent = [finding for finding in self.findings if finding.severity != "note"]
        shown = [finding.sentence for finding in urgent[: lines if len(urgent) <= lines else lines - 1]]
        left = len(urgent) - len(shown)
        return [*shown, f"and {format_count(left, 'more finding')}: see `seehear check`"] if left else shown

    def to_json(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "findings": [finding.to_json() for finding in self.findings],
            "not_looked_for": list(self.not_looked_for),
        }

    def __str__(self) -> str:
        lines = [format_count(self.examples, "example")]
        for finding in self.findings:
            lines += ["", f"{finding.severity}: {finding.sentence}", *_list_concerns(finding.concerns)]
        if self.finds_nothing_wrong:
            lines += ["", "nothing wrong was found"]
        lines += ["", "Not looked for:", *(f"  {each}" for each in self.not_looked_for)]
        return "\n".join(lines)


def _list_concerns(concerns: Sequence[Concern]) -> list[str]:
    listed = [f"  {concern.where}: {concern.reason}" for concern in concerns[:LISTED]]
    left = len(concerns) - len(listed)
    return [*listed, f"  and {left:,} more"] if left else listed


def _sort(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
