"""Recordings beside label files with times: Praat TextGrids, ELAN, selection tables (Raven, BirdNET), Audacity labels.

    forest/a.wav
    forest/a.txt        0.5	2.25	horn

Each label becomes an example: a segment of its recording. See the modules of these formats for their content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.directories import find_part_folders, has_table_extension, list_visible, summarise_names, walk_files
from seehear.table.encoding import read_text
from seehear.table.layouts.audacity import parse_audacity
from seehear.table.layouts.elan import parse_elan
from seehear.table.layouts.label_formats import LabelFormat, detect_label_format
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.layouts.selection_tables import names_its_recordings, parse_selections
from seehear.table.layouts.text_grid import parse_text_grid
from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels
from seehear.table.media import is_valid_text
from seehear.table.parts import find_part_in_name, parse_part
from seehear.table.rows import RowProblem

_LARGEST_BYTES = 1 << 26
_METADATA_TABLES = ("metadata", "examples")  # tables that take precedence over label files
_PRAAT, _ELAN, _SELECTIONS, _AUDACITY = "Praat TextGrids", "ELAN", "selection tables", "Audacity labels"
_FORMATS = (_PRAAT, _ELAN, _SELECTIONS, _AUDACITY)  # the first one that a recording has is used
_ENDINGS = (".textgrid", ".eaf", ".txt", ".csv", ".tsv")
_OWN_COLUMNS = ("audio", "video", "start_s", "end_s", "speaker")


@dataclass
class _Recordings:
    """The files of one part: recordings and videos by stem, and the files that may hold labels."""

    recordings: dict[str, list[str]] = field(default_factory=dict)
    videos: dict[str, list[str]] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)

    @property
    def stems(self) -> list[str]:
        return list(dict.fromkeys([*self.recordings, *self.videos]))

    def stem_of(self, name: str, labels_by_stem: str = "") -> str | None:
        """The stem of the recording that labels belong to; None if there is no such recording.

        It is the file that the labels name, or the longest stem with which the name of the label file begins, as in
        a.Table.1.selections.txt.
        """
        folder = name[: name.rfind("/") + 1]
        stem = (folder + labels_by_stem if labels_by_stem else name).rpartition(".")[0]
        while stem not in self.recordings and stem not in self.videos:
            stem = "" if labels_by_stem else stem.rpartition(".")[0]
            if len(stem) <= len(folder):
                return None
        return stem

    def files(self, stem: str) -> Iterator[tuple[str | None, str | None]]:
        """(recording, video) of each example; files of both media are paired."""
        return zip_longest(self.recordings.get(stem, []), self.videos.get(stem, []))


class _Labels(NamedTuple):
    """The labels that one file gives for one recording."""

    file: str
    format: str
    labels: list[TimedLabel]


@dataclass
class _Examples:
    """The rows so far, and what could not become one."""

    files: list[tuple[str | None, str | None]] = field(default_factory=list)
    labels: list[TimedLabel] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    passed_over: list[str] = field(default_factory=list)
    unlabelled: int = 0
    recordings: int = 0


def read_labelled_recordings(place: Path) -> RawTable | None:
    """Read a folder in which most recordings have a label file, or a single label file; None for others."""
    root, single_file = (place, "") if place.is_dir() else (place.parent, place.name)
    if (
        not single_file.lower().endswith(_ENDINGS)
        if single_file
        else any(map(_is_metadata_table, list_visible(root)[1]))
    ):
        return None
    examples, total = _Examples(), 0
    for prefix, part in [("", "")] if single_file else find_part_folders(root, examples.notes, find_part_in_name):
        recordings = _find_recordings(root, prefix)
        if not recordings.stems:
            continue
        if single_file:
            recordings.beside = [single_file]
        _read_part(root, recordings, part, examples, bool(single_file))
        total += len(recordings.stems)
    if not examples.recordings or (not single_file and 2 * examples.recordings < total):
        return None
    columns = {"audio": [audio for audio, _ in examples.files], "video": [video for _, video in examples.files]}
    columns |= {"start_s": [repr(label.start_s) for label in examples.labels]}
    columns |= {"end_s": [repr(label.end_s) for label in examples.labels]}
    columns |= {"speaker": [label.speaker or None for label in examples.labels]}
    answers = _answers(examples.labels, examples.files)
    return RawTable(
        root,
        make_text_table({**columns, **answers, **_other_columns(examples.labels, {*columns, *answers})}),
        part=pa.chunked_array([pa.array(examples.part, pa.large_string())]),
        problems=tuple(examples.problems),
        notes=(*examples.notes, *_sentences(examples, answers)),
        tiers=tuple(answers) if len(answers) > 1 else (),
    )


def _is_metadata_table(name: str) -> bool:
    stem = name.rpartition(".")[0].lower()
    return has_table_extension(name) and (stem in _METADATA_TABLES or bool(parse_part(stem)))


def _find_recordings(root: Path, prefix: str) -> _Recordings:
    parsed = _Recordings()
    folders, files = list_visible(root / prefix)
    inner = (file for folder in folders for file in walk_files(root, prefix + folder))
    for name in filter(is_valid_text, [*(prefix + file for file in files), *inner]):
        if name.lower().endswith(_ENDINGS):
            parsed.beside.append(name)
        elif (medium := medium_of(name)) in ("recording", "video"):
            kind = parsed.recordings if medium == "recording" else parsed.videos
            kind.setdefault(name.rpartition(".")[0], []).append(name)
    return parsed


def _read_part(root: Path, recordings: _Recordings, part: str, examples: _Examples, single_file: bool) -> None:
    """Turn the labels of each recording into examples. If a recording has several formats, the first one counts."""
    labels_by_stem: dict[str, list[_Labels]] = {}
    for name in recordings.beside:
        beside = recordings.stem_of(name) is not None
        try:
            kind, parsed = _read(root / name, name, beside)
        except DataError as error:
            if beside:  # elsewhere it may be any file
                examples.problems.append(RowProblem.of(error, name))
            continue
        if parsed is not None:
            examples.problems += parsed.problems
            examples.notes += parsed.notes
            examples.unlabelled += parsed.unlabelled
            for stem, labels in _group_by_recording(name, parsed, recordings, examples).items():
                labels_by_stem.setdefault(stem, []).append(_Labels(name, kind, labels))
    for stem in recordings.stems:
        if stem in labels_by_stem:
            _add_labels(labels_by_stem[stem], list(recordings.files(stem)), part, examples)
        elif not single_file:
            file = next(filter(None, next(recordings.files(stem))))
            examples.problems.append(RowProblem(file, "no labels beside it", "put its label file beside it"))


def _read(file: Path, name: str, beside: bool) -> tuple[str, TimedLabels | None]:
    """(format, labels) of a file; ("", None) if it has none of the formats or is not beside a recording."""
    if name.lower().endswith(".eaf"):
        return _ELAN, parse_elan(file, name)
    if not beside and not name.lower().endswith((".textgrid", *_ENDINGS[2:])):
        return "", None
    text = read_text(file, name, _LARGEST_BYTES)
    parsed = detect_label_format(text)
    if name.lower().endswith(".textgrid") or (parsed is LabelFormat.TEXTGRID and beside):
        return _PRAAT, parse_text_grid(text, name)
    if parsed is LabelFormat.SELECTIONS and (beside or names_its_recordings(text)):
        return _SELECTIONS, parse_selections(text, name)
    if parsed is LabelFormat.AUDACITY and beside and name.lower().endswith(".txt"):
        return _AUDACITY, parse_audacity(text, name)
    return "", None


def _group_by_recording(
    name: str, parsed: TimedLabels, recordings: _Recordings, examples: _Examples
) -> dict[str, list[TimedLabel]]:
    """Labels by the stem of their recording; [] if nothing in it was labelled."""
    default_stem = recordings.stem_of(name)
    labels_by_stem: dict[str, list[TimedLabel]] = {} if default_stem is None else {default_stem: []}
    unmatched: Counter[str] = Counter()
    for label in parsed.labels:
        stem = (recordings.stem_of(name, label.file) if label.file else None) or default_stem
        if stem is None:
            unmatched[label.file] += 1
        else:
            labels_by_stem.setdefault(stem, []).append(label)
    for file, count in unmatched.items():
        what = f"no recording {file!r} beside it" if file else "no recording with this name beside it"
        examples.problems.append(RowProblem(name, f"{what} ({format_count(count, 'label')} lost)"))
    return labels_by_stem


def _add_labels(
    given: Sequence[_Labels], files: Sequence[tuple[str | None, str | None]], part: str, examples: _Examples
) -> None:
    chosen = min((each.format for each in given), key=_FORMATS.index)
    examples.recordings += 1
    examples.formats[chosen] += 1
    examples.passed_over += [each.file for each in given if each.format != chosen]
    for label in (label for each in given if each.format == chosen for label in each.labels):
        for pair in files:
            examples.files.append(pair)
            examples.labels.append(label)
            examples.part.append(part)


def _answers(labels: Sequence[TimedLabel], files: Sequence[Any]) -> dict[str, list[str | None]]:
    """A column for each tier, of which each row fills one.

    If no recording has several tiers, there is a single column, named after its kind.
    """
    tiers = list(dict.fromkeys(label.tier for label in labels))
    if len({(file, label.tier) for file, label in zip(files, labels, strict=True)}) == len(set(files)):
        return {_infer_kind(labels): [label.label for label in labels]}
    headings = {tier: f"{tier} tier" if tier in _OWN_COLUMNS else tier or "label" for tier in tiers}
    return {
        heading: [label.label if label.tier == tier else None for label in labels] for tier, heading in headings.items()
    }


def _infer_kind(labels: Sequence[TimedLabel]) -> str:
    """Labels that repeat are classes; others are transcripts."""
    return "label" if 2 * len({label.label for label in labels}) <= len(labels) else "text"


def _other_columns(labels: Sequence[TimedLabel], taken: set[str]) -> dict[str, list[str | None]]:
    headings = dict.fromkeys(heading for label in labels for heading in label.columns)
    return {heading: [label.columns.get(heading) for label in labels] for heading in headings if heading not in taken}


def _sentences(examples: _Examples, answers: dict[str, list[str | None]]) -> Iterator[str]:
    formats = " and ".join(kind for kind in _FORMATS if kind in examples.formats)
    what = f"{format_count(len(examples.labels), 'label')} of {format_count(examples.recordings, 'recording')}"
    yield f"{formats}: {what}; each label is an example"
    if len(answers) > 1:
        labels_by_stem = (
            f"{heading!r} ({sum(cell is not None for cell in cells):,})" for heading, cells in answers.items()
        )
        yield f"tiers, one of which is the answer: {', '.join(labels_by_stem)}; choose with --answer"
    else:
        heading = next(iter(answers))
        come = (
            "repeat, so they are read as classes"
            if heading == "label"
            else "rarely repeat, so they are read as transcripts"
        )
        other = "text" if heading == "label" else "label"
        yield f"the labels {come}; --answer {other}:{heading} reads them the other way"
    if examples.unlabelled:
        yield f"left out {format_count(examples.unlabelled, 'segment')} without a label"
    if examples.passed_over:
        yield f"not used, because another label format takes precedence: {summarise_names(examples.passed_over)}"
