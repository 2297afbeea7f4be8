"""LJSpeech: wavs/ beside a metadata.csv with two or three fields, without headings or quotes:

    LJ001-0001|Printing, in 1455, was new|Printing, in fourteen fifty-five, was new
    LJ001-0002|in being comparatively modern.|in being comparatively modern.

The optional third field is the normalised text.
Source: https://keithito.com/LJ-Speech-Dataset
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seehear.media import medium_of
from seehear.table.directories import list_visible
from seehear.table.encoding import read_lines
from seehear.table.layouts.raw_table import RawTable, make_text_table, repeat_values
from seehear.table.rows import RowProblem

_TABLE, _FOLDER = "metadata.csv", "wavs"
_BEGINNING_BYTES = 4096


def read_ljspeech(place: Path) -> RawTable | None:
    """Read the folder, or its metadata.csv; None for others. The last field is the transcript."""
    folder = place.parent if place.is_file() and place.name == _TABLE else place
    fields = _fields(folder)
    if not fields:
        return None
    audio: list[str] = []
    text: list[str | None] = []
    rows: list[int] = []
    problems: list[RowProblem] = []
    for row, line in enumerate(read_lines(folder / _TABLE, _TABLE), 1):
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == fields:
            audio.append(f"{_FOLDER}/{cells[0].removesuffix('.wav')}.wav")
            text.append(cells[-1] or None)
            rows.append(row)
        elif line.strip():
            problems.append(RowProblem(f"{_TABLE} row {row}", f"{len(cells)} fields between |, not {fields}"))
    problems += _unlisted(folder, audio)
    return RawTable(
        folder,
        make_text_table({"audio": audio, "text": text}),
        part=repeat_values([("", len(rows))]),
        file=repeat_values([(_TABLE, len(rows))]),
        row=np.array(rows, np.int64),
        problems=tuple(problems),
        notes=(f"reading {_TABLE} with {fields} fields; the last is the transcript",),
    )


def _fields(folder: Path) -> int:
    """The number of fields in the first line; 0 for another layout."""
    if not (folder / _FOLDER).is_dir() or not (folder / _TABLE).is_file():
        return 0
    with (folder / _TABLE).open("rb") as file:
        fields = file.readline(_BEGINNING_BYTES).count(b"|") + 1
    return fields if fields in (2, 3) else 0


def _unlisted(folder: Path, audio: list[str]) -> list[RowProblem]:
    """A problem for each recording that no line names."""
    named = set(audio)
    files = (f"{_FOLDER}/{name}" for name in list_visible(folder / _FOLDER)[1] if medium_of(name))
    return [RowProblem(file, f"{_TABLE} has no line for it") for file in files if file not in named]
