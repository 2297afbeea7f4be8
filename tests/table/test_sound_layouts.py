"""Recordings beside label files from Audacity, Praat, ELAN, Raven and BirdNET."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seehear.errors import DataError, UsageError
from seehear.media import Excerpt
from seehear.table import RowProblem, Table
from seehear.table.layouts.audacity import parse_audacity
from seehear.table.layouts.selection_tables import parse_selections
from seehear.table.layouts.text_grid import parse_text_grid
from seehear.table.layouts.timed_labels import TimedLabels
from table_kinds import KINDS, Kind, make, open_data

SOUNDS = (*KINDS, Kind("text", ("text", "transcript", "words")))


def open_sounds(data: Path, **arguments: Any) -> Table:
    return open_data(data, kinds=SOUNDS, **arguments)


def pairs(table: Table) -> list[tuple[str, str | None]]:
    return [(row.key, row.answer) for row in table]


HORNS = "0.500000\t2.250000\thorn\n\\\t120.000000\t4000.000000\n7,0\t8,5\tsiren\n9.0\t9.5\thorn\n10\t11\tsiren\n"


def test_label_tracks_of_audacity(tmp_path: Path) -> None:
    more = "3.0\t3.0\tclick\n1.0\t2.0\thorn\r\n2.0\t4.0\t\r\n"
    files = {"a.wav": "x", "a.txt": HORNS, "deep/b.mp4": "x", "deep/b.txt": HORNS + more, "readme.txt": "about it"}
    data = make(tmp_path / "d", files)
    table = open_sounds(data)
    assert (table.kind, table.answer_column) == ("label", "label")
    assert pairs(table)[:5] == [
        ("a.wav [0.50 s to 2.25 s]", "horn"),
        ("a.wav [7.00 s to 8.50 s]", "siren"),
        ("a.wav [9.00 s to 9.50 s]", "horn"),
        ("a.wav [10.00 s to 11.00 s]", "siren"),
        ("deep/b.mp4 [0.50 s to 2.25 s]", "horn"),
    ]
    assert len(table) == 9 and table[1].inputs == {"audio": Excerpt(data / "a.wav", 7, 8.5)}
    hint = "give it a length: an example is a segment of sound"
    what = "'click' ends at 3 s, not after its start at 3 s"
    assert table.problems == (RowProblem("deep/b.txt line 6", what, hint),)
    assert {
        "Audacity labels: 9 labels of 2 recordings; each label is an example",
        "the labels repeat, so they are read as classes; --answer text:label reads them the other way",
        "left out 1 segment without a label",
        "each row is a segment of its file, from 'start_s' to 'end_s'",
    } <= set(table.notes)


def test_labels_with_invalid_times_are_reported() -> None:
    found = parse_audacity("soon\t5\thorn\n-1\t2\thorn\n5\t4\thorn\n1e999\t2\thorn\n3\t4\thorn\n", "a.txt")
    assert [(label.start_s, label.end_s) for label in found.labels] == [(3, 4)]
    assert [(problem.where, problem.what) for problem in found.problems] == [
        ("a.txt line 1", "the times of 'horn' are not numbers"),
        ("a.txt line 2", "'horn' starts before the recording, at -1 s"),
        ("a.txt line 3", "'horn' ends at 4 s, not after its start at 5 s"),
        ("a.txt line 4", "the times of 'horn' are not numbers"),
    ]


def test_labels_that_hardly_repeat_are_transcripts(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"a.wav": "x", "a.txt": "0.0\t1.5\tgood morning\n1.5\t3.0\thow are you\n"})
    table = open_sounds(data)
    assert (table.kind, table.answers()) == ("text", ["good morning", "how are you"])
    assert open_sounds(data, answer="label:text").kind == "label"


def long_grid(*tiers: tuple[str, list[tuple[float, float, str]]]) -> str:
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 4\ntiers? <exists>\n'
    lines = [f"size = {len(tiers)}", "item []:"]
    for place, (name, intervals) in enumerate(tiers, 1):
        lines += [f"    item [{place}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", "        xmax = 4", f"        intervals: size = {len(intervals)}"]
        for number, (start, end, label) in enumerate(intervals, 1):
            lines += [f"        intervals [{number}]:", f"            xmin = {start} ", f"            xmax = {end} "]
            lines += [f'            text = "{label}" ']
    return head + "\n".join(lines) + "\n"


SHORT_GRID = """File type = "ooTextFile short"
"TextGrid"

0
4
<exists>
2
"IntervalTier"
"words"
0
4
3
0
0.5
""
0.5
1.25
"say ""yes"" 12
or 3.5"
1.25
4
"no"
"TextTier"
"tones"
0
4
1
0.7
"H*"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["a.TextGrid", "a.textgrid", "a.txt"])
def test_a_text_grid_in_its_short_form(tmp_path: Path, encoding: str, name: str) -> None:
    data = make(tmp_path / "d", {"a.wav": "x", name: SHORT_GRID.replace("no", "nö").encode(encoding)})
    table = open_sounds(data)
    assert pairs(table) == [
        ("a.wav [0.50 s to 1.25 s]", 'say "yes" 12 or 3.5'),
        ("a.wav [1.25 s to 4.00 s]", "nö"),
    ]
    assert f"{name}: the tier 'tones' holds points, not intervals, and is not read" in table.notes
    assert "left out 1 segment without a label" in table.notes


WORDS = ("words", [(0, 0.5, "one"), (0.5, 1.5, ""), (1.5, 2, "two"), (2, 3, "one"), (3, 4, "two")])
PHONES = ("phones", [(0, 0.2, "W"), (0.2, 0.4, "AH"), (0.4, 0.5, "W")])


def test_a_tier_of_a_text_grid_is_chosen(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"a.wav": "x", "a.TextGrid": long_grid(PHONES, WORDS)})
    table = open_sounds(data)
    assert (table.kind, table.answer_column, table.metadata) == ("text", "words", ("recording",))
    assert pairs(table) == [
        ("a.wav [0.00 s to 0.50 s]", "one"),
        ("a.wav [1.50 s to 2.00 s]", "two"),
        ("a.wav [2.00 s to 3.00 s]", "one"),
        ("a.wav [3.00 s to 4.00 s]", "two"),
    ]
    assert not table.problems
    assert "tiers, one of which is the answer: 'phones' (3), 'words' (4); choose with --answer" in table.notes
    phones = open_sounds(data, answer="label:phones")
    assert pairs(phones) == [
        ("a.wav [0.00 s to 0.20 s]", "W"),
        ("a.wav [0.20 s to 0.40 s]", "AH"),
        ("a.wav [0.40 s to 0.50 s]", "W"),
    ]
    with pytest.raises(UsageError, match="no column for the answer 'tones'"):
        open_sounds(data, answer="tones")


def test_a_single_tier_may_have_any_name(tmp_path: Path) -> None:
    files = {"a.wav": "x", "a.TextGrid": long_grid(("Mary", WORDS[1])), "b.wav": "x", "b.txt": HORNS}
    table = open_sounds(make(tmp_path / "d", files | {"c.wav": "x", "c.TextGrid": long_grid(("John", WORDS[1]))}))
    assert (table.answer_column, len(table), table.metadata) == ("label", 12, ("recording",))


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (long_grid(WORDS)[:-60], r"a\.TextGrid: damaged: it ends, or goes wrong, within a tier"),
        (long_grid(WORDS).replace("intervals: size = 5", "intervals: size = 99999999"), "damaged"),
        (long_grid(WORDS).replace('"TextGrid"', '"Pitch 1"'), "not a TextGrid but 'Pitch 1'"),
        ("", "damaged"),
        (b"\xff\xfeo", "damaged|not in UTF-16"),
    ],
)
def test_a_damaged_text_grid_is_reported(tmp_path: Path, grid: str | bytes, words: str) -> None:
    data = make(tmp_path / "d", {"a.wav": "x", "a.TextGrid": grid, "b.wav": "x", "b.TextGrid": long_grid(WORDS)})
    table = open_sounds(data)
    assert len(table) == 4
    assert table.problems[0].where == "a.TextGrid"
    with pytest.raises(DataError, match=words):
        parse_text_grid((data / "a.TextGrid").read_text(errors="replace"), "a.TextGrid")


RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\tSpecies Code\n"
)


def test_selection_tables_of_raven(tmp_path: Path) -> None:
    rows = [
        f"{n}\t{view}\t1\t{n}.5\t{n + 2}\t800\t9000\t{('song', 'call')[n % 2]}\twren\n"
        for n in range(4)
        for view in "WS"
    ]
    files = {"dawn.wav": "x", "dawn.Table.1.selections.txt": RAVEN + "".join(rows), "dusk.wav": "x"}
    files["dusk.Table.1.selections.txt"] = RAVEN
    data = make(tmp_path / "d", files)
    table = open_sounds(data)
    assert pairs(table) == [(f"dawn.wav [{n}.50 s to {n + 2}.00 s]", ("song", "call")[n % 2]) for n in range(4)]
    assert table[0].metadata == {"recording": "dawn.wav", "species code": "wren"}
    assert open_sounds(data, answer="label:species code").answers() == ["wren"] * 4


def test_a_selection_table_of_several_recordings(tmp_path: Path) -> None:
    head = "Begin Time (s)\tDelta Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n"
    rows = (
        "1.0\t0.5\ta.wav\t1.0\tcall\n61.25\t2\tb.wav\t1.25\tsong\n62\t1\tgone.wav\t2\tsong\n63\t1\tb.wav\t3.0\tcall\n"
    )
    data = make(tmp_path / "d", {"all.selections.txt": head + rows, "a.wav": "x", "b.wav": "x"})
    for place in data, data / "all.selections.txt":
        table = open_sounds(place, answer="label:text")
        assert pairs(table) == [
            ("a.wav [1.00 s to 1.50 s]", "call"),
            ("b.wav [1.25 s to 3.25 s]", "song"),
            ("b.wav [3.00 s to 4.00 s]", "call"),
        ]
        assert table.problems == (RowProblem("all.selections.txt", "no recording 'gone.wav' beside it (1 label lost)"),)


BIRDNET = "Start (s),End (s),Scientific name,Common name,Confidence,File\n"


def test_tables_of_birdnet(tmp_path: Path) -> None:
    rows = "".join(f"{n}.0,{n + 3}.0,Turdus merula,Blackbird,0.9,/media/card/dawn.wav\n" for n in (0, 3))
    data = make(tmp_path / "d", {"dawn.wav": "x", "dawn.BirdNET.results.csv": BIRDNET + rows})
    table = open_sounds(data)
    assert pairs(table) == [
        ("dawn.wav [0.00 s to 3.00 s]", "Blackbird"),
        ("dawn.wav [3.00 s to 6.00 s]", "Blackbird"),
    ]
    assert table[0].metadata["scientific name"] == "Turdus merula"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("Selection\tBegin Time (s)\tEnd Time (s)\n1\t0\t1\n", "no column of labels. Allowed: Annotation, "),
        ("Selection\tAnnotation\n1\tsong\n", "no headings of a begin and an end time"),
    ],
)
def test_selection_tables_that_lack_a_column_are_refused(table: str, words: str) -> None:
    with pytest.raises(DataError, match=rf"a\.txt: {words}"):
        parse_selections(table, "a.txt")


def test_times_of_selections_may_be_in_milliseconds() -> None:
    (label,) = parse_selections("start_ms;end_ms;label\n1500;2250;horn\n", "a.csv").labels
    assert (label.start_s, label.end_s, label.label) == (1.5, 2.25, "horn")


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER/><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1750"/>
<TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="2000"/><TIME_SLOT TIME_SLOT_ID="ts4"/></TIME_ORDER>
<TIER TIER_ID="A" PARTICIPANT="ann" LINGUISTIC_TYPE_REF="text">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>good  morning</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
<ANNOTATION_VALUE>when?</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="B" PARTICIPANT="ben" LINGUISTIC_TYPE_REF="text">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="b1" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>yes &amp; no</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="french" PARENT_REF="A" LINGUISTIC_TYPE_REF="translation">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="f1" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>bonjour</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="letters" PARENT_REF="A" LINGUISTIC_TYPE_REF="parts">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="p1" ANNOTATION_REF="a1"><ANNOTATION_VALUE>g</ANNOTATION_VALUE>
</REF_ANNOTATION></ANNOTATION><ANNOTATION>
<REF_ANNOTATION ANNOTATION_ID="p2" ANNOTATION_REF="a1" PREVIOUS_ANNOTATION="p1">
<ANNOTATION_VALUE>o</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""


def test_annotations_of_elan(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"a.mp4": "x", "a.eaf": EAF})
    table = open_sounds(data)
    assert [(*pair, row.metadata["speaker"]) for pair, row in zip(pairs(table), table, strict=True)] == [
        ("a.mp4 [0.50 s to 1.75 s]", "good morning", "ann"),
        ("a.mp4 [1.75 s to 2.00 s]", "yes & no", "ben"),
    ]
    hint = "write both in seconds, such as 12.5"
    assert table.problems == (RowProblem("a.eaf annotation a2", "the times of 'when?' are not numbers", hint),)
    assert "a.eaf: the tier 'letters' subdivides annotations without times, and is not read" in table.notes
    assert pairs(open_sounds(data, answer="text:french")) == [("a.mp4 [0.50 s to 1.75 s]", "bonjour")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<a>", "not XML"),
        ("<html></html>", "not an ELAN file but <html>"),
        ('<!DOCTYPE a [<!ENTITY b "bb">]><ANNOTATION_DOCUMENT/>', "it declares a document type"),
    ],
)
def test_wrong_elan_files_are_reported(tmp_path: Path, content: str, words: str) -> None:
    data = make(tmp_path / "d", {"a.wav": "x", "a.eaf": content, "b.wav": "x", "b.eaf": EAF})
    (problem, *_) = open_sounds(data).problems
    assert problem.where == "a.eaf" and words in problem.what


def test_cyclic_references_have_no_times(tmp_path: Path) -> None:
    circle = EAF.replace('"f1" ANNOTATION_REF="a1"', '"f1" ANNOTATION_REF="f1"')
    table = open_sounds(make(tmp_path / "d", {"a.wav": "x", "a.eaf": circle}))
    assert [problem.where for problem in table.problems] == ["a.eaf annotation a2", "a.eaf annotation f1"]


# Which files are meant


def test_the_first_format_takes_precedence(tmp_path: Path) -> None:
    files = {"a.wav": "x", "a.TextGrid": long_grid(WORDS), "a.txt": HORNS, "b.wav": "x", "b.txt": HORNS, "c.wav": "x"}
    table = open_sounds(make(tmp_path / "d", files))
    assert table.answers() == ["one", "two", "one", "two", "horn", "siren", "horn", "siren"]
    assert "not used, because another label format takes precedence: a.txt" in table.notes
    assert RowProblem("c.wav", "no labels beside it", "put its label file beside it") in table.problems


def test_parts_are_kept(tmp_path: Path) -> None:
    files = {f"{part}/{part}.{ending}": HORNS for part in ("train", "test") for ending in ("wav", "txt")}
    table = open_sounds(make(tmp_path / "d", files))
    assert {(row.key.partition(" ")[0], row.part) for row in table} == {
        ("test/test.wav", "test"),
        ("train/train.wav", "train"),
    }


@pytest.mark.parametrize(
    ("files", "answers"),
    [
        ({"cat/1.wav": "x", "cat/2.wav": "x", "dog/3.wav": "x", "cat/1.txt": HORNS}, ["cat", "cat", "dog"]),
        ({"a.wav": "x", "a.txt": "good morning", "b.wav": "x", "b.txt": "1 2 buckle my shoe"}, None),
        ({"metadata.csv": "file_name,label\na.wav,x\n", "a.wav": "x", "a.txt": HORNS}, ["x"]),
        ({"t.csv": "file,start,end,label\na.wav,0,1,x\na.wav,1,2,x\n", "a.wav": "x"}, ["x", "x"]),
    ],
)
def test_other_layouts_stay_what_they_are(tmp_path: Path, files: dict[str, str], answers: list[str] | None) -> None:
    assert open_sounds(make(tmp_path / "d", files)).answers() == (answers or ["good morning", "1 2 buckle my shoe"])


@pytest.mark.parametrize("read", [parse_audacity, parse_selections, parse_text_grid])
@settings(max_examples=100)
@given(text=st.text('Begin Time(s)End\tAnnotation"ooTextGrid<exists>0123456789.,-e\n\\', max_size=120))
def test_any_text_is_labels_problems_or_refused(read: Callable[[str, str], TimedLabels], text: str) -> None:
    try:
        found = read(text, "a.txt")
    except DataError as error:
        assert error.where == "a.txt"
        return
    assert all(0 <= label.start_s < label.end_s and label.label for label in found.labels)


# Corpora


def test_urbansound8k(tmp_path: Path) -> None:
    head = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    rows = "100-3-0-0.wav,100,7.5,11.5,1,1,3,dog_bark\n100-3-0-1.wav,100,12,16,1,1,3,dog_bark\n"
    rows += "200-2-0-0.wav,200,0,1,2,10,2,street_music\n"
    files = {
        "metadata/UrbanSound8K.csv": head + rows,
        "audio/fold1/100-3-0-0.wav": "x",
        "audio/fold10/200-2-0-0.wav": "x",
    }
    data = make(tmp_path / "UrbanSound8K", files)
    for place in data, data / "metadata/UrbanSound8K.csv":
        table = open_sounds(place)
        assert [(row.inputs, row.answer, row.metadata) for row in table] == [
            ({"audio": data / "audio/fold1/100-3-0-0.wav"}, "dog_bark", {"recording": "100", "fold": "1"}),
            ({"audio": data / "audio/fold10/200-2-0-0.wav"}, "street_music", {"recording": "200", "fold": "10"}),
        ]
        assert [problem.what for problem in table.problems] == ["no file 'audio/fold1/100-3-0-1.wav'"]
        assert "splits keep rows with the same 'recording' together" in table.notes


def test_esc_50(tmp_path: Path) -> None:
    head = "filename,fold,target,category,esc10,src_file,take\n"
    rows = "1-100032-A-0.wav,1,0,dog,True,100032,A\n1-100038-A-14.wav,1,14,chirping_birds,False,100038,A\n"
    files = {"meta/esc50.csv": head + rows, "audio/1-100032-A-0.wav": "x", "audio/1-100038-A-14.wav": "x"}
    table = open_sounds(make(tmp_path / "ESC-50-master", files))
    assert [(row.key, row.answer, row.metadata["recording"]) for row in table] == [
        ("audio/1-100032-A-0.wav", "dog", "100032"),
        ("audio/1-100038-A-14.wav", "chirping_birds", "100038"),
    ]
