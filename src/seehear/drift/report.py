"""What drift detection found, as sentences and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seehear.amounts import format_count, format_exact_percent

TOO_ALIKE = 0.1  # correlation of answers that follow each other
CLASS, CLASSES = "class ", "classes"  # how statistics of classes begin, and what they are called together


@dataclass(frozen=True)
class Alarm:
    """One way in which inputs or answers differ from the reference.

    statistic   such as "image brightness", "image unfamiliarity", "confidence" or "class wren"
    what        a sentence: "pictures are darker"
    usual, now  the median of the reference examples, and since the change; for a class, its share
    since       the answer from which it differs most clearly, counted from 1 among those compared
    found       the answer at which the alarm was raised
    where, at   where `since` is, and when it was given; "" if it is not known
    """

    statistic: str
    what: str
    usual: float
    now: float
    since: int
    found: int
    where: str = ""
    at: str = ""

    def to_json(self, *, ordered: bool) -> dict[str, Any]:
        members = {"statistic": self.statistic, "what": self.what, "usual": self.usual, "now": self.now}
        place = {"since": self.since, "found": self.found, "where": self.where, "at": self.at} if ordered else {}
        return members | place

    def describe(self, *, ordered: bool) -> str:
        is_share = self.statistic.startswith(CLASS)
        usual, now = (format_exact_percent(each) if is_share else f"{each:.3g}" for each in (self.usual, self.now))
        said = f"{self.what} ({self.statistic}: usually {usual}, now {now})"
        if not ordered:
            return said
        place = "; ".join(each for each in (self.where, self.at) if each)
        after = format_count(self.found - self.since + 1, "answer")
        return f"{said}, from about answer {self.since:,}{f' ({place})' if place else ''}, found after {after}"


@dataclass(frozen=True)
class Drift:
    """Whether inputs or answers differ from the reference examples.

    alarms           in the order in which they were raised, at most one for each statistic; () if there is no drift
    answers          how many were compared
    left_out         answers that cannot be compared: of unreadable inputs, of inputs in several parts, in older files
    other_models     answers of other models, which were not compared
    compared_with    how many reference examples each statistic is compared with
    per_false_alarm  at most one false alarm in this many answers, on average
    ordered          whether the answers are in the order in which they were given
    alike            the correlation of consecutive answers, beyond chance; if it is not 0, false alarms are more
                     frequent than stated
    """

    alarms: tuple[Alarm, ...]
    answers: int
    left_out: int
    other_models: int
    compared_with: dict[str, int]
    per_false_alarm: int
    ordered: bool
    alike: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "drift": bool(self.alarms),
            "alarms": [alarm.to_json(ordered=self.ordered) for alarm in self.alarms],
            "answers": self.answers,
            "left_out": self.left_out,
            "other_models": self.other_models,
            "compared_with": self.compared_with,
            "per_false_alarm": self.per_false_alarm,
            "ordered": self.ordered,
            "alike": self.alike,
        }

    def __str__(self) -> str:
        number = format_count(self.answers, "answer")
        rate = f"at most 1 false alarm in {self.per_false_alarm:,} answers on average"
        if self.alarms:
            first, *others = [alarm.describe(ordered=self.ordered) for alarm in self.alarms]
            lines = [f"Drift in {number}: {first} ({rate})", *(f"  also: {each}" for each in others)]
        else:
            least, most = min(self.compared_with.values()), max(self.compared_with.values())
            examples = f"{most:,}" if least == most else f"{least:,} to {most:,}"
            lines = [f"No drift found in {number}, compared with {examples} reference examples ({rate})"]
        out = {"that cannot be compared": self.left_out, "of other models": self.other_models}
        lines += [f"  left out: {format_count(each, 'answer')} {which}" for which, each in out.items() if each]
        if self.alike >= TOO_ALIKE:
            said = f"consecutive answers are alike (correlation {self.alike:.2g})"
            lines.append(f"  {said}, so false alarms are more frequent than that: compare fewer answers, with --every")
        return "\n".join(lines)
