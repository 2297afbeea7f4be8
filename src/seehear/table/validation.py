"""Find the rows that cannot be used: files that are missing or unreadable, and answers that are absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.media import SpanColumns
from seehear.table.cell_values import has_span
from seehear.table.column_roles import ColumnRoles
from seehear.table.file_checks import files_exist
from seehear.table.layouts import RawTable
from seehear.table.layouts.image_sizes import read_sizes_px
from seehear.table.media import match_media
from seehear.table.rows import Columns, RowProblem


@dataclass(frozen=True)
class _Check:
    rows: NDArray[np.bool_]
    what: Callable[[int], str]
    hint: str = ""


def validate_rows(
    raw: RawTable, columns: Columns, media: Mapping[str, Sequence[str]], roles: ColumnRoles, *, confined: bool
) -> tuple[NDArray[np.int64], list[RowProblem]]:
    """(indices of usable rows, a RowProblem for each other row, in order).

    media     by sense, the media it reads
    confined  whether files must lie below found.root, as in an unpacked archive
    """
    checks = [_missing_input(raw, columns)]
    if roles.part is not None:
        checks.append(_unknown_part(columns, raw.cells[roles.part]))
    for sense, cells in columns.senses.items():
        checks += _file_checks(raw, cells, confined)
        checks.append(_unreadable_medium(sense, cells, match_media(media[sense], cells, nameless=True)))
    if roles.span is not None and columns.span_s is not None:
        checks += _span_checks(raw, roles.span, columns.span_s)
    if columns.answer is not None:
        checks.append(_Check(pc.is_null(columns.answer).to_numpy(), lambda _: raw.missing_answer))
        if roles.in_files:
            checks += _file_checks(raw, columns.answer, confined)
            checks += [_size_mismatch(raw, cells, columns.answer) for cells in columns.senses.values()]
    first = np.full(len(raw.cells), len(checks))
    for number, fault in reversed(list(enumerate(checks))):
        first[fault.rows] = number
    problems = [
        RowProblem(raw.where(i), checks[first[i]].what(i), checks[first[i]].hint)
        for i in np.flatnonzero(first < len(checks)).tolist()
    ]
    return np.flatnonzero(first == len(checks)), problems


def _missing_input(raw: RawTable, columns: Columns) -> _Check:
    none = np.logical_and.reduce([pc.is_null(cells).to_numpy() for cells in columns.senses.values()])
    return _Check(none, lambda i: "it names no picture, recording or video")


def _unknown_part(columns: Columns, given: pa.ChunkedArray) -> _Check:
    unknown = pc.equal(columns.part, "").to_numpy()
    return _Check(unknown, lambda i: f"{given[i].as_py()!r}is not a part", "write train, val or test")


def _file_checks(raw: RawTable, cells: pa.ChunkedArray, confined: bool) -> list[_Check]:
    filled = pc.is_valid(cells).to_numpy()
    there = files_exist(raw.root, cells)

    def name(i: int) -> str:
        return repr(cells[i].as_py())

    def matching(pattern: str) -> NDArray[np.bool_]:
        rows: NDArray[np.bool_] = pc.fill_null(pc.match_substring_regex(cells, pattern), False).to_numpy()
        return rows

    outside = matching(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)") if confined else np.zeros(len(filled), np.bool_)
    return [
        _Check(outside, lambda i: f"{name(i)} points outside the archive"),
        _Check(matching("^[a-z0-9]+://"), lambda i: f"{name(i)} is a URL", "download it first"),
        _Check(filled & ~there, lambda i: f"no file {name(i)}"),
    ]


def _size_mismatch(raw: RawTable, pictures: pa.ChunkedArray, answers: pa.ChunkedArray) -> _Check:
    """A mask must have the size of its picture. Files whose header gives no size pass."""
    picture_px, answer_px = (
        read_sizes_px(raw.root, pc.fill_null(cells, "").to_pylist()) for cells in (pictures, answers)
    )
    differ = np.isfinite(picture_px) & np.isfinite(answer_px) & (picture_px != answer_px)

    def sizes(i: int) -> str:
        (width, height), (own_width, own_height) = answer_px[i].astype(int), picture_px[i].astype(int)
        return f"a mask of {width} by {height} pixels for a picture of {own_width} by {own_height}"

    return _Check(differ.any(1), sizes, "a mask must have the size of its picture")


def _unreadable_medium(sense: str, cells: pa.ChunkedArray, readable: NDArray[np.bool_]) -> _Check:
    return _Check(
        pc.is_valid(cells).to_numpy() & ~readable,
        lambda i: f"{cells[i].as_py()!r} has an extension that {sense} does not read",
    )


def _span_checks(raw: RawTable, span: SpanColumns, span_s: NDArray[np.float64]) -> list[_Check]:
    start_s, end_s = span_s[:, 0], span_s[:, 1]

    def cells(i: int) -> str:
        return " and ".join(f"{name} {raw.cells[name][i].as_py() or ''!r}" for name in (span.start, span.end))

    return [
        _Check(
            has_span(raw.cells, span) & ~np.isfinite(span_s).all(axis=1),
            lambda i: f"{cells(i)} are not a start and an end",
            "write both in seconds, such as 12.5",
        ),
        _Check(start_s < 0, lambda i: f"{cells(i)}: it starts before the recording"),
        _Check(end_s <= start_s, lambda i: f"{cells(i)}: it ends at {end_s[i]:g} s, not after {start_s[i]:g} s"),
    ]
