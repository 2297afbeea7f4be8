"""Metadata from the files themselves: the patient of a DICOM file, which keeps one person on one side of a split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from seehear.amounts import counted
from seehear.table.column_roles import SenseLike
from seehear.table.groups import plural
from seehear.table.rows import Columns


def read_file_metadata(
    root: Path, columns: Columns, senses: Mapping[str, SenseLike]
) -> tuple[dict[str, pa.Array], list[str]]:
    """(columns of metadata by heading, what to say of them); none for what the table has a column of its own for."""
    cells: dict[str, list[str | None]] = {}
    rows = len(columns.key)
    for name, files in columns.senses.items():
        for row, file in enumerate(files.to_pylist()):
            for heading, value in senses[name].described(root / file).items() if file else ():
                cells.setdefault(heading, [None] * rows)[row] = value
    known = {plural(heading) for heading in columns.metadata}
    new = {heading: told for heading, told in cells.items() if plural(heading) not in known}
    notes = [
        f"{counted(sum(map(bool, told)), 'file')} say which patient they show: keeping {heading!r} together in splits"
        for heading, told in new.items()
    ]
    return {heading: pa.chunked_array([pa.array(told, pa.large_string())]) for heading, told in new.items()}, notes
