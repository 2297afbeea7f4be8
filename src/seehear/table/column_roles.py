"""What each column is for: files for a sense, the answer, the part, or metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seehear.errors import DataError, UsageError
from seehear.media import DURATIONS, SpanColumns, span_columns
from seehear.table import media, parts
from seehear.table.groups import is_bare_group, is_group
from seehear.table.rows import no_answers

_SAMPLE = 1000  # cells inspected to infer what a column holds

# Headings that name a medium, without the endings of _ENDING: image_path, "Audio file", wav_filename.
_MEDIUM = {
    "picture": ("image", "img", "picture", "pic", "photo", "photograph", "frame", "scan", "xray", "x_ray"),
    "recording": ("audio", "sound", "recording", "wav", "speech", "voice"),
    "video": ("video", "movie", "film"),
}
_FILE = ("file", "path", "name", "file_name", "filename", "filepath", "file_path", "fname", "clip", "uri")
_ENDING = re.compile(r"_?(path|file|filename|filepath|file_name|file_path|name)$")
_DESCRIBES = (
    *("id", "index", "sex", "gender", "age", "accent", "language", "locale", "country", "date", "time", "year"),
    *("source", "license", "licence", "device", "camera", "microphone", "notes", "note", "comment", *DURATIONS),
)


class KindLike(Protocol):
    """What the table needs to know about a kind of answer."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def auxiliary_columns(self) -> tuple[str, ...]: ...

    @property
    def senses(self) -> tuple[frozenset[str], ...]: ...

    def in_files(self, cells: Sequence[str]) -> bool: ...

    def fits(self, cells: Sequence[str], heading: str) -> bool: ...

    def means(self, heading: str) -> bool: ...

    def describe(self, cells: Iterable[str], heading: str) -> str: ...

    def stratum(self, cell: str) -> str: ...


class SenseLike(Protocol):
    """What the table needs to know about a sense.

    media      the media it reads
    missing_dependency  why it cannot be used here, "" if it can
    read_metadata  metadata in a file, such as the patient of a DICOM file
    """

    @property
    def name(self) -> str: ...

    @property
    def noun(self) -> str: ...

    @property
    def media(self) -> tuple[str, ...]: ...

    @property
    def missing_dependency(self) -> str: ...

    def read_metadata(self, file: Path) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class ColumnRoles:
    """The role of each column.

    senses    by sense, the columns that may hold its file, with their media; the first filled cell counts
    part      the column of train, val or test
    span      the columns of start and end in a recording
    in_files  whether the cells of the answer are paths of files
    auxiliary  an auxiliary column, which helps to learn the answer and is not needed for prediction
    notes     sentences for the person who made the table
    """

    senses: dict[str, dict[str, str]]
    kind: str | None
    answer: str | None
    part: str | None
    metadata: tuple[str, ...]
    span: SpanColumns | None = None
    notes: tuple[str, ...] = ()
    in_files: bool = False  # whether the cells of the answer name files
    auxiliary: str | None = None


def has_media_column(cells: pa.Table) -> bool:
    """Whether a table has a column of pictures, recordings or videos."""
    return bool(_sense_columns(cells))


def find_image_column(cells: pa.Table) -> str | None:
    """The heading of the first column of pictures; None if there is none."""
    return next((name for name, medium in _sense_columns(cells).items() if medium in ("picture", "mixed")), None)


def list_undecided(cells: pa.Table, kinds: Sequence[KindLike]) -> list[str]:
    """The headings that could be the answer; none if one of them names a kind of answer."""
    columns = _sense_columns(cells)
    others = _remaining_columns(cells, columns, _part_column(cells), _find_span(cells, columns))
    return [] if any(_headings_of_kind(others, kind) for kind in kinds) else _possible_answers(others)


def infer_roles(
    cells: pa.Table,
    kinds: Sequence[KindLike],
    *,
    senses_known: Sequence[SenseLike],
    senses: Sequence[str] | None = None,
    answer: str | None = None,
    lazy_answers: Sequence[str] = (),
) -> ColumnRoles:
    """Infer the roles of a table's columns.

    answer        a heading, a kind, or kind:heading; by default inferred
    senses        the senses to use; by default as many as the kind of answer supports
    lazy_answers  headings of answers that are built only if chosen

    Raises UsageError for a request that the table cannot fulfil, DataError if a role cannot be inferred.
    """
    for name in (name for name in lazy_answers if name not in cells.column_names):
        cells = cells.append_column(name, pa.nulls(len(cells), pa.large_string()))
    columns = _sense_columns(cells)
    readable = {sense.name: _columns_read_by(sense, columns, cells) for sense in senses_known}
    offered = {sense: headings for sense, headings in readable.items() if headings}
    part = _part_column(cells)
    span = _find_span(cells, columns)
    others = _remaining_columns(cells, columns, part, span)
    kind, heading, notes = _find_answer(cells, others, kinds, answer)
    auxiliary = _auxiliary_column(others, kinds, kind, heading)
    metadata = tuple(name for name in others if name not in (heading, auxiliary, *lazy_answers))
    in_files = any(each.in_files(sample_cells(cells, heading)) for each in kinds if heading and each.name == kind)
    if senses is not None:
        used = _select_wanted(offered, senses, senses_known, cells)
    else:
        sense_sets = next((each.senses for each in kinds if each.name == kind), ())
        used, unused = _select_default(offered, sense_sets, senses_known, cells)
        notes = [*unused, *notes]
    return ColumnRoles(used, kind, heading, part, metadata, span, tuple(notes), in_files, auxiliary)


def _sense_columns(cells: pa.Table) -> dict[str, str]:
    """The columns of files, with their media. Columns named for pictures or recordings go before videos."""
    looks = {name: media.are_mostly_files(sample_cells(cells, name)) for name in cells.column_names}
    named = {name: medium for name in looks if (medium := _medium_from_heading(name))}
    columns = {name: medium for name, medium in named.items() if looks[name]}
    columns = columns or {name: medium for name, medium in named.items() if name.lower() in ("image", "audio", "video")}
    if not columns:
        files = [name for name, look in looks.items() if look]
        columns = dict.fromkeys(sorted(files, key=lambda name: normalise_heading(name) not in _FILE)[:1], media.MIXED)
    return dict(sorted(columns.items(), key=lambda item: item[1] == "video"))


def _find_span(cells: pa.Table, columns: dict[str, str]) -> SpanColumns | None:
    """Columns of start and end, unless all files are pictures."""
    return span_columns(cells.column_names) if set(columns.values()) - {"picture"} else None


def _remaining_columns(
    cells: pa.Table, columns: dict[str, str], part: str | None, span: SpanColumns | None
) -> list[str]:
    """The headings that are not for files, parts or spans."""
    taken = {*columns, part, *([span.start, span.end] if span else [])}
    return [name for name in cells.column_names if name not in taken]


def _possible_answers(others: Sequence[str]) -> list[str]:
    return [name for name in others if not is_group(name) and normalise_heading(name) not in _DESCRIBES]


def _medium_from_heading(heading: str) -> str:
    words = {normalise_heading(heading), _ENDING.sub("", normalise_heading(heading))}
    return next((medium for medium, names in _MEDIUM.items() if words & set(names)), "")


def normalise_heading(heading: str) -> str:
    """Lower-case letters and digits, joined by _: "Image ID" -> image_id."""
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")


def sample_cells(cells: pa.Table, name: str) -> list[str]:
    """Up to 1,000 of a column's filled cells, evenly spaced."""
    filled = cells[name].drop_null()
    places = np.unique(np.linspace(0, len(filled) - 1, min(_SAMPLE, len(filled))).astype(np.int64))
    sample: list[str] = filled.take(places).to_pylist()
    return sample


def _columns_read_by(sense: SenseLike, columns: dict[str, str], cells: pa.Table) -> dict[str, str]:
    """The columns, with their media, that hold files a sense can read."""

    def reads(heading: str, medium: str) -> bool:
        return (
            bool(media.match_media(sense.media, cells[heading]).any())
            if medium == media.MIXED
            else medium in sense.media
        )

    return {heading: medium for heading, medium in columns.items() if reads(heading, medium)}


def _select_wanted(
    offered: dict[str, dict[str, str]], senses: Sequence[str], known: Sequence[SenseLike], cells: pa.Table
) -> dict[str, dict[str, str]]:
    lacking = {sense.name: sense.missing_dependency for sense in known}
    if not senses:
        raise UsageError("no sense is named", allowed=", ".join(lacking))
    for sense in senses:
        if sense not in lacking:
            raise UsageError(f"no sense {sense!r}", allowed=", ".join(lacking))
        if sense not in offered:
            raise DataError(f"no column for the sense {sense!r} among {_list_names(cells.column_names)}")
        if lacking[sense]:
            raise UsageError(lacking[sense])
    return {sense: headings for sense, headings in offered.items() if sense in senses}


def _select_default(
    offered: dict[str, dict[str, str]],
    sense_sets: Sequence[frozenset[str]],
    known: Sequence[SenseLike],
    cells: pa.Table,
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """(the senses to use by default, notes on those left out): the largest set that the kind of answer supports.

    If that would leave a column of files unused, all senses are returned and planning reports the unsupported set.
    """
    if not offered:
        hint = "call the column with the files image, audio or video"
        raise DataError(f"no column names pictures or recordings: {_list_names(cells.column_names)}", hint=hint)
    lacking = {sense.name: sense.missing_dependency for sense in known if sense.missing_dependency}
    preferred = _largest_known(sense_sets, set(offered))
    usable = {sense: headings for sense, headings in offered.items() if sense not in lacking} or offered
    chosen = _largest_known(sense_sets, set(usable))
    columns = {heading for headings in usable.values() for heading in headings}
    if columns != {heading for sense in chosen for heading in usable[sense]}:
        return usable, []
    notes = [f"{sense} not used: {lacking[sense]}" for sense in offered if sense in preferred - chosen]
    return {sense: headings for sense, headings in usable.items() if sense in chosen}, notes


def _largest_known(sense_sets: Sequence[frozenset[str]], senses: set[str]) -> frozenset[str]:
    return max((each for each in sense_sets if each <= senses), key=len, default=frozenset())


def _part_column(cells: pa.Table) -> str | None:
    """The first column with such a heading that holds the name of a part at least once."""
    for name in cells.column_names:
        word = normalise_heading(name)
        if parts.is_part_heading(word) and any(
            parts.parse_part_cell(word, cell) for cell in pc.unique(cells[name]).drop_null().to_pylist()
        ):
            return str(name)
    return None


def _find_answer(
    cells: pa.Table, others: Sequence[str], kinds: Sequence[KindLike], request: str | None
) -> tuple[str | None, str | None, list[str]]:
    """(kind, heading, notes); (None, None, []) for a table without answers."""
    if request is not None:
        return *_parse_wish(cells, others, kinds, request), []
    unknown = _possible_answers(others)
    named = [(kind, heading) for kind in kinds for heading in _headings_of_kind(others, kind)]
    named = named or [
        (kind, heading) for kind in kinds for heading in unknown if kind.means(heading) and _fits(cells, heading, kind)
    ]
    if named:
        kind, heading = named[0]
        rest = list(dict.fromkeys(other for _, other in named[1:] if other != heading))
        notes = [f"{_list_names(rest)} could be the answer too: choose with --answer"] if rest else []
        return kind.name, heading, notes
    if not unknown and len(others) == 1 and is_bare_group(others[0]) and _has_no_digits(cells, others[0]):
        unknown = list(others)  # image,animal: nothing else could be the answer
    fits = {name: _first_fitting(cells, name, kinds) for name in unknown}
    fitting = [(fit.name, name) for name, fit in fits.items() if fit is not None]
    if len(fitting) == 1:
        return *fitting[0], []
    if unknown and kinds and not is_group(unknown[0]):
        hint = f"choose it with --answer {unknown[0]!r}, or rename it {kinds[0].columns[0]!r}"
        raise DataError(f"which column is the answer? Perhaps {_list_names(unknown)}", hint=hint)
    return None, None, []


def _has_no_digits(cells: pa.Table, name: str) -> bool:
    """Whether a column holds no digit, as identifiers such as p01 do."""
    return not any(map(str.isdigit, "".join(sample_cells(cells, name))))


def _auxiliary_column(
    others: Sequence[str], kinds: Sequence[KindLike], kind: str | None, answer: str | None
) -> str | None:
    """The first column that helps to learn the answer; none if the answer is such a column itself."""
    readable = [
        heading for each in kinds if each.name == kind for heading in _headings_among(others, each.auxiliary_columns)
    ]
    return None if answer in readable else next(iter(readable), None)


def _parse_wish(cells: pa.Table, others: Sequence[str], kinds: Sequence[KindLike], request: str) -> tuple[str, str]:
    """(kind, heading) for a heading, kind:heading or kind, tried in this order."""
    if not others:
        raise no_answers()
    by_name = {kind.name: kind for kind in kinds}
    prefix, _, rest = request.partition(":")
    if heading := _match_heading(others, request):
        return _infer_kind(cells, heading, kinds), heading
    if prefix in by_name and (heading := _match_heading(others, rest)):
        return prefix, heading
    if request in by_name and (heading := _find_heading(cells, others, by_name[request])):
        return request, heading
    allowed = f"a column ({_list_names(others)}), a kind ({', '.join(by_name)}), or kind:column"
    raise UsageError(f"no column for the answer {request!r}", allowed=allowed)


def _infer_kind(cells: pa.Table, heading: str, kinds: Sequence[KindLike]) -> str:
    named = [kind for kind in kinds if _headings_of_kind([heading], kind)]
    kind = named[0] if named else _first_fitting(cells, heading, kinds)
    if kind is None:
        hint = f"choose one with --answer {kinds[0].name}:{heading}" if kinds else ""
        raise DataError(f"column {heading!r} fits no kind of answer", hint=hint)
    return kind.name


def _find_heading(cells: pa.Table, others: Sequence[str], kind: KindLike) -> str | None:
    fitting = [name for name in others if _first_fitting(cells, name, [kind])]
    only = others if len(others) == 1 else []
    return next(iter((*_headings_of_kind(others, kind), *fitting, *only)), None)


def _headings_of_kind(others: Sequence[str], kind: KindLike) -> list[str]:
    """The headings that name this kind, most likely first."""
    return _headings_among(others, kind.columns)


def _headings_among(others: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The headings that are among the wanted ones, in the order of those."""
    words = {normalise_heading(name): name for name in reversed(others)}
    return [words[column] for column in wanted if column in words]


def _match_heading(others: Sequence[str], wanted: str) -> str | None:
    by_case = {name.lower(): name for name in reversed(others)}
    return wanted if wanted in others else by_case.get(wanted.lower())


def _first_fitting(cells: pa.Table, name: str, kinds: Sequence[KindLike]) -> KindLike | None:
    return next((kind for kind in kinds if _fits(cells, name, kind)), None)


def _fits(cells: pa.Table, name: str, kind: KindLike) -> bool:
    sample = sample_cells(cells, name)
    return bool(sample) and kind.fits(sample, name)


def _list_names(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"
