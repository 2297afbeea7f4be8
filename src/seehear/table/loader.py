"""Open a dataset as a table: find its layout, infer the roles of its columns, leave out rows that cannot be used."""

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
from seehear.media import SpanColumns, format_span
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
    """Open the examples in a file or folder, in any of the layouts in `LAYOUTS`, also inside a tar or zip.

    senses_known  all senses there are; `senses` are those to use, by default as many as the kind of answer supports
    kinds         all kinds of answer, most likely first; () for a table without answers
    answer        a heading, a kind, or kind:heading, to override what would be inferred
    workspace     a folder for unpacked files, which must last as long as the table

    Rows that cannot be used are listed in `problems`. Raises DataError if no row can be used or no role inferred,
    UsageError for a request that the table cannot fulfil.
    """
    source = Path(data).expanduser()
    if not source.exists():
        raise DataError("no such file or folder", where=str(data))
    try:
        unpacked = _unpack(source, workspace)
        packed = unpacked.folder != source
        with confined_to(unpacked.folder if packed else None):
            raw = merge_one_hot_columns(read_layout(unwrap(unpacked.folder)), kinds, answer)
            later = (*raw.lazy_answers, *raw.tiers)
            roles = infer_roles(
                raw.cells, kinds, senses_known=senses_known, senses=senses, answer=answer, lazy_answers=later
            )
            raw = raw.with_answer(roles.answer)
    except SeehearError as error:
        raise error.at(error.where or str(data)) from None
    raw = replace(raw, problems=(*unpacked.problems, *raw.problems))
    return _to_table(raw, roles, kinds, {sense.name: sense for sense in senses_known}, str(data), confined=packed)


def _to_table(
    raw: RawTable,
    roles: ColumnRoles,
    kinds: Sequence[KindLike],
    known: Mapping[str, SenseLike],
    data: str,
    *,
    confined: bool,
) -> Table:
    """Leave out the rows that cannot be used, and describe the rest. Raises DataError if none is left."""
    reads = {name: sense.media for name, sense in known.items()}
    columns = _build_columns(raw, roles, reads)
    usable, problems = validate_rows(raw, columns, reads, roles, confined=confined)
    if not len(usable):
        reasons = "; ".join(map(str, (*raw.problems, *problems)[:3]))
        raise DataError(f"none of {format_count(len(raw.cells), 'example')} can be used: {reasons}", where=data)
    columns = columns.take(usable)
    present = {name: cells for name, cells in columns.senses.items() if cells.null_count < len(cells)}
    described, more = _read_file_metadata(raw.root, columns, known)
    columns = replace(columns, senses=present, key=_make_keys(columns), metadata=columns.metadata | described)
    return Table(
        columns,
        root=raw.root,
        kind=roles.kind,
        answer_column=roles.answer,
        in_files=roles.in_files,
        notes=(*raw.notes, *roles.notes, *_describe(raw, roles, columns, known, kinds), *more),
        problems=(*raw.problems, *problems),
    )


def _unpack(source: Path, workspace: Path) -> Unpacked:
    """The folder that an archive, an npz or a folder of shards was unpacked to; anything else as it is."""
    if is_npz(source):
        return Unpacked(unpack_npz(source, workspace), ())
    if is_archive(source):
        return unpack(source, workspace)
    return unpack_shards(source, workspace) if is_shards(source) else Unpacked(source, ())


def _build_columns(raw: RawTable, roles: ColumnRoles, reads: Mapping[str, Sequence[str]]) -> Columns:
    """The columns by role, with files relative to raw.root. The keys are the first file of each row."""
    senses = {sense: _file_column(raw, reads[sense], headings) for sense, headings in roles.senses.items()}
    key = pc.fill_null(pc.coalesce(*senses.values()), "")
    metadata = {name: raw.cells[name] for name in roles.metadata}
    return Columns(
        key=key,
        senses=senses,
        answer=_answer_column(raw, roles),
        metadata=metadata if roles.span is None else {RECORDING: key} | metadata,
        part=raw.part if roles.part is None else _part_column(raw, roles.part),
        span_s=None if roles.span is None else parse_spans(raw.cells, roles.span),
        auxiliary=None if roles.auxiliary is None else raw.cells[roles.auxiliary],
    )


def _file_column(raw: RawTable, read: Sequence[str], headings: dict[str, str]) -> pa.ChunkedArray:
    files = []
    for heading, medium in headings.items():
        cells = raw.cells[heading]
        if medium == media.MIXED:
            mine = pa.array(media.match_media(read, cells))
            cells = pc.if_else(mine, cells, pa.scalar(None, pa.large_string()))
        files.append(cells)
    cells = files[0] if len(files) == 1 else pc.coalesce(*files)
    return cells if raw.file is None else _relative_to_root(cells, raw.file)


def _answer_column(raw: RawTable, roles: ColumnRoles) -> pa.ChunkedArray | None:
    if roles.answer is None:
        return None
    cells = raw.cells[roles.answer]
    return _relative_to_root(cells, raw.file) if roles.in_files and raw.file is not None else cells


def _relative_to_root(cells: pa.ChunkedArray, file: pa.ChunkedArray) -> pa.ChunkedArray:
    """Make file paths relative to the root instead of to the table file that names them."""
    cells = pc.replace_substring(cells, "\\", "/")
    folder = pc.replace_substring_regex(file, r"[^/]*$", "")
    if not pc.any(pc.not_equal(folder, "")).as_py():
        return cells
    absolute = pc.match_substring_regex(cells, r"^(/|[A-Za-z]:)")
    return pc.if_else(absolute, cells, pc.binary_join_element_wise(folder, cells, pa.scalar("", pa.large_string())))


def _part_column(raw: RawTable, heading: str) -> pa.ChunkedArray:
    """The parts that a column gives, in one spelling: train where it is empty, "" for an unknown word.

    The part of a table file takes precedence.
    """
    encoded = raw.cells[heading].combine_chunks().dictionary_encode()
    word = normalise_heading(heading)
    spelled = pa.array([parse_part_cell(word, value) for value in encoded.dictionary.to_pylist()], pa.large_string())
    values = pc.fill_null(spelled.take(encoded.indices), "train")
    return pc.if_else(pc.equal(raw.part, ""), values, raw.part)


def _make_keys(columns: Columns) -> pa.ChunkedArray:
    """A name for each row: its first file with its span. Rows that share both get #2, #3, ... appended."""
    keys = columns.key if columns.span_s is None else _append_spans(columns.key, columns.span_s)
    if pc.count_distinct(keys).as_py() == len(keys):
        return keys
    seen: dict[str, int] = {}
    names = []
    for key in keys.to_pylist():
        seen[key] = seen.get(key, 0) + 1
        names.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return pa.chunked_array([pa.array(names, pa.large_string())])


def _append_spans(keys: pa.ChunkedArray, span_s: NDArray[np.float64]) -> pa.ChunkedArray:
    named = [
        key if math.isnan(start_s) else f"{key} {format_span(start_s, end_s)}"
        for key, (start_s, end_s) in zip(keys.to_pylist(), span_s.tolist(), strict=True)
    ]
    return pa.chunked_array([pa.array(named, pa.large_string())])


def _read_file_metadata(
    root: Path, columns: Columns, senses: Mapping[str, SenseLike]
) -> tuple[dict[str, pa.Array], list[str]]:
    """(columns of metadata found inside files, notes), such as the patient of a DICOM file.

    Metadata that the table already has a column for is left out.
    """
    cells: dict[str, list[str | None]] = {}
    rows = len(columns.key)
    for name, files in columns.senses.items():
        for row, file in enumerate(files.to_pylist()):
            for heading, value in senses[name].read_metadata(root / file).items() if file else ():
                cells.setdefault(heading, [None] * rows)[row] = value
    known = {plural(heading) for heading in columns.metadata}
    new = {heading: values for heading, values in cells.items() if plural(heading) not in known}
    notes = [
        f"{format_count(sum(map(bool, values)), 'file')} name their patient: splits keep the same {heading!r} together"
        for heading, values in new.items()
    ]
    return {heading: pa.chunked_array([pa.array(values, pa.large_string())]) for heading, values in new.items()}, notes


def _describe(
    raw: RawTable, roles: ColumnRoles, columns: Columns, known: Mapping[str, SenseLike], kinds: Sequence[KindLike]
) -> list[str]:
    sentences = []
    if roles.span is not None:
        sentences.append(_describe_span(roles.span))
    if raw.file is not None:
        sentences += [_describe_sense(known[sense], headings, columns) for sense, headings in roles.senses.items()]
    if columns.answer is not None:
        heading, of = roles.answer or "", next(kind for kind in kinds if kind.name == roles.kind)
        values = "" if roles.in_files else of.describe(_distinct(columns.answer), heading)
        kind = "" if roles.kind == heading else f" as {roles.kind}"
        sentences.append(f"answer column: {heading!r}{kind}" + (f" ({values})" if values else ""))
    if roles.auxiliary is not None:
        sentences.append(
            f"{roles.auxiliary!r} is an auxiliary column: it helps training and is not needed for prediction"
        )
    sentences += [f"splits keep rows with the same {name!r} together" for name in roles.metadata if is_group(name)]
    others = [repr(name) for name in roles.metadata if not is_group(name)]
    sentences += [f"metadata: {', '.join(others)}"] if others else []
    counts = {count["values"]: count["counts"] for count in pc.value_counts(columns.part).to_pylist()}
    parts = [f"{part} {counts[part]:,}" for part in ("train", "val", "test") if part in counts]
    sentences += [f"parts: {', '.join(parts)}"] if parts else []
    return sentences


def _distinct(cells: pa.ChunkedArray) -> list[str]:
    different: list[str] = pc.unique(cells).to_pylist()
    return different


def _describe_span(columns: SpanColumns) -> str:
    reach = f"that last {columns.end!r} seconds" if columns.lasts else f"to {columns.end!r}"
    return f"each row is a segment of its file, from {columns.start!r} {reach}"


def _describe_sense(sense: SenseLike, headings: dict[str, str], columns: Columns) -> str:
    named = " and ".join(map(repr, headings))
    cells = columns.senses.get(sense.name)
    count = 0 if cells is None else len(cells) - cells.null_count
    return f"column {named} holds {format_count(count, sense.noun)}"
