"""The fields of a form without files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fastapi import Request

MOST_FIELDS = 20_000


class Fields:
    """What was sent, by the name of the field; a field may have several values."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def last(self, name: str) -> str:
        """The last value of a field; "" if it was not sent."""
        return self._values.get(name, [""])[-1]

    def number(self, name: str) -> int | None:
        """The number of an example, a change or a version; None for anything else."""
        return parse_number(self.last(name))

    def all(self, name: str) -> Sequence[str]:
        return self._values.get(name, [])


def parse_number(text: str) -> int | None:
    """A number as databases can store it; None for anything else, such as "²", which is a digit but no number."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


async def read_fields(request: Request) -> Fields:
    """Raises HTTPException for a form that is too large or has files."""
    values: dict[str, list[str]] = {}
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        for name, value in form.multi_items():
            values.setdefault(name, []).append(str(value))
    return Fields(values)
