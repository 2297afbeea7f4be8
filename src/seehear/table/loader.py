"""Opening a table: find its layout, tell the roles of its columns, set aside the rows that can not be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.errors import DataError, SeehearError
from seehear.media import SpanColumns, stretch
from seehear.table import media
from seehear.table.archive import Unpacked, is_archive, is_shards, unpack, unpack_shards
from seehear.table.cell_values import parse_spans
from seehear.table.column_roles import ColumnRoles, KindLike, SenseLike, infer_roles, normalise_heading
from seehear.table.directories import confined_to, unwrap
from seehear.table.groups import RECORDING, is_group, plural
from seehear.table.layouts import RawTable, read_layout
from seehear.table.layouts.npz import is_npz, unpack_npz
from seehear.table.layouts.one_hot_columns import merge_one_hot_columns
from seehear.table.parts import parse_part_cell
from seehear.table.rows import Columns, Table
from seehear.table.validation import validate_rows


def open_table(
    data: str | Path,
    *,
    senses_known: Sequence[SenseLike],
    kinds: Sequence[KindLike],
    answer: str | None = None,
    senses: Sequence[str] | None = None,
    workspace: Path,
) -> Table:
    """The examples at a path, in any of the layouts of `LAYOUTS`, also inside a tar or zip.

    senses_known  the senses there are; `senses` those to use, by default all that the table has for its kind of answer
    kinds         the kinds of answer there are, likeliest first; () to take the table as one without answers
    answer        a heading, the name of a kind, or kind:heading, where the guess would be another
    workspace     a folder for what is unpacked; it must last as long as the table

    Rows that can not be used are in `problems`. Raises DataError where nothing can be used or no role can be
    told, UsageError for a wish that the table can not fulfil.
    """
    place = Path(data).expanduser()
    if not place.exists():
        raise DataError("no such file or folder", where=str(data))
    try:
        folder, nameless = _unpacked(place, workspace)
        packed = folder != place
        with confined_to(folder if packed else None):
            found = read_layout(unwrap(folder))
            found = replace(found, problems=(*nameless, *found.problems))
            found = merge_one_hot_columns(found, kinds, answer)
            later = (*found.lazy_answers, *found.tiers)
            roles = infer_roles(
                found.cells, kinds, senses_known=senses_known, senses=senses, answer=answer, lazy_answers=later
            )
            found = found.with_answer(roles.answer)
    except SeehearError as error:
        raise error.at(error.where or str(data)) from None
    known = {sense.name: sense for sense in senses_known}
    reads = {name: sense.media for name, sense in known.items()}
    columns = _columns(found, roles, reads)
    good, problems = validate_rows(found, columns, reads, roles, confined=packed)
    if not len(good):
        reasons = "; ".join(map(str, (*found.problems, *problems)[:3]))
        raise DataError(f"none of {format_count(len(found.cells), 'example')} can be used: {reasons}", where=str(data))
    columns = columns.take(good)
    senses_had = {name: cells for name, cells in columns.senses.items() if cells.null_count < len(cells)}
    described, more = _read_file_metadata(found.root, columns, known)
    columns = replace(columns, senses=senses_had, key=_keys(columns), metadata=columns.metadata | described)
    return Table(
        columns,
        root=found.root,
        kind=roles.kind,
        answer_column=roles.answer,
        in_files=roles.in_files,
        notes=(*found.notes, *roles.notes, *_describe(found, roles, columns, known, kinds), *more),
        problems=(*found.problems, *problems),
    )


def _unpacked(place: Path, workspace: Path) -> Unpacked:
    """The folder to which an archive, an npz or a folder of shards was unpacked; any other place itself."""
    if is_npz(place):
        return Unpacked(unpack_npz(place, workspace), ())
    if is_archive(place):
        return unpack(place, workspace)
    return unpack_shards(place, workspace) if is_shards(place) else Unpacked(place, ())


def _columns(found: RawTable, roles: ColumnRoles, reads: Mapping[str, Sequence[str]]) -> Columns:
    """The columns by role, files named relative to found.root. The keys are the rows' first files."""
    senses = {sense: _files(found, reads[sense], headings) for sense, headings in roles.senses.items()}
    key = pc.fill_null(pc.coalesce(*senses.values()), "")
    metadata = {name: found.cells[name] for name in roles.metadata}
    return Columns(
        key=key,
        senses=senses,
        answer=_answers(found, roles),
        metadata=metadata if roles.span is None else {RECORDING: key} | metadata,
        part=found.part if roles.part is None else _parts(found, roles.part),
        span_s=None if roles.span is None else parse_spans(found.cells, roles.span),
        auxiliary=None if roles.auxiliary is None else found.cells[roles.auxiliary],
    )


def _files(found: RawTable, read: Sequence[str], headings: dict[str, str]) -> pa.ChunkedArray:
    files = []
    for heading, medium in headings.items():
        cells = found.cells[heading]
        if medium == media.MIXED:
            mine = pa.array(media.match_media(read, cells))
            cells = pc.if_else(mine, cells, pa.scalar(None, pa.large_string()))
        files.append(cells)
    cells = files[0] if len(files) == 1 else pc.coalesce(*files)
    return cells if found.file is None else _from_root(cells, found.file)


def _answers(found: RawTable, roles: ColumnRoles) -> pa.ChunkedArray | None:
    if roles.answer is None:
        return None
    cells = found.cells[roles.answer]
    return _from_root(cells, found.file) if roles.in_files and found.file is not None else cells


def _from_root(cells: pa.ChunkedArray, file: pa.ChunkedArray) -> pa.ChunkedArray:
    """Files named relative to the table file that each row stands in -> relative to the root of all."""
    cells = pc.replace_substring(cells, "\\", "/")
    folder = pc.replace_substring_regex(file, r"[^/]*$", "")
    if not pc.any(pc.not_equal(folder, "")).as_py():
        return cells
    absolute = pc.match_substring_regex(cells, r"^(/|[A-Za-z]:)")
    return pc.if_else(absolute, cells, pc.binary_join_element_wise(folder, cells, pa.scalar("", pa.large_string())))


def _parts(found: RawTable, heading: str) -> pa.ChunkedArray:
    """The parts that a column names, in one spelling; train where it is empty, "" for another word.

    A table file of a part goes before.
    """
    encoded = found.cells[heading].combine_chunks().dictionary_encode()
    word = normalise_heading(heading)
    spelled = pa.array([parse_part_cell(word, value) for value in encoded.dictionary.to_pylist()], pa.large_string())
    told = pc.fill_null(spelled.take(encoded.indices), "train")
    return pc.if_else(pc.equal(found.part, ""), told, found.part)


def _keys(columns: Columns) -> pa.ChunkedArray:
    """A name for each row: its first file with its stretch; for rows that share both, with #2, #3, ... behind."""
    keys = columns.key if columns.span_s is None else _stretches(columns.key, columns.span_s)
    if pc.count_distinct(keys).as_py() == len(keys):
        return keys
    seen: dict[str, int] = {}
    names = []
    for key in keys.to_pylist():
        seen[key] = seen.get(key, 0) + 1
        names.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return pa.chunked_array([pa.array(names, pa.large_string())])


def _stretches(keys: pa.ChunkedArray, span_s: NDArray[np.float64]) -> pa.ChunkedArray:
    named = [
        key if math.isnan(start_s) else f"{key} {stretch(start_s, end_s)}"
        for key, (start_s, end_s) in zip(keys.to_pylist(), span_s.tolist(), strict=True)
    ]
    return pa.chunked_array([pa.array(named, pa.large_string())])


def _read_file_metadata(
    root: Path, columns: Columns, senses: Mapping[str, SenseLike]
) -> tuple[dict[str, pa.Array], list[str]]:
    """(columns of metadata by heading, what to say of them); none for what the table has a column of its own for."""
    cells: dict[str, list[str | None]] = {}
    rows = len(columns.key)
    for name, files in columns.senses.items():
        for row, file in enumerate(files.to_pylist()):
            for heading, value in senses[name].read_metadata(root / file).items() if file else ():
                cells.setdefault(heading, [None] * rows)[row] = value
    known = {plural(heading) for heading in columns.metadata}
    new = {heading: told for heading, told in cells.items() if plural(heading) not in known}
    notes = [
        f"{format_count(sum(map(bool, told)), 'file')} say which patient they show: keeping {heading!r} together in "
        "splits"
        for heading, told in new.items()
    ]
    return {heading: pa.chunked_array([pa.array(told, pa.large_string())]) for heading, told in new.items()}, notes


def _describe(
    found: RawTable, roles: ColumnRoles, columns: Columns, known: Mapping[str, SenseLike], kinds: Sequence[KindLike]
) -> list[str]:
    sentences = []
    if roles.span is not None:
        sentences.append(_span_said(roles.span))
    if found.file is not None:
        sentences += [_sense_said(known[sense], headings, columns) for sense, headings in roles.senses.items()]
    if columns.answer is not None:
        heading, of = roles.answer or "", next(kind for kind in kinds if kind.name == roles.kind)
        told = "" if roles.in_files else of.describe(_unique(columns.answer), heading)
        kind = "" if roles.kind == heading else f" as {roles.kind}"
        sentences.append(f"answering {heading!r}{kind}" + (f" ({told})" if told else ""))
    if roles.auxiliary is not None:
        sentences.append(f"{roles.auxiliary!r} beside it may help to learn it; it is never asked for")
    sentences += [f"keeping {name!r} together in splits" for name in roles.metadata if is_group(name)]
    kept = [repr(name) for name in roles.metadata if not is_group(name)]
    sentences += [f"describing the examples: {', '.join(kept)}"] if kept else []
    counts = {count["values"]: count["counts"] for count in pc.value_counts(columns.part).to_pylist()}
    parts = [f"{part} {counts[part]:,}" for part in ("train", "val", "test") if part in counts]
    sentences += [f"in parts: {', '.join(parts)}"] if parts else []
    return sentences


def _unique(cells: pa.ChunkedArray) -> list[str]:
    different: list[str] = pc.unique(cells).to_pylist()
    return different


def _span_said(columns: SpanColumns) -> str:
    reach = f"that last {columns.end!r} seconds" if columns.lasts else f"to {columns.end!r}"
    return f"an example is the stretch of its file from {columns.start!r} {reach}"


def _sense_said(sense: SenseLike, headings: dict[str, str], columns: Columns) -> str:
    named = " and ".join(map(repr, headings))
    cells = columns.senses.get(sense.name)
    count = 0 if cells is None else len(cells) - cells.null_count
    return f"column {named} holds {format_count(count, sense.noun)}"
