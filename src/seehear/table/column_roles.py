"""What each column is for: which hold files for a sense, which one the answer, and which describe the example."""

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

_SAMPLE = 1000  # cells looked at to tell what a column holds

# Headings that name a medium, after the endings of _ENDING are taken off: image_path, "Audio file", wav_filename.
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
    """What the table needs to know of a kind of answer."""

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
    """What the table needs to know of a sense: the media it reads, why it can not be used here ("" if it can), and
    what a file says of itself beside what it shows."""

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
    """senses: by sense, the columns that may hold its file with their media; the first that does wins.

    span: the columns that say which stretch of a recording a row is.
    aid: the column that helps to learn the answer and is never asked for.
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
    """The heading of the first column of pictures; None where there is none."""
    return next((name for name, medium in _sense_columns(cells).items() if medium in ("picture", "mixed")), None)


def list_undecided(cells: pa.Table, kinds: Sequence[KindLike]) -> list[str]:
    """The headings of which any could be the answer, for all that they say; none where one means a kind of answer."""
    columns = _sense_columns(cells)
    others = _others(cells, columns, _part_column(cells), _spans(cells, columns))
    return [] if any(_named(others, kind) for kind in kinds) else _unexplained(others)


def infer_roles(
    cells: pa.Table,
    kinds: Sequence[KindLike],
    *,
    senses_known: Sequence[SenseLike],
    senses: Sequence[str] | None = None,
    answer: str | None = None,
    lazy_answers: Sequence[str] = (),
) -> ColumnRoles:
    """The roles of a table's columns. `answer` is a heading, a kind, or kind:heading; `senses` are those to use.

    By default these are all that the kind of answer can be told by. `lazy_answers` are headings of answers that
    are made when one is chosen.

    Raises UsageError for a wish that the table can not fulfil, DataError where no role can be told.
    """
    for name in (name for name in lazy_answers if name not in cells.column_names):
        cells = cells.append_column(name, pa.nulls(len(cells), pa.large_string()))
    columns = _sense_columns(cells)
    found = {sense.name: _read_by(sense, columns, cells) for sense in senses_known}
    offered = {sense: headings for sense, headings in found.items() if headings}
    part = _part_column(cells)
    span = _spans(cells, columns)
    others = _others(cells, columns, part, span)
    kind, heading, notes = _answer(cells, others, kinds, answer)
    auxiliary = _auxiliary_column(others, kinds, kind, heading)
    metadata = tuple(name for name in others if name not in (heading, auxiliary, *lazy_answers))
    in_files = any(each.in_files(sample_cells(cells, heading)) for each in kinds if heading and each.name == kind)
    if senses is not None:
        used = _wanted(offered, senses, senses_known, cells)
    else:
        told_by = next((each.senses for each in kinds if each.name == kind), ())
        used, unused = _usual(offered, told_by, senses_known, cells)
        notes = [*unused, *notes]
    return ColumnRoles(used, kind, heading, part, metadata, span, tuple(notes), in_files, auxiliary)


def _sense_columns(cells: pa.Table) -> dict[str, str]:
    """The columns that hold files, with their media; `picture` of an own column before `video` before plain files."""
    looks = {name: media.are_mostly_files(sample_cells(cells, name)) for name in cells.column_names}
    named = {name: medium for name in looks if (medium := _medium_named(name))}
    columns = {name: medium for name, medium in named.items() if looks[name]}
    columns = columns or {name: medium for name, medium in named.items() if name.lower() in ("image", "audio", "video")}
    if not columns:
        files = [name for name, look in looks.items() if look]
        columns = dict.fromkeys(sorted(files, key=lambda name: normalise_heading(name) not in _FILE)[:1], media.MIXED)
    return dict(sorted(columns.items(), key=lambda item: item[1] == "video"))


def _spans(cells: pa.Table, columns: dict[str, str]) -> SpanColumns | None:
    """Pictures have no stretches."""
    return span_columns(cells.column_names) if set(columns.values()) - {"picture"} else None


def _others(cells: pa.Table, columns: dict[str, str], part: str | None, span: SpanColumns | None) -> list[str]:
    """The headings that are neither for files, nor for parts, nor for stretches."""
    taken = {*columns, part, *([span.start, span.end] if span else [])}
    return [name for name in cells.column_names if name not in taken]


def _unexplained(others: Sequence[str]) -> list[str]:
    return [name for name in others if not is_group(name) and normalise_heading(name) not in _DESCRIBES]


def _medium_named(heading: str) -> str:
    words = {normalise_heading(heading), _ENDING.sub("", normalise_heading(heading))}
    return next((medium for medium, names in _MEDIUM.items() if words & set(names)), "")


def normalise_heading(heading: str) -> str:
    """A heading in small letters and digits with _ between: "Image ID" -> image_id."""
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")


def sample_cells(cells: pa.Table, name: str) -> list[str]:
    """Up to a thousand of a column's filled cells, evenly spread."""
    filled = cells[name].drop_null()
    places = np.unique(np.linspace(0, len(filled) - 1, min(_SAMPLE, len(filled))).astype(np.int64))
    sample: list[str] = filled.take(places).to_pylist()
    return sample


def _read_by(sense: SenseLike, columns: dict[str, str], cells: pa.Table) -> dict[str, str]:
    """The columns, with their media, in which a sense finds something to read."""

    def reads(heading: str, medium: str) -> bool:
        return (
            bool(media.match_media(sense.media, cells[heading]).any())
            if medium == media.MIXED
            else medium in sense.media
        )

    return {heading: medium for heading, medium in columns.items() if reads(heading, medium)}


def _wanted(
    offered: dict[str, dict[str, str]], senses: Sequence[str], known: Sequence[SenseLike], cells: pa.Table
) -> dict[str, dict[str, str]]:
    lacking = {sense.name: sense.missing_dependency for sense in known}
    if not senses:
        raise UsageError("no sense is named", allowed=", ".join(lacking))
    for sense in senses:
        if sense not in lacking:
            raise UsageError(f"no sense {sense!r}", allowed=", ".join(lacking))
        if sense not in offered:
            raise DataError(f"no column for the sense {sense!r} among {_listed(cells.column_names)}")
        if lacking[sense]:
            raise UsageError(lacking[sense])
    return {sense: headings for sense, headings in offered.items() if sense in senses}


def _usual(
    offered: dict[str, dict[str, str]],
    told_by: Sequence[frozenset[str]],
    known: Sequence[SenseLike],
    cells: pa.Table,
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """(the senses to use where nobody says, what to say about those left out): the most that tell the kind of answer.

    All of them where that would pass over a column: then it is for the plan to refuse what no kind is told by.
    """
    if not offered:
        hint = "call the column with the files image, audio or video"
        raise DataError(f"no column names pictures or recordings: {_listed(cells.column_names)}", hint=hint)
    lacking = {sense.name: sense.missing_dependency for sense in known if sense.missing_dependency}
    wished = _most(told_by, set(offered))
    usable = {sense: headings for sense, headings in offered.items() if sense not in lacking} or offered
    chosen = _most(told_by, set(usable))
    columns = {heading for headings in usable.values() for heading in headings}
    if columns != {heading for sense in chosen for heading in usable[sense]}:
        return usable, []
    notes = [f"{sense} not used: {lacking[sense]}" for sense in offered if sense in wished - chosen]
    return {sense: headings for sense, headings in usable.items() if sense in chosen}, notes


def _most(told_by: Sequence[frozenset[str]], senses: set[str]) -> frozenset[str]:
    return max((each for each in told_by if each <= senses), key=len, default=frozenset())


def _part_column(cells: pa.Table) -> str | None:
    """The first column so called in which some cell is a part: what else stands in it is a mistake."""
    for name in cells.column_names:
        word = normalise_heading(name)
        if parts.is_part_heading(word) and any(
            parts.parse_part_cell(word, cell) for cell in pc.unique(cells[name]).drop_null().to_pylist()
        ):
            return str(name)
    return None


def _answer(
    cells: pa.Table, others: Sequence[str], kinds: Sequence[KindLike], wish: str | None
) -> tuple[str | None, str | None, list[str]]:
    """(kind, heading, what to say); (None, None, []) for a table without answers."""
    if wish is not None:
        return *_asked(cells, others, kinds, wish), []
    unknown = _unexplained(others)
    named = [(kind, heading) for kind in kinds for heading in _named(others, kind)]
    named = named or [
        (kind, heading) for kind in kinds for heading in unknown if kind.means(heading) and _fits(cells, heading, kind)
    ]
    if named:
        kind, heading = named[0]
        rest = list(dict.fromkeys(other for _, other in named[1:] if other != heading))
        notes = [f"{_listed(rest)} could be the answer too: choose with --answer"] if rest else []
        return kind.name, heading, notes
    if not unknown and len(others) == 1 and is_bare_group(others[0]) and _words_alone(cells, others[0]):
        unknown = list(others)  # image,animal: what else could be learned?
    fits = {name: _fitting(cells, name, kinds) for name in unknown}
    fitting = [(fit.name, name) for name, fit in fits.items() if fit is not None]
    if len(fitting) == 1:
        return *fitting[0], []
    if unknown and kinds and not is_group(unknown[0]):
        hint = f"say it with --answer {unknown[0]!r}, or call it {kinds[0].columns[0]!r}"
        raise DataError(f"which column is the answer? Perhaps {_listed(unknown)}", hint=hint)
    return None, None, []


def _words_alone(cells: pa.Table, name: str) -> bool:
    """Whether no digit stands in a column, as in names of patients: p01."""
    return not any(map(str.isdigit, "".join(sample_cells(cells, name))))


def _auxiliary_column(
    others: Sequence[str], kinds: Sequence[KindLike], kind: str | None, answer: str | None
) -> str | None:
    """The first column that helps to learn the answer; none where the answer is such a column itself."""
    found = [heading for each in kinds if each.name == kind for heading in _headed(others, each.auxiliary_columns)]
    return None if answer in found else next(iter(found), None)


def _asked(cells: pa.Table, others: Sequence[str], kinds: Sequence[KindLike], wish: str) -> tuple[str, str]:
    """(kind, heading) of a wish that is a heading, kind:heading or a kind, understood in this order."""
    if not others:
        raise no_answers()
    by_name = {kind.name: kind for kind in kinds}
    prefix, _, rest = wish.partition(":")
    if heading := _heading(others, wish):
        return _kind_of(cells, heading, kinds), heading
    if prefix in by_name and (heading := _heading(others, rest)):
        return prefix, heading
    if wish in by_name and (heading := _heading_for(cells, others, by_name[wish])):
        return wish, heading
    allowed = f"a column ({_listed(others)}), a kind ({', '.join(by_name)}), or kind:column"
    raise UsageError(f"no column for the answer {wish!r}", allowed=allowed)


def _kind_of(cells: pa.Table, heading: str, kinds: Sequence[KindLike]) -> str:
    named = [kind for kind in kinds if _named([heading], kind)]
    kind = named[0] if named else _fitting(cells, heading, kinds)
    if kind is None:
        hint = f"say it with --answer {kinds[0].name}:{heading}" if kinds else ""
        raise DataError(f"column {heading!r} looks like no kind of answer", hint=hint)
    return kind.name


def _heading_for(cells: pa.Table, others: Sequence[str], kind: KindLike) -> str | None:
    fitting = [name for name in others if _fitting(cells, name, [kind])]
    only = others if len(others) == 1 else []
    return next(iter((*_named(others, kind), *fitting, *only)), None)


def _named(others: Sequence[str], kind: KindLike) -> list[str]:
    """The headings that mean this kind, likeliest first."""
    return _headed(others, kind.columns)


def _headed(others: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The headings that are one of the wanted, in the order of those."""
    words = {normalise_heading(name): name for name in reversed(others)}
    return [words[column] for column in wanted if column in words]


def _heading(others: Sequence[str], wanted: str) -> str | None:
    by_case = {name.lower(): name for name in reversed(others)}
    return wanted if wanted in others else by_case.get(wanted.lower())


def _fitting(cells: pa.Table, name: str, kinds: Sequence[KindLike]) -> KindLike | None:
    return next((kind for kind in kinds if _fits(cells, name, kind)), None)


def _fits(cells: pa.Table, name: str, kind: KindLike) -> bool:
    sample = sample_cells(cells, name)
    return bool(sample) and kind.fits(sample, name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "nothing"
