"""Labels with a start and an end, as read from a label file, perhaps in several tiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from seehear.table.rows import RowProblem


@dataclass(frozen=True, slots=True)
class TimedLabel:
    """A label from start_s to end_s.

    tier     the tier it belongs to, if the file has several
    file     the recording that the label file names, "" if none
    columns  further cells, by heading
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
    """The labels of one file, problems with others, and notes."""

    name: str
    labels: list[TimedLabel] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    unlabelled: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, label: TimedLabel, place: str) -> None:
        """Keep a label if its times are valid, else record a problem. `place` says where in the file it is."""
        if not label.label:
            self.unlabelled += 1
        elif not (math.isfinite(label.start_s) and math.isfinite(label.end_s)):
            self.add_problem(
                place, f"the times of {label.label[:40]!r} are not numbers", "write both in seconds, such as 12.5"
            )
        elif label.start_s < 0:
            self.add_problem(place, f"{label.label[:40]!r} starts before the recording, at {label.start_s:g} s")
        elif label.end_s <= label.start_s:
            what = f"{label.label[:40]!r} ends at {label.end_s:g} s, not after its start at {label.start_s:g} s"
            self.add_problem(place, what, "give it a length: an example is a segment of sound")
        else:
            self.labels.append(label)

    def add_problem(self, place: str, what: str, hint: str = "") -> None:
        self.problems.append(RowProblem(f"{self.name} {place}".strip(), what, hint))


def parse_seconds(text: str) -> float:
    """A number with a decimal point or comma; nan if it is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def collapse_whitespace(text: str) -> str:
    return " ".join(text.split())
