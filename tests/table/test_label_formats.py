"""Label files beside recordings are distinguished from transcripts, and never used as text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seehear.errors import DataError
from seehear.table.layouts.label_formats import LabelFormat, detect_label_format
from table_kinds import KINDS, Kind, make, open_data

SPEECH = (*KINDS, Kind("text", ("text", "transcript")))
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"
    "1\tSpectrogram 1\t1\t0.5\t1.25\t2000\t8000\twren\n"
)
LABELS: dict[str, tuple[str, LabelFormat]] = {
    "audacity": ("0.100000\t0.900000\tone\n1.000000\t1.500000\ttwo words\n", LabelFormat.AUDACITY),
    "audacity, points": ("0.100000\t0.100000\tclick\n", LabelFormat.AUDACITY),
    "audacity, without labels": ("0.1\t0.9\n1.0\t1.5\n", LabelFormat.AUDACITY),
    "audacity, in a spectrogram": ("0.1\t0.9\ta\n\\\t100.0\t8000.0\n1.0\t1.5\tb\n\\\t1.0\t2.0\n", LabelFormat.AUDACITY),
    "audacity, decimal commas": ("0,100000\t0,900000\tone\r\n", LabelFormat.AUDACITY),
    "audacity, spaces": ("0.100000 0.900000 one\n", LabelFormat.AUDACITY),
    "audacity, whole seconds": ("0\t3\tTurdus merula, Blackbird\n3\t6\tParus major, Great Tit\n", LabelFormat.AUDACITY),
    "raven": (RAVEN, LabelFormat.SELECTIONS),
    "raven, without selections": (RAVEN.partition("\n")[0] + "\n", LabelFormat.SELECTIONS),
    "birdnet csv": (
        "Start (s),End (s),Scientific name,Common name,Confidence\n0.0,3.0,Turdus merula,Blackbird,0.91\n",
        LabelFormat.SELECTIONS,
    ),
    "whisper tsv": ("start\tend\ttext\n0\t2500\thello there\n", LabelFormat.SELECTIONS),
    "textgrid": ('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\n', LabelFormat.TEXTGRID),
    "json": (json.dumps({"text": "hello", "segments": []}, indent=1), LabelFormat.JSON),
    "json list": ('[{"start": 0.5, "text": "hi"}]', LabelFormat.JSON),
    "json lines": ('{"start": 0.5}\n{"start": 1.5}\n', LabelFormat.JSON),
    "json, cut off": ('{"text": "hel', LabelFormat.JSON),
    "elan": ('<?xml version="1.0"?>\n<ANNOTATION_DOCUMENT>', LabelFormat.MARKUP),
    "rtf": (r"{\rtf1\ansi hello}", LabelFormat.MARKUP),
    "subrip": ("1\n00:00:01,000 --> 00:00:02,000\nhello\n", LabelFormat.SUBTITLES),
    "timit": ("0 46797 She had your dark suit in greasy wash water all year.\n", LabelFormat.SAMPLES),
    "htk": ("0 3000000 sil\n3000000 4000000 one\n", LabelFormat.SAMPLES),
    "rttm": ("SPEAKER talk 1 0.50 1.25 <NA> <NA> ann <NA> <NA>\n", LabelFormat.NIST),
    "ctm": (";; comment\ntalk 1 0.50 0.25 hello 0.9\ntalk 1 0.80 0.10 you\n", LabelFormat.NIST),
    "whisper on a terminal": ("[00:00.000 --> 00:02.500]  Hello there\n", LabelFormat.TIMED_LINES),
    "lyrics": ("[00:12.00]First line\n[00:17.20]Second line\n", LabelFormat.TIMED_LINES),
    "copied from a page": ("0:00\nhello and welcome\n0:04\nto this talk\n0:09\nbye\n", LabelFormat.TIMED_LINES),
}
WORDS = [
    "good morning",
    "",
    "7",
    "one two three\nfour",
    "1 2 buckle my shoe\n3 4 knock at the door",
    "1 2 3 4 5",
    "1984 1985 were years",
    "7:30",
    "10:30 is late",
    "at 7:30\nnot at 8:15\nI said",
    "[music] hello",
    "[1] a note",
    "{um} hello",
    "<laughs> hello",
    "start, end and the middle",
    "3.5 and 4.5 are halves",
    "0.5 more than 0.25",
    "2.5 1.5 falling",
    "the arrow --> points on",
    "open the file, then begin",
    "it starts\tand it ends",
]


@pytest.mark.parametrize("name", LABELS)
def test_label_files_are_recognised(name: str) -> None:
    text, expected = LABELS[name]
    assert detect_label_format(text) is expected
    assert detect_label_format("\ufeff" + text.replace("\n", "\r\n")) is expected


@pytest.mark.parametrize("words", WORDS)
def test_transcripts_are_not_label_files(words: str) -> None:
    assert detect_label_format(words) is None


@pytest.mark.parametrize("hostile", ["[" * 100_000, "<a " * 30_000, "0.1 " * 30_000, "1 " * 50_000, "{" * 100_000])
def test_hostile_texts_take_linear_time(hostile: str) -> None:
    assert detect_label_format(hostile) in (None, LabelFormat.MARKUP, LabelFormat.AUDACITY, LabelFormat.JSON)


@pytest.mark.parametrize("name", [name for name, (_, each) in LABELS.items() if each is not LabelFormat.SUBTITLES])
def test_label_files_are_read_or_reported_but_never_transcripts(tmp_path: Path, name: str) -> None:
    text, expected = LABELS[name]
    data = make(tmp_path / "d", {"a.wav": "x", "a.txt": text, "b.wav": "x", "b.txt": "good morning"})
    try:
        table = open_data(data, kinds=SPEECH)
    except DataError as error:
        assert "no example in it can be used; the first problem: " in str(error)  # labels, none of which has a length
        return
    if table.answers() != ["good morning"]:  # read as labels with times
        assert all("[" in row.key and row.answer and "\t" not in row.answer for row in table)
        assert [problem.where for problem in table.problems] == ["b.wav"]
        return
    (problem,) = table.problems
    assert (problem.where, problem.what) == ("a.txt", f"it holds {expected}, not a transcript")
    (data / "b.txt").write_text(text)
    with pytest.raises(DataError, match=r"no example in it can be used; the first problem: a\.txt: it holds "):
        open_data(data, kinds=SPEECH)


def test_subtitles_are_read_with_any_extension(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"a.wav": "x", "a.txt": LABELS["subrip"][0]})
    table = open_data(data, kinds=SPEECH)
    assert [row.key for row in table] == ["a.wav [1.00 s to 2.00 s]"]
    assert table.answers() == ["hello"]
