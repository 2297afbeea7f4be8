"""Kaldi data folders: wav.scp lists recordings, segments cuts them into utterances, text transcribes these:

    wav.scp     rec1 audio/rec1.wav
    segments    rec1-001 rec1 0.00 2.35
    text        rec1-001 hello and welcome

utt2spk gives the speaker of each utterance. A line of wav.scp may be a command that produces the recording; commands
are never run.
Source: https://kaldi-asr.org/doc/data_prep.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from seehear.table.directories import list_visible, summarise_names
from seehear.table.encoding import read_lines
from seehear.table.file_checks import is_file
from seehear.table.layouts.raw_table import RawTable, make_text_array, make_text_table
from seehear.table.parts import find_part_in_name
from seehear.table.rows import RowProblem

_BASES = ("", "../", "../../", "../../../")  # recipes name files relative to where they run, above data/train/


class _Entry(NamedTuple):
    """What a line says after its first word."""

    row: int
    notes: str


class _Segment(NamedTuple):
    """An utterance: its recording, its times as written, and the line that defines it."""

    recording: str
    start: str | None
    end: str | None
    row: int


@dataclass
class _Utterances:
    """The columns so far, and what could not become an utterance."""

    audio: list[str] = field(default_factory=list)
    start_s: list[str | None] = field(default_factory=list)
    end_s: list[str | None] = field(default_factory=list)
    text: list[str | None] = field(default_factory=list)
    speaker: list[str | None] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    file: list[str] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)


def read_kaldi(place: Path) -> RawTable | None:
    """Read a Kaldi data folder, or a folder with one for each part; None for others."""
    notes: list[str] = []
    folders = _data_folders(place, notes)
    if not folders:
        return None
    utterances = _Utterances()
    for prefix, part in folders:
        _read(place, prefix, part, utterances)
    headings = ("audio", "start_s", "end_s", "text", "speaker")
    return RawTable(
        place,
        make_text_table({heading: getattr(utterances, heading) for heading in headings}),
        part=pa.chunked_array([pa.array(utterances.part, pa.large_string())]),
        file=pa.chunked_array([make_text_array(utterances.file)]),
        row=np.array(utterances.row, np.int64),
        problems=tuple(utterances.problems),
        notes=tuple(notes),
    )


def _data_folders(place: Path, notes: list[str]) -> list[tuple[str, str]]:
    """(name prefix, part) of each data folder. If some are named for parts, the others are left out."""
    if not place.is_dir():
        return []
    if (place / "wav.scp").is_file():
        return [("", "")]
    folders = [folder for folder in list_visible(place)[0] if (place / folder / "wav.scp").is_file()]
    parts = {folder: find_part_in_name(folder) for folder in folders}
    others = [folder for folder, part in parts.items() if not part]
    if len(others) < len(folders):
        notes += [f"not read, because they are not parts: {summarise_names(others)}"] if others else []
        parts = {folder: part for folder, part in parts.items() if part}
    return [(f"{folder}/", part) for folder, part in parts.items()]


def _read(place: Path, prefix: str, part: str, utterances: _Utterances) -> None:
    problems = utterances.problems
    recordings = _entries(place, f"{prefix}wav.scp", problems)
    transcripts = _entries(place, f"{prefix}text", problems)
    speakers = _entries(place, f"{prefix}utt2spk", problems)
    has_segments = (place / prefix / "segments").is_file()
    source = f"{prefix}segments" if has_segments else f"{prefix}wav.scp"
    segments = _segments(place, source, problems) if has_segments else _whole_recordings(recordings)
    problems += _unused_recordings(f"{prefix}wav.scp", recordings, segments)
    base = _find_base(place / prefix, recordings)
    for name, segment in segments.items():
        recording = recordings.get(segment.recording)
        if recording is None:
            problems.append(RowProblem(f"{source} row {segment.row}", f"no recording {segment.recording!r} in wav.scp"))
        elif transcripts and name not in transcripts:
            problems.append(RowProblem(f"{source} row {segment.row}", f"{name!r} has no line in text"))
        elif not _is_command(recording):
            file = recording.notes
            utterances.audio.append(file if Path(file).is_absolute() else base + file)
            utterances.start_s.append(segment.start)
            utterances.end_s.append(segment.end)
            utterances.text.append(transcripts[name].notes if name in transcripts else None)
            utterances.speaker.append(speakers[name].notes if name in speakers else None)
            utterances.part.append(part)
            utterances.file.append(source)
            utterances.row.append(segment.row)
    missing = [(name, entry.row) for name, entry in transcripts.items() if name not in segments]
    problems += [RowProblem(f"{prefix}text row {row}", f"no {name!r} in {source}") for name, row in missing]


def _entries(place: Path, name: str, problems: list[RowProblem]) -> dict[str, _Entry]:
    """The lines of a file by their first word; {} if the file does not exist."""
    entries: dict[str, _Entry] = {}
    lines = read_lines(place / name, name) if (place / name).is_file() else []
    for row, line in enumerate(lines, 1):
        first, *rest = line.split(maxsplit=1) or [""]
        if first in entries:
            problems.append(RowProblem(f"{name} row {row}", f"{first!r} is in row {entries[first].row} too"))
        elif first:
            entries[first] = _Entry(row, " ".join(rest).strip())
    return entries


def _segments(place: Path, name: str, problems: list[RowProblem]) -> dict[str, _Segment]:
    segments: dict[str, _Segment] = {}
    for utterance, (row, notes) in _entries(place, name, problems).items():
        match notes.split():
            case [recording, start, end]:
                segments[utterance] = _Segment(recording, start, end, row)
            case transcripts:
                what = f"{1 + len(transcripts)} words, not 4: utterance, recording, start and end in seconds"
                problems.append(RowProblem(f"{name} row {row}", what))
    return segments


def _whole_recordings(recordings: Mapping[str, _Entry]) -> dict[str, _Segment]:
    return {name: _Segment(name, None, None, entry.row) for name, entry in recordings.items()}


def _unused_recordings(
    name: str, recordings: Mapping[str, _Entry], segments: Mapping[str, _Segment]
) -> Iterator[RowProblem]:
    """A problem for each recording that a command produces, or that no segment is cut from."""
    utterances = Counter(segment.recording for segment in segments.values())
    for recording, entry in recordings.items():
        where, unused = f"{name} row {entry.row}", utterances[recording]
        if _is_command(entry):
            what = f"{recording!r} is made by a command, and commands are never run (utterances lost: {unused:,})"
            yield RowProblem(where, what, "run it yourself and name the file that it makes")
        elif not unused:
            yield RowProblem(where, f"no segment of {recording!r}")


def _is_command(recording: _Entry) -> bool:
    return recording.notes.endswith("|")


def _find_base(folder: Path, recordings: Mapping[str, _Entry]) -> str:
    """The base folder of the file names, relative to the data folder: the first candidate that contains one of them."""
    for entry in recordings.values():
        for base in _BASES:
            if not _is_command(entry) and is_file(folder / base / entry.notes):
                return base
    return ""
