"""What a label file says of a recording: labels, each from one time to another, perhaps in several tiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from seehear.table.rows import RowProblem


@dataclass(frozen=True, slots=True)
class TimedLabel:
    """A label from start_s to end_s.

    tier     the name of the layer it lies in, where the file has several
    file     the recording that the file itself names, "" where it names none
    columns  what else the file says of it, by heading
    """

    start_s: float
    end_s: float
    label: str
    tier: str = ""
    speaker: str = ""
    file: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass
class TimedLabels:
    """The labels of one file, what is wrong with others, and what to say of it."""

    name: str
    labels: list[TimedLabel] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    unlabelled: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, found: TimedLabel, place: str) -> None:
        """Keep a label whose times are a stretch. `place` says where in the file it stands."""
        if not found.label:
            self.unlabelled += 1
        elif not (math.isfinite(found.start_s) and math.isfinite(found.end_s)):
            self.problem(
                place, f"the times of {found.label[:40]!r} are not numbers", "write both in seconds, such as 12.5"
            )
        elif found.start_s < 0:
            self.problem(place, f"{found.label[:40]!r} starts before the recording, at {found.start_s:g} s")
        elif found.end_s <= found.start_s:
            what = f"{found.label[:40]!r} ends at {found.end_s:g} s, not after its start at {found.start_s:g} s"
            self.problem(place, what, "give it a length: an example is a stretch of sound")
        else:
            self.labels.append(found)

    def problem(self, place: str, what: str, hint: str = "") -> None:
        self.problems.append(RowProblem(f"{self.name} {place}".strip(), what, hint))


def parse_seconds(text: str) -> float:
    """A number as programs write it, with a point or a comma; nan for what is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def collapse_whitespace(text: str) -> str:
    return " ".join(text.split())
