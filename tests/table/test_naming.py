"""File names, headings and shell input as people write them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_box_layouts import boxes, open_boxes, pictures

from seehear.cli.predict import _sources
from seehear.errors import DataError, UsageError
from seehear.inputs import gather
from seehear.senses import SENSES
from table_kinds import make, open_data

DICOM = b"\0" * 128 + b"DICM"
ENDINGS = ("sph", "w64", "snd", "mp2", "m4b", "3ga", "mpga", "spx")


@pytest.mark.parametrize("ending", ENDINGS)
def test_extensions_of_recordings(tmp_path: Path, ending: str) -> None:
    names = [f"{label}/{i}.{ending}" for label in ("a", "b") for i in (1, 2)]
    data = make(tmp_path / "d", names)
    table = open_data(data)
    assert (table.senses, table.answers()) == (("audio",), ["a", "a", "b", "b"])
    assert [path.name for path in gather([data], ["audio"])] == [f"{i}.{ending}" for i in (1, 2, 1, 2)]  # type: ignore[union-attr]
    rows = "file,label\n" + "".join(f"{name},{name[0]}\n" for name in names)
    assert open_data(make(data, {"metadata.csv": rows})).senses == ("audio",)


@pytest.mark.parametrize(("ending", "form"), [("w64", "W64"), ("sph", "NIST"), ("snd", "AU")])
def test_recordings_with_these_extensions_are_decoded(tmp_path: Path, ending: str, form: str) -> None:
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, 0.1 * np.sin(np.arange(16_000) / 9), 16_000, format=form, subtype="PCM_16")
    assert len(SENSES["audio"].read(path)) == 16_000


def test_dicom_without_an_extension_is_a_picture(tmp_path: Path) -> None:
    files = {"ill/IM0001": DICOM, "ill/1.2.840.7": DICOM, "well/IM0001": DICOM, "well/1.2.840.8": DICOM}
    data = make(tmp_path / "d", files | {"well/README": b"x", "well/a.dat": DICOM})
    table = open_data(data)
    assert table.answers() == ["ill", "ill", "well", "well"]
    assert {problem.where for problem in table.problems} == {"well/README", "well/a.dat"}
    assert {path.name for path in gather([data], ["image"])} == {"IM0001", "1.2.840.7", "1.2.840.8"}  # type: ignore[union-attr]
    rows = "image,label\n" + "".join(f"{name},{name.partition('/')[0]}\n" for name in files)
    assert open_data(make(data, {"metadata.csv": rows})).answers() == ["ill", "ill", "well", "well"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [";", ",", "|", "\t"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_separator_that_excel_declares(tmp_path: Path, ending: str, separator: str, quote: str) -> None:
    lines = [f"sep={separator}", separator.join(("image", "label")), f"1.png{separator}{quote}x{quote}", "", "1.png"]
    data = make(tmp_path / "d", {"t.csv": ending.join(lines) + ending, "1.png": "x"})
    table = open_data(data)
    assert table.answers() == ["x"]
    assert table.problems[0].where == "t.csv row 5"


def test_windows_1252(tmp_path: Path) -> None:
    rows = "image,label\n1.png,5 € or “more”\n2.png,it’s\n".encode("cp1252")
    assert open_data(make(tmp_path / "d", {"t.csv": rows, "1.png": "x", "2.png": "x"})).answers() == [
        "5 € or “more”",
        "it’s",
    ]


@pytest.mark.parametrize(
    "headings",
    ["x_center,y_center,width,height", "X_Center,Y_Center,W,H", "cx,cy,w,h", "center_x,center_y,width,height"],
)
@pytest.mark.parametrize("numbers", [".5,.5,.5,.5", "20,15,20,15"])
def test_centres_and_sides_of_boxes(tmp_path: Path, headings: str, numbers: str) -> None:
    data = make(tmp_path / "d", {"t.csv": f"image,label,{headings}\na.jpg,cat,{numbers}\n"})
    assert boxes(open_boxes(pictures(data, "a.jpg"))) == {"a.jpg": [("cat", 10, 7.5, 30, 22.5)]}


@pytest.mark.parametrize("heading", ["animal", "Plant", "place", "speaker"])
def test_the_only_column_beside_files_is_the_answer(tmp_path: Path, heading: str) -> None:
    rows = "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(8))
    files = {f"{i}.png": "x" for i in range(8)}
    table = open_data(make(tmp_path / "d", files | {"t.csv": f"image,{heading}\n{rows}"}))
    assert (table.kind, table.answer_column, table.metadata) == ("label", heading, ())
    more = "".join(f"{i}.png,{'ab'[i % 2]},{'xy'[i // 4]}\n" for i in range(8))
    table = open_data(make(tmp_path / "d", {"t.csv": f"image,{heading},label\n{more}"}))
    assert (table.answer_column, table.metadata) == ("label", (heading,))
    assert open_data(make(tmp_path / "d", {"t.csv": f"image,{heading}_id\n{rows}"})).kind is None


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(UsageError, match=r"an empty name\. Allowed: .* a table\. Next: is a shell variable"):
        list(gather([""], ["image"]))


def test_a_byte_order_mark_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("\ufeffa.png\r\n\r\nb.png\n"))
    assert list(_sources(["-", "c.png"])) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("name", ["sample_submission.csv", "Submission.csv", "sampleSubmission.csv"])
def test_an_example_submission_hides_no_class_folders(tmp_path: Path, name: str) -> None:
    files = ["cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png"]
    data = make(make(tmp_path / "d", files), {name: "image,label\ncat/1.png,0\ndog/3.png,0\n"})
    assert open_data(data).answers() == ["cat", "cat", "dog", "dog"]
    assert open_data(data / name).answers() == ["0", "0"]
    make(data, {"train.csv": "image,label\ncat/1.png,x\ndog/3.png,y\n"})
    assert open_data(data).answers() == ["x", "y"]


def test_classes_are_counted_once(tmp_path: Path) -> None:
    """A folder without usable files is no class."""
    data = make(tmp_path / "d", ["a/1.png", "b/2.png", "c/notes.txt"])
    (data / "c/gone.png").symlink_to(data / "nothing")
    assert [notes for notes in open_data(data).notes if "class" in notes] == [
        "3 pictures in class folders",
        "answer column: 'label' (2 classes)",
    ]


@pytest.mark.parametrize("cell", [str, "p{}".format])
def test_a_group_alone_with_its_ids_is_no_answer(tmp_path: Path, cell: Callable[[int], str]) -> None:
    rows = "".join(f"{i}.png,{cell(i % 4)}\n" for i in range(8))
    data = make(tmp_path / "d", {f"{i}.png": "x" for i in range(8)} | {"t.csv": f"image,patient\n{rows}"})
    table = open_data(data)
    assert table.kind is None
    with pytest.raises(DataError, match="there are no answers"):
        table.answers()
