"""Finds personal data in files, in their names and in the table: every copy of the dataset would contain it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from seehear.amounts import format_count
from seehear.check.examined import ExaminedTable
from seehear.check.finding import Concern, Finding
from seehear.table.groups import is_group, singular

_HEADING = re.compile(
    r"(^|_)(e?mail|phone|telephone|address|birth|birthday|birthdate|dob|surname|lastname|last_name|firstname|"
    r"first_name|full_name|patient_name|ssn|passport)($|_)"
)
_ADDRESS = re.compile(r"[^@\s/]{1,64}@[^@\s/.]{1,63}(\.[^@\s/.]{1,63}){0,7}\.[a-z]{2,}", re.IGNORECASE)
_DICOM_NAME = re.compile(r"[^\W\d_]{1,64}\^[^\W\d_]")  # PS3.5, 6.2.1.1: family name, ^, given name
_NAME = re.compile(r"[^\W\d_]{3,}")  # a pseudonym would have digits


def find_personal_data(examined: ExaminedTable) -> Iterator[Finding]:
    yield from _find_in_files(examined)
    yield from _find_in_names(examined)
    for heading in examined.table.metadata:
        if _HEADING.search(re.sub(r"\W+", "_", heading.lower())):
            yield Finding(
                "personal data",
                "warning",
                f"the column {heading!r} seems to hold personal data: remove it before you share the data",
            )


def _find_in_files(examined: ExaminedTable) -> Iterator[Finding]:
    by_kind: dict[str, list[Concern]] = {}
    for each in examined.senses.values():
        for row, place in enumerate(each.inputs):
            examination = each.examinations[place] if place >= 0 else None
            for kind in examination.personal if examination else ():
                by_kind.setdefault(kind, []).append(Concern(examined.keys[row], f"its file holds {kind}", row))
    for kind, concerns in by_kind.items():
        files = format_count(len(concerns), "file")
        yield _make_finding(f"{files} with {kind}: remove it before you share the files", concerns)


def _find_in_names(examined: ExaminedTable) -> Iterator[Finding]:
    """Find email addresses, DICOM names, and the names of people in a column of the table."""
    people = [
        examined.metadata(heading)
        for heading in examined.table.metadata
        if is_group(heading) and singular(heading) in _PEOPLE
    ]
    concerns = []
    for row, key in enumerate(examined.keys):
        named = next((cells[row] for cells in people if _NAME.fullmatch(cells[row]) and _is_in(cells[row], key)), "")
        if _ADDRESS.search(key) or _DICOM_NAME.search(PurePath(key).name):
            concerns.append(Concern(key, "its name looks like that of a person", row))
        elif named:
            concerns.append(Concern(key, f"its name contains {named!r}, who is a person in the table", row))
    if concerns:
        files = format_count(len(concerns), "file")
        yield _make_finding(f"{files} whose name seems to contain a person's name: {concerns[0].where}", concerns)


_PEOPLE = {
    *("speaker", "patient", "subject", "participant", "person", "user", "client", "signer", "singer", "actor"),
    *("child", "student", "author", "writer", "donor", "individual"),
}


def _is_in(name: str, key: str) -> bool:
    return name.lower() in re.split(r"[\W_\d]+", key.lower())


def _make_finding(sentence: str, concerns: list[Concern]) -> Finding:
    return Finding("personal data", "warning", sentence, tuple(concerns), {"rows": len(concerns)})
