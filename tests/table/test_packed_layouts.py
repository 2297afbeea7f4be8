"""Packed examples: arrays in an npz, WebDataset shards; and metadata in DICOM files."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from learning import open_all_kinds
from malformed_corpus import dicom
from seehear.errors import DataError
from seehear.senses import SENSES
from seehear.table import Table
from table_kinds import make, open_data, path_of

# Arrays

GREY = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)  # N, H, W
LABELS = np.array([0, 1, 1, 0])


def npz(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "a.npz", **arrays)
    return folder / "a.npz"


def pixels(table: Table) -> list[np.ndarray]:
    return [np.asarray(Image.open(path_of(row, "image"))) for row in table]


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target")])
def test_arrays_of_pictures_and_labels(tmp_path: Path, names: tuple[str, str]) -> None:
    table = open_all_kinds(npz(tmp_path / "d", **dict(zip(names, (GREY, LABELS[:, None]), strict=True))))
    assert (table.answers(), table.parts) == (["0", "1", "1", "0"], ())
    assert (np.stack(pixels(table)) == GREY).all()


@pytest.mark.parametrize("names", ["{}_images {}_labels", "x_{} y_{}", "images_{} labels_{}"])
def test_arrays_for_each_part(tmp_path: Path, names: str) -> None:
    arrays: dict[str, np.ndarray] = {}
    for part in ("train", "val", "test"):
        picture, label = names.replace("{}", part).split()
        arrays |= {picture: GREY, label: LABELS}
    table = open_all_kinds(npz(tmp_path / "d", **arrays))
    assert (len(table), table.parts) == (12, ("train", "val", "test"))
    assert table.part("val").answers() == ["0", "1", "1", "0"]


@pytest.mark.parametrize(
    ("pictures", "shape", "first"),
    [
        (np.full((4, 3, 2, 1), 7, np.uint8), (3, 2), 7),
        (np.full((4, 3, 2, 3), 7, np.uint8), (3, 2, 3), 7),
        (np.full((4, 3, 8, 9), 7, np.int64), (8, 9, 3), 7),
        (np.full((4, 3, 2), 0.5), (3, 2), 128),
        (np.full((4, 3, 2), 127.6, np.float32), (3, 2), 128),
        (np.ones((4, 3, 2), np.bool_), (3, 2), 255),
    ],
)
def test_pixels_of_any_type(tmp_path: Path, pictures: np.ndarray, shape: tuple[int, ...], first: int) -> None:
    found = pixels_of(open_all_kinds(npz(tmp_path / "d", x=pictures, y=LABELS)))
    assert (found.shape, found.flat[0]) == (shape, first)


def pixels_of(table: Table) -> np.ndarray:
    return pixels(table)[0]


def test_a_column_for_each_class_and_words(tmp_path: Path) -> None:
    several = np.array([[1, 1], [0, 1], [0, 0], [1, 0]])
    assert open_all_kinds(npz(tmp_path / "d", x=GREY, y=several)).answers() == [
        '["0", "1"]',
        '["1"]',
        "[]",
        '["0"]',
    ]
    words = np.array(["cat", 'a "dog", old', "cat", 'a "dog", old'])
    assert open_all_kinds(npz(tmp_path / "d", x=GREY, y=words)).answers() == words.tolist()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": GREY}, "no pictures with labels among x. Next: save images and labels"),
        ({"x": GREY, "y": LABELS[:3]}, "4 pictures in x, 3 labels in y"),
        ({"x": np.zeros((4, 5)), "y": LABELS}, r"x is float64 \(4, 5\). Allowed: pictures \(N, H, W\)"),
        ({"x": np.zeros((4, 8, 8, 8)), "y": LABELS}, r"x is float64 \(4, 8, 8, 8\)"),
        ({"x": np.full((4, 3, 2), np.nan), "y": LABELS}, "x is float64"),
        ({"x": np.full((4, 3, 2), 256), "y": LABELS}, "x is int64"),
        ({"x": GREY, "y": np.zeros((4, 2, 2))}, "y is float64"),
        ({"x": GREY, "y": np.array([{}, 1, 2, 3], object)}, "not a readable npz: Object arrays"),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, arrays: Mapping[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=rf"a\.npz: {words}"):
        open_all_kinds(npz(tmp_path / "d", **arrays))


def test_damaged_arrays_are_read_or_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "d", x=GREY, y=LABELS)
    whole, chance, outcomes = path.read_bytes(), np.random.default_rng(0), set()
    for _ in range(100):
        at, to = np.sort(chance.integers(0, len(whole), 2)).tolist()
        flipped = whole[:at] + bytes([chance.integers(256)]) + whole[at + 1 :]
        path.write_bytes([flipped, whole[:to], whole[:at] + whole[to:]][chance.integers(3)])
        try:
            outcomes.add(len(open_all_kinds(path)) > 0)
        except DataError:
            outcomes.add(False)
    assert outcomes == {True, False}


# WebDataset


def shard(path: Path, files: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            packed.addfile(member, io.BytesIO(content.encode()))
    return path


def test_a_shard_is_a_table(tmp_path: Path) -> None:
    files = {"0.jpg": "x", "0.cls": "3\n", "0.json": json.dumps({"site": "north", "box": [1]}), "0.txt": "a cat"}
    files |= {"1.png": "x", "1.cls": "4", "2.jpg": "x", "3.cls": "5", "4.jpg": "x", "4.cls": "3", "4.json": "{"}
    table = open_all_kinds(shard(tmp_path / "a.tar", files), "label")
    assert [(row.key, row.answer) for row in table] == [("0.jpg", "3"), ("1.png", "4"), ("4.jpg", "3")]
    assert table[0].metadata == {"site": "north", "caption": "a cat"}
    assert [(problem.where, problem.what.partition(":")[0]) for problem in table.problems] == [
        ("4.json", "not JSON"),
        ("2.jpg", "no file .cls with this name"),
    ]


def test_a_folder_of_shards_in_parts(tmp_path: Path) -> None:
    for part in ("train", "val"):
        for number in (0, 1):
            shard(tmp_path / f"d/{part}-{number:06}.tar", {f"{number}.wav": "x", f"{number}.cls": "cat"})
    table = open_all_kinds(tmp_path / "d")
    assert (len(table), table.parts, table.senses) == (4, ("train", "val"), ("audio",))
    assert len({row.key for row in table}) == 4


def test_a_shard_that_leads_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leads outside the archive"):
        open_all_kinds(shard(tmp_path / "d/a-0.tar", {"../0.jpg": "x", "../0.cls": "cat"}).parent)


# Patients


def test_metadata_in_files_groups_them(tmp_path: Path) -> None:
    data = make(
        tmp_path / "d", {"a/1.dcm": "patient=ann", "a/2.dcm": "patient=bob", "b/3.dcm": "patient=ann", "b/4.png": "x"}
    )
    table = open_data(data)
    assert table.metadata_column("patient") == ["ann", "bob", "ann", ""]
    assert "3 files name their patient: splits keep the same 'patient' together" in table.notes


def test_a_column_of_patients_takes_precedence(tmp_path: Path) -> None:
    files = {"t.csv": "image,label,Patient ID\n1.dcm,x,p7\n", "1.dcm": "patient=ann"}
    table = open_data(make(tmp_path / "d", files))
    assert table.metadata == ("Patient ID",)


def test_the_patient_of_a_dicom_file_is_a_code(tmp_path: Path) -> None:
    data = make(
        tmp_path / "d",
        {
            "a/1.dcm": dicom(PatientID="Ann^7"),
            "a/2": dicom(PatientID="Ann^7"),
            "b/3.dcm": dicom(PatientID="Bob"),
            "b/4.dcm": dicom(),
            "b/5.dcm": dicom(PatientID="Ann^7")[:140] + b"\xff" * 50,
            "b/6.png": "x",
        },
    )
    described = {file.name: SENSES["image"].read_metadata(file) for file in sorted(data.rglob("*")) if file.is_file()}
    ann = described["1.dcm"]["patient"]
    assert described["2"] == {"patient": ann} and len(ann) == 12 and "Ann" not in ann
    assert described["3.dcm"]["patient"] not in (ann, "")
    assert [described[name] for name in ("4.dcm", "5.dcm", "6.png")] == [{}, {}, {}]
    assert open_all_kinds(data).metadata_column("patient")[0] == ann


def test_lesions_stay_together(tmp_path: Path) -> None:
    files = {"t.csv": "image,dx,lesion_id\n1.png,nv,l1\n2.png,mel,l1\n3.png,nv,l2\n4.png,mel,l2\n"}
    table = open_data(make(make(tmp_path / "d", files), [f"{i}.png" for i in range(1, 5)]), answer="label:dx")
    assert "splits keep rows with the same 'lesion_id' together" in table.notes
