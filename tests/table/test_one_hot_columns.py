"""Tables with one-hot columns, ids of files, and flags for parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from learning import open_all_kinds
from seehear.answers import ANSWERS
from seehear.errors import DataError
from seehear.table import RowProblem
from table_kinds import make

PICTURES = {"a.jpg": b"x", "b.jpg": b"x", "c.jpg": b"x", "d.jpg": b"x"}


def folder(path: Path, table: str, files: dict[str, bytes] = PICTURES, name: str = "_classes.csv") -> Path:
    return make(make(path, files), {name: table})


# A column for each class


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("True", "False")])
def test_one_hot_columns_become_several_labels(tmp_path: Path, yes: str, no: str) -> None:
    rows = f"filename, cat, dog, old dog\na.jpg,{yes},{yes},{no}\nb.jpg,{no},{no},{no}\nc.jpg,{no},{no},{yes}\n"
    table = open_all_kinds(folder(tmp_path / "d", rows))
    assert (table.kind, table.answer_column, table.metadata) == ("label", "label", ())
    assert table.answers() == ['["cat", "dog"]', "[]", '["old dog"]']
    words = "one-hot columns for 3 classes: cat, dog, old dog; an example may have several classes or none"
    assert words in table.notes
    spec = ANSWERS["label"].plan([*table.answers(), *table.answers()], "label")
    assert (spec.classes, spec.several) == (("cat", "dog", "old dog"), True)


def test_one_hot_columns_become_one_label(tmp_path: Path) -> None:
    rows = "image,MEL,NV,sex\na.jpg,1.0,0.0,f\nb.jpg,0.0,1.0,m\nc.jpg,1.0,0.0,m\n"
    table = open_all_kinds(folder(tmp_path / "d", rows))
    assert (table.answers(), table.metadata) == (["MEL", "NV", "MEL"], ("sex",))
    assert "one-hot columns for 2 classes: MEL, NV; each example has one class" in table.notes


def test_a_row_with_other_values_is_reported(tmp_path: Path) -> None:
    table = open_all_kinds(folder(tmp_path / "d", "image,cat,dog\na.jpg,1,0\nb.jpg,,1\nc.jpg,,\n"))
    assert table.answers() == ["cat"]
    assert table.problems == tuple(
        RowProblem(f"_classes.csv row {row}", "a class column that is neither 0 nor 1") for row in (3, 4)
    )


@pytest.mark.parametrize(
    ("headings", "answer", "kind"),
    [
        ("image,label,smoker,diabetic", None, "label"),
        ("image,cat,dog,patient", "cat", "cat"),
        ("image,cat,dog,patient", "label:dog", "dog"),
    ],
)
def test_columns_of_0_and_1_that_are_not_classes_stay(
    tmp_path: Path, headings: str, answer: str | None, kind: str
) -> None:
    rows = "a.jpg,1,0,1\nb.jpg,0,1,0\nc.jpg,1,1,1\nd.jpg,0,0,0\n"
    table = open_all_kinds(folder(tmp_path / "d", f"{headings}\n{rows}"), answer)
    assert table.answer_column == kind
    assert len(table.metadata) == 2


def test_one_hot_columns_beside_another_possible_answer_must_be_chosen(tmp_path: Path) -> None:
    data = folder(
        tmp_path / "d", "image,colour,cat,dog\na.jpg,red,1,0\nb.jpg,red,0,1\nc.jpg,blue,0,1\nd.jpg,blue,0,1\n"
    )
    with pytest.raises(DataError, match="which column is the answer"):
        open_all_kinds(data)
    assert open_all_kinds(data, "label").answers() == ["cat", "dog", "dog", "dog"]
    assert open_all_kinds(data, "colour").metadata == ("cat", "dog")


def test_one_column_of_0_and_1_is_an_answer_by_itself(tmp_path: Path) -> None:
    table = open_all_kinds(folder(tmp_path / "d", "image,ill\na.jpg,1\nb.jpg,0\nc.jpg,1\nd.jpg,0\n"))
    assert (table.answer_column, table.answers()) == ("ill", ["1", "0", "1", "0"])


# Ids


@pytest.mark.parametrize("heading", ["id", "image", "image_id", "Image ID", "isic_id", "file", "name", "patient_id"])
def test_ids_find_their_files(tmp_path: Path, heading: str) -> None:
    rows = f"{heading},label\n0a,cat\n1b,dog\n2c,cat\n"
    data = folder(tmp_path / "d", rows, {"pictures/0a.png": b"x", "pictures/deep/1b.JPG": b"x"}, "labels.csv")
    table = open_all_kinds(data)
    assert [row.inputs["image"] for row in table] == [data / "pictures/0a.png", data / "pictures/deep/1b.JPG"]
    assert table.problems == (RowProblem("labels.csv row 4", "no file '2c'"),)
    words = f"labels.csv: column {heading!r} holds file names without extensions; '0a' is pictures/0a.png"
    assert words in table.notes
    assert table.metadata == (("patient_id",) if heading == "patient_id" else ())
    assert open_all_kinds(data / "labels.csv").answers() == table.answers()


def test_ids_that_are_seen_and_heard(tmp_path: Path) -> None:
    files = {"f/1.png": b"x", "s/1.wav": b"x", "s/2.wav": b"x"}
    table = open_all_kinds(folder(tmp_path / "d", "id,label\n1,cat\n2,dog\n", files, "t.csv"))
    assert [sorted(row.inputs) for row in table] == [["audio", "image"], ["audio"]]


@pytest.mark.parametrize("own", ["train", "train_images", "images/train"])
def test_ids_mean_files_of_the_same_part(tmp_path: Path, own: str) -> None:
    other = own.replace("train", "test")
    files = {f"{folder}/{i}.png": b"x" for folder in (own, other) for i in (1, 2)}
    data = folder(tmp_path / "d", "id,label\n1,cat\n2,dog\n", files, "train.csv")
    table = open_all_kinds(data)
    assert [row.inputs["image"] for row in table] == [data / f"{own}/{i}.png" for i in (1, 2)]
    assert table.parts == ("train",)


def test_an_id_of_several_files_is_refused(tmp_path: Path) -> None:
    data = folder(
        tmp_path / "d", "id,label\n1,cat\n2,dog\n", {"a/1.png": b"x", "b/1.jpg": b"x", "2.png": b"x"}, "t.csv"
    )
    with pytest.raises(DataError, match=r"'1' may be a/1\.png or b/1\.jpg.*Next: write the file names"):
        open_all_kinds(data)


def test_numbers_that_are_no_ids_do_not_make_a_table_of_examples(tmp_path: Path) -> None:
    files = {f"{label}/{i}.png": b"x" for label in ("cat", "dog") for i in (1, 2)}
    table = open_all_kinds(folder(tmp_path / "d", "epoch,loss\n1,0.5\n2,0.3\n", files, "log.csv"))
    assert table.answers() == ["cat", "cat", "dog", "dog"]


# Parts


@pytest.mark.parametrize(
    ("heading", "cells", "parts"),
    [
        ("is_valid", ("True", "False", "", "maybe"), ("val", "train", "train")),
        ("is_valid", ("1", "0", "0.0", "2"), ("val", "train", "train")),
        ("Is Test", ("yes", "no", "TRUE", "test"), ("test", "train", "test")),
    ],
)
def test_a_flag_gives_the_part(tmp_path: Path, heading: str, cells: tuple[str, ...], parts: tuple[str, ...]) -> None:
    rows = "".join(f"{name},x,{cell}\n" for name, cell in zip(PICTURES, cells, strict=True))
    table = open_all_kinds(folder(tmp_path / "d", f"image,label,{heading}\n{rows}", name="t.csv"))
    assert tuple(row.part for row in table) == parts
    assert table.problems == (RowProblem("t.csv row 5", f"{cells[3]!r}is not a part", "write train, val or test"),)
