"""`predict` takes every table that `train` takes, with its answers and without."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from seehear.answers import ANSWERS
from seehear.errors import InputError, UsageError
from seehear.inputs import gather
from seehear.media import TableExample
from seehear.senses import SENSES
from seehear.table import open_table
from table_kinds import make

ROWS = [{"image": f"p/{i}.png", "label": ("cat", "dog")[i % 2], "site": "north"} for i in range(4)]


def _csv(
    delimiter: str = ",", heading: str = "image", encoding: str = "utf-8", above: str = ""
) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with (folder / "t.csv").open("w", newline="", encoding=encoding) as file:
            file.write(above)
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow([heading, "label", "site"])
            writer.writerows([row["image"], row["label"], "Köln"] for row in ROWS)
        return folder / "t.csv"

    return write


def _without_answers(folder: Path) -> Path:
    (folder / "t.csv").write_text("file_name;site\n" + "".join(f"{row['image']};north\n" for row in ROWS))
    return folder / "t.csv"


def _parquet(folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "t.parquet")
    return folder / "t.parquet"


def _json_lines(folder: Path) -> Path:
    lines = [json.dumps({"file_name": row["image"], "label": row["label"]}) for row in ROWS]
    (folder / "t.jsonl").write_text("\n".join(lines))
    return folder / "t.jsonl"


def _json_array(folder: Path) -> Path:
    (folder / "t.json").write_text(json.dumps(ROWS))
    return folder / "t.json"


def _boxes(folder: Path) -> Path:
    """Two rows of one picture are one input."""
    rows = "".join(f"{row['image']},cat,1,1,4,4\n{row['image']},dog,2,2,5,5\n" for row in ROWS)
    (folder / "t.csv").write_text("file_name,label,x1,y1,x2,y2\n" + rows)
    return folder / "t.csv"


def _coco(folder: Path) -> Path:
    told = {
        "images": [{"id": i, "file_name": row["image"], "width": 8, "height": 8} for i, row in enumerate(ROWS)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 4, 4]} for i in range(4)],
    }
    (folder / "coco.json").write_text(json.dumps(told))
    return folder / "coco.json"


def _yolo(folder: Path) -> Path:
    (folder / "data.yaml").write_text("train: p\nnames: [cat]\n")
    make(folder, {f"p/{i}.txt": "0 .5 .5 .2 .2\n" for i in range(4)})
    return folder / "data.yaml"


def _ids(folder: Path) -> Path:
    (folder / "t.csv").write_text("id,label\n" + "".join(f"{i},{row['label']}\n" for i, row in enumerate(ROWS)))
    return folder / "t.csv"


def _classes(folder: Path) -> Path:
    rows = "".join(f"{row['image']},{i % 2},{1 - i % 2}\n" for i, row in enumerate(ROWS))
    (folder / "t.csv").write_text("filename,cat,dog\n" + rows)
    return folder / "t.csv"


def _manifest(folder: Path) -> Path:
    lines = [
        json.dumps({"audio_filepath": f"s/{i}.wav", "text": "one two", "offset": 0.5, "duration": 1}) for i in (0, 1)
    ]
    (folder / "train_manifest.json").write_text("\n".join(lines))
    return folder / "train_manifest.json"


def _kaldi(folder: Path) -> Path:
    """The recordings are in another folder."""
    files = {"k/wav.scp": f"r1 {folder}/s/0.wav\n", "k/segments": "a r1 0 1\nb r1 1 2\n", "k/text": "a one\nb two\n"}
    return make(folder, files) / "k"


PICTURES: dict[str, Callable[[Path], Path]] = {
    "csv": _csv(),
    "csv, semicolons": _csv(";"),
    "csv, declared separator": _csv(";", above="sep=;\n"),
    "csv, cp1252": _csv(encoding="cp1252"),
    "csv, UTF-16": _csv(encoding="utf-16"),
    "csv, file_name": _csv(heading="file_name"),
    "csv, Image Path": _csv(heading="Image Path"),
    "csv, without answers": _without_answers,
    "jsonl, file_name": _json_lines,
    "json": _json_array,
    "parquet": _parquet,
    "a row a box": _boxes,
    "COCO": _coco,
    "YOLO": _yolo,
    "ids": _ids,
    "a column a class": _classes,
}
RECORDINGS: dict[str, Callable[[Path], Path]] = {"NeMo": _manifest, "Kaldi": _kaldi}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    data = make(tmp_path / "d", [f"s/{i}.wav" for i in range(2)])
    (data / "p").mkdir()
    for i in range(4):
        Image.new("L", (8, 8)).save(data / f"p/{i}.png")
    yield data


@pytest.mark.parametrize(("name", "sense"), [*((n, "image") for n in PICTURES), *((n, "audio") for n in RECORDINGS)])
def test_tables_for_training_work_for_prediction(folder: Path, name: str, sense: str) -> None:
    place = (PICTURES | RECORDINGS)[name](folder)
    kinds = () if "without" in name else tuple(ANSWERS.values())
    table = open_table(place, senses_known=tuple(SENSES.values()), kinds=kinds, workspace=folder)
    expected = [{sense: row.inputs[sense]} for row in table]
    assert len(expected) == (4 if sense == "image" else 2)
    assert list(gather([place], [sense])) == expected


def test_rows_without_a_file_are_inputs_that_fail(folder: Path) -> None:
    (folder / "t.csv").write_text("file_name;label\np/0.png;cat\np/gone.png;dog\n;dog\n")
    first, *failed = gather([folder / "t.csv"], ["image"])
    assert first == {"image": folder / "p/0.png"}
    assert [
        (each.error.what, each.error.where) for each in failed if isinstance(each, TableExample) and each.error
    ] == [
        ("no file 'p/gone.png'", f"{folder / 't.csv'}, t.csv row 3"),
        ("it names no picture, recording or video", f"{folder / 't.csv'}, t.csv row 4"),
    ]


def test_notes_among_pictures_fail_alone(folder: Path) -> None:
    make(folder, {"notes.json": '{"a": 1}', "notes.xml": "<a/>", "notes.yaml": "a: 1"})
    for name in ("notes.json", "notes.xml", "notes.yaml"):
        first, second = gather([folder / name, folder / "p/0.png"], ["image"])
        assert isinstance(first, InputError) and second == folder / "p/0.png"


def test_a_missing_table_reader_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "seehear.table", None)
    words = r"t\.csv: reading this needs the training installation\. Allowed: a csv, tsv or jsonl with one of the"
    with pytest.raises(UsageError, match=words):
        list(gather([PICTURES["csv, semicolons"](folder)], ["image"]))
    assert len(list(gather([PICTURES["csv"](folder)], ["image"]))) == 4
