"""Layouts and roles: what people have on disk becomes the rows they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seehear.errors import DataError, UsageError
from seehear.table import Row, RowProblem
from table_kinds import KINDS, make, open_data, path_of

PICTURES = ["a/1.png", "a/2.JPG", "b/3.webp", "b/deep/4.dcm"]


def test_class_folders(tmp_path: Path) -> None:
    table = open_data(make(tmp_path / "d", PICTURES))
    assert (len(table), table.senses, table.kind, table.answer_column) == (4, ("image",), "label", "label")
    assert table.answers() == ["a", "a", "b", "b"]
    assert table[3] == Row("b/deep/4.dcm", {"image": tmp_path / "d/b/deep/4.dcm"}, "b", {}, "")
    assert list(table) == [table[i] for i in range(4)]
    assert table[-1] == table[3]
    assert table.notes == ("4 pictures in class folders", "answer column: 'label' (2 classes)")
    with pytest.raises(IndexError):
        table[4]


@pytest.mark.parametrize(("train", "val"), [("train", "val"), ("Training", "validation"), ("train", "dev")])
def test_parts_of_class_folders(tmp_path: Path, train: str, val: str) -> None:
    files = [f"{part}/{name}" for part in (train, val, "test") for name in PICTURES]
    table = open_data(make(tmp_path / "d", [*files, "notes/x.png"]))
    assert table.parts == ("train", "val", "test")
    assert table.part("val").answers() == ["a", "a", "b", "b"]
    assert {row.part for row in table.part("val")} == {"val"}
    assert "not read, because they are not parts: notes" in table.notes
    with pytest.raises(DataError, match=r"no part 'dev'.*Allowed: train, val, test"):
        table.part("dev")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    files = ["bus/1.png", "car/2.png", "train/3.png"]
    table = open_data(make(tmp_path / "d", files))
    assert (table.answers(), table.parts) == (["bus", "car", "train"], ())
    table = open_data(make(tmp_path / "d", ["train/bus/1.png"]))
    assert (table.answers()[0], table.parts) == ("bus", ("train",)), "classes lie in it: it is a part"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.csv", ""),
        ("log.csv", "image,label\n"),
        ("log.csv", b"PK\x03\x04"),
        ("log.parquet", "no parquet"),
        ("cfg.yaml", "a: [\n"),
        ("cfg.yaml", b"\xff"),
        ("info.json", '{"images": ["a"]}'),
    ],
)
def test_a_stray_file_beside_classes_is_ignored(tmp_path: Path, name: str, content: str | bytes) -> None:
    table = open_data(make(make(tmp_path / "d", {name: content}), PICTURES))
    assert table.answers() == ["a", "a", "b", "b"]
    assert f"not read: {name}" in table.notes
    with pytest.raises(DataError, match=name):
        open_data(tmp_path / "d" / name)


@pytest.mark.parametrize("name", ["metadata.csv", "examples.csv", "train.csv", "data.yaml"])
def test_an_unreadable_metadata_file_is_refused(tmp_path: Path, name: str) -> None:
    data = make(make(tmp_path / "d", {name: "a: [\n"}), PICTURES)
    with pytest.raises(DataError, match=name):
        open_data(data)


def test_an_unreadable_table_does_not_hide_another(tmp_path: Path) -> None:
    data = make(make(tmp_path / "d", {"t.csv": "image,label\na/1.png,x\n", "log.csv": ""}), PICTURES)
    table = open_data(data)
    assert table.answers() == ["x"]
    assert "log.csv cannot be read (the table is empty) and is not used" in table.notes


def test_files_of_one_stem_are_one_example(tmp_path: Path) -> None:
    table = open_data(make(tmp_path / "d", ["a/1.png", "a/1.wav", "a/2.png", "b/1.jpg", "b/1.png", "b/3.mp4"]))
    assert [sorted(row.inputs) for row in table] == [
        ["audio", "image"],
        ["image"],
        ["image"],
        ["image"],
        ["audio", "image"],
    ]
    assert path_of(table[0], "audio").name == "1.wav"
    assert "1 pair with one name among them" in table.notes[0]


def test_videos_are_seen_and_heard(tmp_path: Path) -> None:
    data = make(tmp_path / "d", ["a/1.mp4", "a/2.webm", "b/3.mkv"])
    assert open_data(data)[0].inputs == {"image": data / "a/1.mp4", "audio": data / "a/1.mp4"}
    assert open_data(data).notes[0] == "3 videos with their sound in class folders"
    assert open_data(data, senses=["audio"]).senses == ("audio",)


def test_other_files_are_problems_or_notes(tmp_path: Path) -> None:
    data = make(
        tmp_path / "d", [*PICTURES, "a/notes.txt", "loose.png", "README.md", ".hidden", "a/.DS_Store", "a/Thumbs.db"]
    )
    (data / "b" / "gone.png").symlink_to(data / "nothing")
    (data / "b" / "round").symlink_to(data)
    table = open_data(data)
    assert len(table) == 4
    assert set(table.problems) == {
        RowProblem("a/notes.txt", "its extension is neither a picture's nor a recording's"),
        RowProblem("loose.png", "it is in no class folder"),
        RowProblem("b/gone.png", "no file 'b/gone.png'"),
    }
    assert "not read: README.md" in table.notes
    assert table.problems[0].to_json() == {
        "where": "a/notes.txt",
        "what": "its extension is neither a picture's nor a recording's",
    }


def test_folders_named_after_their_content_are_no_classes(tmp_path: Path) -> None:
    data = make(tmp_path / "d", ["train/images/1.png", "train/data/2.png"])
    table = open_data(data)
    assert table.kind is None
    without = r"d: there are no answers\. Next: make a folder for each class, or a table"
    with pytest.raises(DataError, match=without):
        table.answers()
    with pytest.raises(DataError, match=without):
        open_data(data, answer="label")


TABLE = "image,label,patient\nimg/1.png,yes,p1\nimg/2.png,no,p2\n"


def _in_format(path: Path) -> None:
    rows = [dict(zip(TABLE.split()[0].split(","), line.split(","), strict=True)) for line in TABLE.split()[1:]]
    match path.suffix:
        case ".csv":
            path.write_text(TABLE)
        case ".tsv":
            path.write_text(TABLE.replace(",", "\t"))
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("point_at", ["file", "folder"])
def test_tables(tmp_path: Path, suffix: str, point_at: str) -> None:
    data = make(tmp_path / "d", ["img/1.png", "img/2.png"])
    _in_format(data / f"examples{suffix}")
    table = open_data(data if point_at == "folder" else data / f"examples{suffix}")
    assert list(table) == [
        Row("img/1.png", {"image": data / "img/1.png"}, "yes", {"patient": "p1"}, ""),
        Row("img/2.png", {"image": data / "img/2.png"}, "no", {"patient": "p2"}, ""),
    ]
    assert "column 'image' holds 2 pictures" in table.notes
    assert "splits keep rows with the same 'patient' together" in table.notes
    assert table.metadata_column("patient") == ["p1", "p2"]
    with pytest.raises(UsageError, match="no metadata column 'age'"):
        table.metadata_column("age")


def test_a_metadata_file_takes_precedence_over_class_folders(tmp_path: Path) -> None:
    data = make(tmp_path / "d", ["a/1.png", "b/2.png"])
    make(data, {"metadata.csv": "file_name,label\na/1.png,x\nb/2.png,y\n", "other.csv": "size,colour\n1,red\n"})
    table = open_data(data)
    assert table.answers() == ["x", "y"]
    assert "reading metadata.csv" in table.notes
    assert "the names of the folders beside it are not used as labels" in table.notes
    assert "other.csv names no pictures or recordings and is not used" in table.notes


def test_metadata_in_each_part(tmp_path: Path) -> None:
    data = make(tmp_path / "d", ["train/1.wav", "test/sub/2.wav"])
    make(
        data,
        {
            "train/metadata.jsonl": '{"file_name": "1.wav", "label": "x"}',
            "test/metadata.csv": "file_name,label\nsub/2.wav,y",
        },
    )
    table = open_data(data)
    assert [(row.part, row.answer, row.inputs["audio"]) for row in table] == [
        ("test", "y", data / "test/sub/2.wav"),
        ("train", "x", data / "train/1.wav"),
    ]


def test_tables_as_parts(tmp_path: Path) -> None:
    data = make(tmp_path / "d", ["1.png", "2.png"])
    make(data, {"train.csv": "image,label\n1.png,x\n", "val.csv": "image,label,site\n2.png,y,north\n"})
    table = open_data(data)
    assert [(row.key, row.part, row.metadata) for row in table] == [
        ("1.png", "train", {"site": ""}),
        ("2.png", "val", {"site": "north"}),
    ]
    make(data, {"extra.csv": "image,label\n1.png,x\n"})
    with pytest.raises(DataError, match=r"holds 3 tables: extra.csv, train.csv, val.csv\. Next: point at one of them"):
        open_data(data)


def test_part_column(tmp_path: Path) -> None:
    rows = "image,label,split\n1.png,x,Training\n2.png,y,\n3.png,x,dev\n"
    table = open_data(make(tmp_path / "d", {"t.csv": rows, "1.png": "x", "2.png": "x", "3.png": "x"}))
    assert [row.part for row in table] == ["train", "train", "val"]
    assert "split" not in table.metadata
    assert "parts: train 2, val 1" in table.notes
    table = open_data(make(tmp_path / "d", {"t.csv": rows.replace("Training", "fold 1").replace("dev", "fold 3")}))
    assert (table.parts, table.metadata) == ((), ("split",))


def test_an_unknown_part_is_reported(tmp_path: Path) -> None:
    parts = ("train", "train", "tets", "test", "val")
    rows = "".join(f"{i}.png,x,{part}\n" for i, part in enumerate(parts))
    data = make(tmp_path / "d", {"t.csv": f"image,label,split\n{rows}"} | {f"{i}.png": "x" for i in range(5)})
    table = open_data(data)
    assert [row.part for row in table] == ["train", "train", "test", "val"]
    assert table.problems == (RowProblem("t.csv row 4", "'tets'is not a part", "write train, val or test"),)


@pytest.mark.parametrize(
    ("heading", "file", "senses"),
    [
        ("image", "a.png", ["image"]),
        ("Picture", "a.png", ["image"]),
        ("image_path", "a.png", ["image"]),
        ("wav", "a.wav", ["audio"]),
        ("audio_filepath", "a.opus", ["audio"]),
        ("Sound File", "a.mp3", ["audio"]),
        ("video", "a.mp4", ["audio", "image"]),
        ("audio", "a.mp4", ["audio"]),
        ("image", "scan0001", ["image"]),
        ("path", "a.png", ["image"]),
        ("file", "a.wav", ["audio"]),
        ("filename", "a.webm", ["audio", "image"]),
        ("whatever", "a.flac", ["audio"]),
    ],
)
def test_headings_of_senses(tmp_path: Path, heading: str, file: str, senses: list[str]) -> None:
    data = make(tmp_path / "d", {"t.csv": f"{heading},label\n{file},x\n", file: "x"})
    assert sorted(open_data(data / "t.csv")[0].inputs) == senses


def test_paired_columns_and_rows_with_one_sense(tmp_path: Path) -> None:
    rows = "image,audio,label\n1.png,1.wav,x\n2.png,,y\n,2.wav,x\n,,y\n"
    table = open_data(make(tmp_path / "d", {"t.csv": rows} | dict.fromkeys(["1.png", "2.png", "1.wav", "2.wav"], "x")))
    assert table.senses == ("image", "audio")
    assert [list(row.inputs) for row in table] == [["image", "audio"], ["image"], ["audio"]]
    assert table.problems == (RowProblem("t.csv row 5", "it names no picture, recording or video"),)
    one = open_data(tmp_path / "d", senses=["image"])
    assert [row.key for row in one] == ["1.png", "2.png"]


def test_mixed_column(tmp_path: Path) -> None:
    rows = "file,label\n1.png,x\n1.wav,y\n1.mp4,x\n1.txt,y\n"
    table = open_data(make(tmp_path / "d", {"t.csv": rows} | dict.fromkeys(["1.png", "1.wav", "1.mp4", "1.txt"], "x")))
    assert [list(row.inputs) for row in table] == [["image"], ["audio"], ["image", "audio"]]
    assert [problem.where for problem in table.problems] == ["t.csv row 5"]


def test_unusable_rows_are_reported(tmp_path: Path) -> None:
    rows = "image,label\n1.png,x\ngone.png,x\n\n1.png,\nhttps://a.b/c.png,x\n1.wav,x\n1.png,y,z\n1.png,y\n"
    table = open_data(make(tmp_path / "d", {"t.csv": rows, "1.png": "x", "1.wav": "x"}))
    assert [(row.key, row.answer) for row in table] == [("1.png", "x"), ("1.png#2", "y")]
    assert table.problems == (
        RowProblem("t.csv row 8", "3 cells under 2 headings"),
        RowProblem("t.csv row 3", "no file 'gone.png'"),
        RowProblem("t.csv row 5", "no answer"),
        RowProblem("t.csv row 6", "'https://a.b/c.png' is a URL", "download it first"),
        RowProblem("t.csv row 7", "'1.wav' has an extension that image does not read"),
    )


def test_nothing_usable_says_why(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": "image,label\nx/1.png,x\nx/2.png,y\n"})
    with pytest.raises(DataError, match=r"none of 2 examples can be used: t\.csv row 2: no file 'x/1\.png'"):
        open_data(data)


def test_backslashes_and_absolute_paths(tmp_path: Path) -> None:
    data = make(tmp_path / "d", ["img/1.png"])
    far = make(tmp_path / "far", ["2.png"]) / "2.png"
    make(data, {"train/metadata.csv": f"file_name,label\n..\\img\\1.png,x\n{far},y\n"})
    assert [path_of(row, "image").resolve() for row in open_data(data)] == [data / "img/1.png", far]


@pytest.mark.parametrize(
    ("answer", "kind", "column"),
    [
        (None, "label", "label"),
        ("label", "label", "label"),
        ("score", "score", "rating"),
        ("rating", "score", "rating"),
        ("score:age", "score", "age"),
        ("SEX", "label", "sex"),
        ("age", "score", "age"),
        ("label:age", "label", "age"),
    ],
)
def test_choosing_the_answer(tmp_path: Path, answer: str | None, kind: str, column: str) -> None:
    rows = "".join(f"1.png,{i % 2},{20 + i},{'mf'[i % 2]},{i}.5\n" for i in range(8))
    data = make(tmp_path / "d", {"t.csv": "image,label,age,sex,rating\n" + rows, "1.png": "x"})
    table = open_data(data, answer=answer)
    assert (table.kind, table.answer_column) == (kind, column)
    assert set(table.metadata) == {"label", "age", "sex", "rating"} - {column}
    assert ("'rating' could be the answer too: choose with --answer" in table.notes) == (answer is None)


def test_an_answer_is_inferred_from_its_cells(tmp_path: Path) -> None:
    rows = "".join(f"1.png,{'ab'[i % 2]},p{i},m\n" for i in range(8))
    data = make(tmp_path / "d", {"t.csv": "image,mood,patient_id,sex\n" + rows, "1.png": "x"})
    table = open_data(data)
    assert (table.kind, table.answer_column, table.metadata) == ("label", "mood", ("patient_id", "sex"))
    assert "answer column: 'mood' as label (2 classes)" in table.notes


@pytest.mark.parametrize(
    ("headings", "arguments", "error", "words"),
    [
        ("image,remark", {}, DataError, r"which column is the answer\? Perhaps 'remark'\. Next: .*--answer 'remark'"),
        (
            "image,label",
            {"answer": "mood"},
            UsageError,
            r"no column for the answer 'mood'\. Allowed: a column \('label'\)",
        ),
        (
            "image,note",
            {"answer": "note"},
            DataError,
            r"'note' fits no kind of answer\. Next: .*--answer label:note",
        ),
        ("image,label", {"senses": ["audio"]}, DataError, "no column for the sense 'audio' among 'image', 'label'"),
        ("image,label", {"senses": ["smell"]}, UsageError, "no sense 'smell'. Allowed: image, audio"),
        ("image,label", {"senses": []}, UsageError, "no sense is named. Allowed: image, audio"),
        ("thing,label", {}, DataError, "no column names pictures or recordings: 'thing', 'label'"),
    ],
)
def test_roles_that_cannot_be_inferred(
    tmp_path: Path, headings: str, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    cells = "1.png" if "image" in headings else "1"
    data = make(tmp_path / "d", {"t.csv": f"{headings}\n{cells},one\n{cells},two\n", "1.png": "x"})
    with pytest.raises(error, match=words) as caught:
        open_data(data / "t.csv", **arguments)
    assert str(data / "t.csv") in str(caught.value)


def test_tables_without_answers(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.csv": "image,patient,note\n1.png,p,hm\n", "1.png": "x"})
    table = open_data(data, kinds=())
    assert (table.kind, table[0].answer, table.metadata) == (None, None, ("patient", "note"))
    data = make(tmp_path / "e", {"t.csv": "image,patient\n1.png,p\n", "1.png": "x"})
    assert open_data(data).kind is None


def test_take_and_encode_column(tmp_path: Path) -> None:
    table = open_data(make(tmp_path / "d", PICTURES))
    assert [row.key for row in table.take([2, 0])] == ["b/3.webp", "a/1.png"]
    assert len(table.take(np.array([], dtype=np.int64))) == 0
    codes, values = table.take([2, 0, 3]).encode_column()
    assert [values[code] for code in codes] == ["b", "a", "b"]


@pytest.mark.parametrize("name", ["nothing.csv", "d"])
def test_nothing_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match=r"no such file or folder|this is no layout that seehear reads"):
        open_data(tmp_path / name)


def test_the_test_kinds_match_the_protocol_of_answers() -> None:
    from seehear.answers import ANSWERS

    for kind in KINDS:
        assert set(kind.columns) <= set(ANSWERS[kind.name].columns)
