"""The fields of a form without files."""

from __future__ import annotations

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

    def all(self, name: str) -> Sequence[str]:
        return self._values.get(name, [])


async def read_fields(request: Request) -> Fields:
    """Raises HTTPException for a form that is too large or has files."""
    values: dict[str, list[str]] = {}
    async with request.form(max_files=0, max_fields=MOST_FIELDS) as form:
        for name, value in form.multi_items():
            values.setdefault(name, []).append(str(value))
    return Fields(values)
