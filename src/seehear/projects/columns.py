"""The answers of a project: the column of its table, and the kind of answer in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.answers import ANSWERS, AnyKind
from seehear.errors import UsageError
from seehear.projects.schema import settings

ANSWER, SENSES = "answer", "senses"  # settings


class AnswerColumn(NamedTuple):
    """The heading of a column, and the name of its kind of answer."""

    heading: str
    kind_name: str

    @property
    def kind(self) -> AnyKind:
        return ANSWERS[self.kind_name]

    @property
    def has_classes(self) -> bool:
        """Whether an answer is one class, or several, for all of an example."""
        return self.kind.extension is not None

    def stratum(self, cell: str) -> str:
        """The class that a cell gives; "" for kinds without."""
        return self.kind.stratum(cell)

    def classes(self, cell: str) -> Sequence[str]:
        """All classes in a cell: that of the example, or those of the regions drawn on it."""
        if self.kind.regions is not None:
            return self.kind.regions.labels(cell)
        return [stratum] if (stratum := self.stratum(cell)) else []

    def to_setting(self) -> str:
        return json.dumps({"heading": self.heading, "kind": self.kind_name})


def parse_answer_column(answer: str) -> AnswerColumn:
    """Parse a kind, or kind:heading. Raises UsageError for an unknown kind."""
    kind, _, heading = answer.partition(":")
    if kind not in ANSWERS:
        raise UsageError(f"no kind of answer {kind!r}", allowed=", ".join(ANSWERS))
    return AnswerColumn(heading or ANSWERS[kind].columns[0], kind)


def read_setting(connection: Connection, name: str) -> str | None:
    """A setting's JSON; None if it was never set."""
    found: str | None = connection.execute(sa.select(settings.c.value).where(settings.c.name == name)).scalar()
    return found


def read_senses(connection: Connection) -> Sequence[str]:
    """The senses of a project; none before its first data."""
    found: list[str] = json.loads(read_setting(connection, SENSES) or "[]")
    return found


def find_answer_column(connection: Connection) -> AnswerColumn | None:
    """None while the project has no kind of answer yet."""
    stored = read_setting(connection, ANSWER)
    if stored is None:
        return None
    parsed = json.loads(stored)
    return AnswerColumn(parsed["heading"], parsed["kind"])
