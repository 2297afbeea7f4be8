"""Recordings or videos beside their transcripts:

    talk.wav  talk.txt                      or talk.vtt, talk.srt, talk.en.srt
    84/121123/84-121123.trans.txt           LibriSpeech, with lines such as
    84-121123-0000 GO DO YOU HEAR           for 84-121123-0000.flac beside it

Subtitles cut a recording into cues.
Source: https://www.w3.org/TR/webvtt1/ and https://www.openslr.org/12
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.directories import find_part_folders, list_visible, summarise_names, walk_files
from seehear.table.encoding import read_lines, read_text
from seehear.table.layouts.label_formats import LabelFormat, detect_label_format
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.media import is_valid_text
from seehear.table.parts import find_part_in_name
from seehear.table.rows import RowProblem
from seehear.table.subtitles import parse_subtitles

_SUBTITLES = (".vtt", ".srt")  # the first takes precedence
_TRANSCRIPTS = (*_SUBTITLES, ".txt")
_LIST_ENDING = ".trans.txt"
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")  # BCP 47, as far as file names use it: pt-BR


@dataclass
class _Stem:
    """The files of one name: recordings, videos, and transcripts by extension, also by language."""

    recordings: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    transcripts: dict[str, str] = field(default_factory=dict)
    by_language: dict[str, dict[str, str]] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str | None, str | None]]:
        """(recording, video) of each example; files of both media are paired."""
        return zip_longest(self.recordings, self.videos)


@dataclass
class _Files:
    """The files of one part. `listed`: the stems whose transcript is in a list."""

    stems: dict[str, _Stem] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        medium, extension = medium_of(name), Path(name).suffix.lower()
        stem = name[: len(name) - len(extension)]
        if not is_valid_text(name):
            self.others.append(repr(name))
        elif name.lower().endswith(_LIST_ENDING):
            self.lists.append(name)
        elif medium in ("recording", "video"):
            files = self.stems.setdefault(stem, _Stem())
            (files.recordings if medium == "recording" else files.videos).append(name)
        elif extension in _TRANSCRIPTS:
            self.stems.setdefault(stem, _Stem()).transcripts[extension] = name
        else:
            self.others.append(name)

    def assign_languages(self) -> None:
        """Assign talk.en.srt to talk, unless there is a recording talk.en."""
        for name, stem in list(self.stems.items()):
            before, _, language = name.rpartition(".")
            with_media = self.stems.get(before)
            is_apart = (
                with_media and (with_media.recordings or with_media.videos) and not (stem.recordings or stem.videos)
            )
            if is_apart and _LANGUAGE.fullmatch(language):
                self.stems[before].by_language[language] = self.stems.pop(name).transcripts

    def has_transcripts(self) -> bool:
        """Whether most recordings have transcripts: notes beside a few are not a layout."""
        with_media = [stem for stem in self.stems.values() if stem.recordings or stem.videos]
        return bool(self.lists and with_media) or 0 < len(with_media) <= 2 * sum(
            bool(stem.transcripts or stem.by_language) for stem in with_media
        )


@dataclass
class _Utterances:
    """The columns so far, and what could not become an utterance."""

    audio: list[str | None] = field(default_factory=list)
    video: list[str | None] = field(default_factory=list)
    start_s: list[str | None] = field(default_factory=list)
    end_s: list[str | None] = field(default_factory=list)
    text: list[str | None] = field(default_factory=list)
    speaker: list[str | None] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    without_words: int = 0
    unused: list[str] = field(default_factory=list)  # transcripts beside subtitles
    rolling: list[str] = field(default_factory=list)  # subtitles with repeated lines

    def add(self, stem: _Stem, text: str, speaker: str, part: str, span_s: tuple[float, float] | None = None) -> None:
        for recording, video in stem.files():
            self.audio.append(recording)
            self.video.append(video)
            self.start_s.append(None if span_s is None else str(span_s[0]))
            self.end_s.append(None if span_s is None else str(span_s[1]))
            self.text.append(text)
            self.speaker.append(speaker or None)
            self.part.append(part)


def read_transcripts(place: Path) -> RawTable | None:
    """Read a folder in which most recordings have a transcript beside them; None for others."""
    if not place.is_dir():
        return None
    notes: list[str] = []
    parts = [(part, _files(place, prefix)) for prefix, part in find_part_folders(place, notes, find_part_in_name)]
    if not any(files.has_transcripts() for _, files in parts):
        return None
    utterances = _Utterances()
    for part, files in parts:
        for name in files.lists:
            _read_list(place, name, files, part, utterances)
        for name, stem in files.stems.items():
            if name not in files.listed:
                _read_stem(place, stem, part, utterances)
        notes += [f"not read: {summarise_names(files.others)}"] if files.others else []
    headings = ("audio", "video", "text", "speaker", "start_s", "end_s")
    return RawTable(
        place,
        make_text_table({heading: getattr(utterances, heading) for heading in headings}),
        part=pa.chunked_array([pa.array(utterances.part, pa.large_string())]),
        problems=tuple(utterances.problems),
        notes=(*notes, *_describe(utterances)),
    )


def _files(place: Path, prefix: str) -> _Files:
    files = _Files()
    folders, names = list_visible(place / prefix)
    for file in names:
        files.add(prefix + file)
    for folder in folders:
        for file in walk_files(place, prefix + folder):
            files.add(file)
    files.assign_languages()
    return files


def _read_list(place: Path, name: str, files: _Files, part: str, utterances: _Utterances) -> None:
    """Each line gives a recording in the folder of the list, then its transcript."""
    folder = name.rpartition("/")[0]
    try:
        lines = read_lines(place / name, name)
    except DataError as error:
        utterances.problems.append(RowProblem.of(error, name))
        return
    for number, line in enumerate(lines, 1):
        utterance, _, transcripts = line.strip().partition(" ")
        stem = f"{folder}/{utterance}" if folder else utterance
        if not utterance:
            continue
        files.listed.add(stem)
        if stem not in files.stems:
            utterances.problems.append(RowProblem(f"{name} line {number}", f"no recording {utterance!r} beside it"))
        elif not transcripts.strip():
            utterances.problems.append(RowProblem(f"{name} line {number}", f"no words for {utterance!r}"))
        else:
            utterances.add(files.stems[stem], transcripts.strip(), _speaker(folder, utterance), part)


def _speaker(folder: str, utterance: str) -> str:
    """84 in 84/121123/84-121123-0000: LibriSpeech has a folder for each speaker, in it one for each chapter."""
    speaker, _, chapter = "/".join(folder.split("/")[-2:]).partition("/")
    return speaker if chapter and utterance.startswith(f"{speaker}-{chapter}-") else ""


def _read_stem(place: Path, stem: _Stem, part: str, utterances: _Utterances) -> None:
    files = [*stem.recordings, *stem.videos]
    if not files:
        problems = (RowProblem(name, "no recording with this name beside it") for name in stem.transcripts.values())
        utterances.problems += problems
        return
    in_languages = sorted(name for transcripts in stem.by_language.values() for name in transcripts.values())
    if stem.transcripts:
        utterances.unused += in_languages
    elif len(stem.by_language) > 1:
        what = f"transcripts in {len(stem.by_language)} languages lie beside it: {summarise_names(in_languages)}"
        utterances.problems += (RowProblem(file, what, "keep one of them beside it") for file in files)
        return
    transcripts = stem.transcripts or next(iter(stem.by_language.values()), {})
    if not transcripts:
        beside = Path(files[0]).stem
        hint = f"put {beside}.txt or {beside}.vtt beside it"
        utterances.problems += (RowProblem(file, "no transcript beside it", hint) for file in files)
        return
    chosen, *others = (transcripts[extension] for extension in _TRANSCRIPTS if extension in transcripts)
    utterances.unused += others
    try:
        text = read_text(place / chosen, chosen)
    except DataError as error:
        utterances.problems.append(RowProblem.of(error, chosen))
        return
    label_format = LabelFormat.SUBTITLES if Path(chosen).suffix.lower() in _SUBTITLES else detect_label_format(text)
    if label_format is LabelFormat.SUBTITLES:
        _read_subtitles(text, chosen, stem, part, utterances)
    elif label_format is not None:
        hint = "keep only the spoken words, or save subtitles as .vtt or .srt"
        utterances.problems.append(RowProblem(chosen, f"it holds {label_format}, not a transcript", hint))
    elif notes := " ".join(text.split()):
        utterances.add(stem, notes, "", part)
    else:
        utterances.problems.append(RowProblem(chosen, "it is empty"))


def _read_subtitles(text: str, name: str, stem: _Stem, part: str, utterances: _Utterances) -> None:
    cues, problems, rolling = parse_subtitles(text, name)
    utterances.problems += problems
    utterances.rolling += [name] if rolling else []
    for cue in cues:
        if cue.text:
            utterances.add(stem, cue.text, cue.speaker, part, (cue.start_s, cue.end_s))
    without_words = sum(not cue.text for cue in cues)
    utterances.without_words += without_words
    if without_words == len(cues):
        utterances.problems.append(RowProblem(name, "no cue with words in it"))


def _describe(utterances: _Utterances) -> list[str]:
    files = {audio or video for audio, video in zip(utterances.audio, utterances.video, strict=True)}
    cut = sum(start is not None for start in utterances.start_s)
    notes = [
        f"{format_count(len(files), 'recording')} with transcripts"
        + (f", {format_count(cut, 'cue')} of subtitles" if cut else "")
    ]
    if utterances.without_words:
        notes.append(f"left out {format_count(utterances.without_words, 'cue')} without words, such as [music]")
    if utterances.rolling:
        notes.append(f"rolling captions, each word taken once: {summarise_names(utterances.rolling)}")
    if others := utterances.unused:
        notes.append(f"not used, because subtitles take precedence: {summarise_names(others)}")
    return notes
