"""Layouts of pictures with boxes, and reports on boxes that are wrong."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.table import RowProblem, Table
from table_kinds import KINDS, Kind, make, open_data

DRAWN = (*KINDS, Kind("boxes", ("boxes",)))
WIDTH, HEIGHT = 40, 30


def open_boxes(data: Path, **arguments: Any) -> Table:
    return open_data(data, kinds=DRAWN, **arguments)


def pictures(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (WIDTH, HEIGHT)).save(folder / name)
    return folder


def boxes(table: Table) -> dict[str, list[tuple[Any, ...]]]:
    """By key: (label, x1, y1, x2, y2) and the names of its flags."""
    cells = {row.key: json.loads(row.answer or "") for row in table}
    return {
        key: [(b["label"], *b["xyxy"], *(mark for mark in ("crowd", "difficult") if mark in b)) for b in cell]
        for key, cell in cells.items()
    }


def annotation(*objects: tuple[Any, ...], size: tuple[int, int] = (WIDTH, HEIGHT), file: str = "") -> str:
    """(name, xmin, ymin, xmax, ymax) and perhaps "difficult"."""
    things = "".join(
        f"<object><name>{label}</name><difficult>{int('difficult' in marks)}</difficult><bndbox><xmin>{x1}</xmin>"
        f"<ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for label, x1, y1, x2, y2, *marks in objects
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><filename>{file}</filename>{sides}{things}</annotation>"


# A row for each box


TABLE = "image,label,x1,y1,x2,y2,site\na.png,cat,1,2,11,12.5,north\nb.png,,,,,,south\na.png,dog,0,0,40,30,north\n"


def test_rows_of_boxes_are_merged_by_picture(tmp_path: Path) -> None:
    data = pictures(make(tmp_path / "d", {"t.csv": TABLE}), "a.png", "b.png")
    table = open_boxes(data)
    assert table.kind == "boxes"
    assert boxes(table) == {"a.png": [("cat", 1, 2, 11, 12.5), ("dog", 0, 0, 40, 30)], "b.png": []}
    assert [row.metadata for row in table] == [{"site": "north"}, {"site": "south"}]
    assert "each row is a box: 2 in 2 pictures" in table.notes


@pytest.mark.parametrize(
    ("headings", "cells"),
    [
        ("image,label,xmin,ymin,xmax,ymax", "a.png,cat,4,6,14,21"),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.png,40,30,cat,4,6,14,21"),
        ("image,category,x,y,w,h", "a.png,cat,4,6,10,15"),
        ("image,x,y,width,height,name", "a.png,4,6,10,15,cat"),
        ("name,class_id,x1,y1,x2,y2", "a.png,cat,4,6,14,21"),
        ("image,label,x1,y1,x2,y2", "a.png,cat,0.1,0.2,0.35,0.7"),
        ("image,label,x1,y1,x2,y2", "a.png,cat,14,21,4,6"),
    ],
)
def test_headings_of_boxes(tmp_path: Path, headings: str, cells: str) -> None:
    data = pictures(make(tmp_path / "d", {"t.csv": f"{headings}\n{cells}\n"}), "a.png")
    assert boxes(open_boxes(data)) == {"a.png": [("cat", 4, 6, 14, 21)]}


@pytest.mark.parametrize(
    ("headings", "cells", "corners"),
    [
        ("x,y,w,h", "0.5,0.5,0.500001,0.5", (20, 15, 40, 30)),
        ("x1,y1,x2,y2", "-0.001,0.5,0.5,1.01", (0, 15, 20, 30)),
        ("x1,y1,x2,y2", "0.5,0.5,1.5,2", (0.5, 0.5, 1.5, 2)),
    ],
)
def test_relative_boxes_may_exceed_the_picture_a_little(
    tmp_path: Path, headings: str, cells: str, corners: tuple[float, ...]
) -> None:
    table = f"image,label,{headings}\na.png,cat,{cells}\n"
    data = pictures(make(tmp_path / "d", {"t.csv": table}), "a.png")
    assert boxes(open_boxes(data)) == {"a.png": [("cat", *corners)]}


def test_boxes_without_a_label_are_objects(tmp_path: Path) -> None:
    data = pictures(make(tmp_path / "d", {"t.csv": "image,x1,y1,x2,y2\na.png,1,2,3,4\n"}), "a.png")
    table = open_boxes(data)
    assert boxes(table) == {"a.png": [("object", 1, 2, 3, 4)]}
    assert "every box is labelled 'object', because no column names its class" in table.notes


def test_wrong_boxes_are_reported(tmp_path: Path) -> None:
    rows = [
        *("cat,5,5,60,20", "cat,20,20,5,5", "cat,1,1,9,9", "cat,1,1,9,9", "dog,1,1,9,9"),
        *("cat,5,5,5,9", "cat,50,5,60,9", "cat,one,1,9,9", ",1,1,9,9", "cat,1,,9,9", "cat,0,0,40.4,30.6"),
    ]
    table = "image,label,x1,y1,x2,y2\n" + "".join(f"a.png,{row}\n" for row in rows)
    data = pictures(make(tmp_path / "d", {"t.csv": table}), "a.png")
    found = open_boxes(data)
    assert boxes(found)["a.png"] == [
        *(("cat", 5, 5, 40, 20), ("cat", 5, 5, 20, 20), ("cat", 1, 1, 9, 9), ("dog", 1, 1, 9, 9)),
        ("cat", 0, 0, 40, 30),
    ]
    assert found.problems == (
        RowProblem("t.csv row 7", "a box without an area: left out", "correct or remove it"),
        RowProblem("t.csv row 8", "a box outside its picture of 40 x 30 px: left out", "correct or remove it"),
        RowProblem("t.csv row 9", "a box without four numbers: left out", "correct or remove it"),
        RowProblem("t.csv row 10", "a box without a label: left out", "give it a label"),
        RowProblem("t.csv row 11", "a box without four numbers: left out", "correct or remove it"),
    )
    assert {
        "1 box with swapped corners, corrected; the first: t.csv row 3",
        "1 box clipped at the edge of their picture; the first: t.csv row 2",
        "1 box drawn twice, counted once; the first: t.csv row 5",
    } <= set(found.notes)


def test_a_missing_picture_is_reported_once(tmp_path: Path) -> None:
    rows = "image,label,x1,y1,x2,y2\na.png,cat,1,1,9,9\nno.png,cat,1,1,9,9\nno.png,cat,2,1,9,9\n,cat,2,1,9,9\n"
    found = open_boxes(pictures(make(tmp_path / "d", {"t.csv": rows}), "a.png"))
    assert found.problems == (
        RowProblem("t.csv row 5", "it names no picture"),
        RowProblem("t.csv row 3", "no file 'no.png'"),
    )


def test_tables_of_parts_with_boxes(tmp_path: Path) -> None:
    table = "image,label,x1,y1,x2,y2,id\na.png,cat,1,1,9,9,1\na.png,cat,2,1,9,9,2\n"
    data = make(tmp_path / "d", {"train/examples.csv": table, "val/examples.csv": table})
    found = open_boxes(pictures(data, "train/a.png", "val/a.png"))
    assert boxes(found) == {f"{part}/a.png": [("cat", 1, 1, 9, 9), ("cat", 2, 1, 9, 9)] for part in ("train", "val")}
    assert found.parts == ("train", "val")
    assert "not used, because it differs between the boxes of a picture: id" in found.notes


CORNER = st.integers(0, WIDTH - 2).map(lambda n: n / 2)
BOX = st.tuples(st.sampled_from(["cat", 'a "b"', "größe, x"]), CORNER, CORNER)


@settings(max_examples=20)
@given(st.lists(st.lists(BOX, max_size=4, unique=True), min_size=1, max_size=4))
def test_boxes_round_trip(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[list[tuple[str, float, float]]]
) -> None:
    import csv

    folder = tmp_path_factory.mktemp("d")
    expected: dict[str, list[tuple[Any, ...]]] = {
        f"{i}.png": [(label, x, y, x + 1.5, y + 2) for label, x, y in each] for i, each in enumerate(drawn)
    }
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "x1", "y1", "x2", "y2"])
        for name, each in expected.items():
            writer.writerows([name, *box] for box in each or [("", "", "", "", "")])
    assert boxes(open_boxes(pictures(folder, *expected))) == expected


@settings(max_examples=20)
@given(st.lists(st.tuples(*[st.sampled_from([0, 0.25, 1, 2, 256])] * 3, st.sampled_from(["cat", "dog"])), max_size=40))
def test_repeated_boxes_count_once(drawn: list[tuple[float, float, float, str]]) -> None:
    from seehear.table.layouts.box_cells import Annotations, encode_boxes

    things = Annotations()
    for number, (picture, x, y, label) in enumerate(drawn):
        things.add(int(picture) % 3, label, (x, y, x + 1, y + 2), str(number))
    made = encode_boxes(things.to_columns(), np.full((3, 2), 1000.0), str)
    slow: dict[int, list[tuple[Any, ...]]] = {0: [], 1: [], 2: []}
    for picture, x, y, label in drawn:
        box = (label, [x, y, x + 1, y + 2])
        slow[int(picture) % 3] += [] if box in slow[int(picture) % 3] else [box]
    assert [[(b["label"], b["xyxy"]) for b in json.loads(cell)] for cell in made.cells.to_pylist()] == [*slow.values()]


# Pascal VOC


def test_pascal_voc_counts_from_one_and_keeps_its_parts(tmp_path: Path) -> None:
    files = {
        "Annotations/a.xml": annotation(("cat", 1, 1, 40, 30), ("dog", 3, 4, 8, 9, "difficult"), file="a.jpg"),
        "Annotations/b.xml": annotation(),
        "Annotations/c.xml": annotation(("cat", 0, 5, 9, 9)),
        "ImageSets/Main/train.txt": "a\nb\n",
        "ImageSets/Main/val.txt": "c\n",
        "ImageSets/Main/cat_train.txt": "a 1\nb -1\n",
    }
    data = pictures(make(tmp_path / "d", files), "JPEGImages/a.jpg", "JPEGImages/b.jpg", "JPEGImages/c.png")
    table = open_boxes(data)
    assert boxes(table) == {
        "JPEGImages/a.jpg": [("cat", 0, 0, 40, 30), ("dog", 2, 3, 8, 9, "difficult")],
        "JPEGImages/b.jpg": [],
        "JPEGImages/c.png": [("cat", 0, 4, 9, 9)],
    }
    assert [row.part for row in table] == ["train", "train", "val"]
    assert "Pascal VOC: 3 boxes in 3 pictures" in table.notes
    assert "1 box starting at pixel 0, where Pascal VOC counts from 1: read as 1" in table.notes


def test_annotations_beside_pictures_in_parts(tmp_path: Path) -> None:
    files = {"train/a.xml": annotation(("cat", 1, 1, 9, 9)), "valid/b.xml": annotation(("cat", 1, 1, 9, 9))}
    table = open_boxes(pictures(make(tmp_path / "d", files), "train/a.jpg", "valid/b.jpg"))
    assert [(row.key, row.part) for row in table] == [("train/a.jpg", "train"), ("valid/b.jpg", "val")]


def test_masks_of_pascal_voc_are_an_answer_too(tmp_path: Path) -> None:
    files = {"Annotations/a.xml": annotation(("cat", 1, 1, 9, 9)), "Annotations/b.xml": annotation()}
    data = pictures(make(tmp_path / "d", files), "JPEGImages/a.jpg", "JPEGImages/b.jpg", "SegmentationClass/a.png")
    masked = Kind("mask", ("mask",))
    table = open_data(data, kinds=(*DRAWN, masked), answer="mask")
    assert [row.answer for row in table] == ["SegmentationClass/a.png"]
    assert table.problems == (RowProblem("JPEGImages/b.jpg", "it has no annotation"),)
    assert open_data(data, kinds=(*DRAWN, masked)).kind == "boxes"


BOMB = (
    '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><annotation>&b;</annotation>'
)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (BOMB, "it declares a document type: remove the declaration"),
        (BOMB.encode("utf-16"), "it declares a document type: remove the declaration"),
        ("<annotation><object>", "not XML: no element found: line 1, column 20"),
        ("<kml></kml>", "not an annotation but <kml>"),
        (b"<annotation>\xe9</annotation>", "not in UTF-8: byte 0xe9 in line 1"),
        ("<annotation>" * 50_000, "not XML: no element found: line 1, column 600000"),
    ],
)
def test_annotations_that_are_refused_are_named(tmp_path: Path, content: str | bytes, what: str) -> None:
    files = {"Annotations/a.xml": annotation(("cat", 1, 1, 9, 9)), "Annotations/b.xml": content}
    table = open_boxes(pictures(make(tmp_path / "d", files), "images/a.jpg", "images/b.jpg"))
    assert [(problem.where, problem.what) for problem in table.problems] == [("Annotations/b.xml", what)]
    assert len(table) == 1


def test_comments_above_an_annotation_are_passed_over(tmp_path: Path) -> None:
    licence = "\ufeff<?xml version='1.0'?>\n" + "<!-- may be - used -->\n\n" * 300
    data = make(tmp_path / "d", {"Annotations/a.xml": licence + annotation(("cat", 1, 1, 9, 9))})
    assert boxes(open_boxes(pictures(data, "JPEGImages/a.jpg"))) == {"JPEGImages/a.jpg": [("cat", 0, 0, 9, 9)]}


def test_unmatched_files_in_pascal_voc_are_reported(tmp_path: Path) -> None:
    files = {
        "Annotations/a.xml": annotation(("cat", 1, 1, 9, "many")),
        "Annotations/b.xml": annotation(file="x.jpg"),
        "ImageSets/Main/train.txt": "a\nb\nc\nd\n",
    }
    table = open_boxes(pictures(make(tmp_path / "d", files), "JPEGImages/a.jpg", "JPEGImages/c.jpg"))
    hint = "an annotation without an object says that there is none in it"
    assert table.problems == (
        RowProblem("Annotations/b.xml", "no picture 'x.jpg'", "put it beside, or into JPEGImages"),
        RowProblem("JPEGImages/c.jpg", "no annotation with this name", hint),
        RowProblem("ImageSets: d", "neither an annotation nor a picture with this name"),
        RowProblem("Annotations/a.xml object 1", "a box without four numbers: left out", "correct or remove it"),
    )


def test_an_empty_annotation_does_not_hide_the_others(tmp_path: Path) -> None:
    files = {"Annotations/a.xml": "", "Annotations/b.xml": annotation(("cat", 1, 1, 9, 9))}
    table = open_boxes(pictures(make(tmp_path / "d", files), "JPEGImages/a.jpg", "JPEGImages/b.jpg"))
    assert boxes(table) == {"JPEGImages/b.jpg": [("cat", 0, 0, 9, 9)]}
    assert [problem.where for problem in table.problems] == ["Annotations/a.xml"]


@pytest.mark.parametrize("size", [(0, 0), (400, 300)])
def test_boxes_are_clipped_to_the_actual_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    told = annotation(("cat", 1, 1, 90, 9), ("dog", 61, 1, 90, 9), size=size)
    table = open_boxes(pictures(make(tmp_path / "d", {"a.xml": told}), "a.jpg"))
    assert boxes(table) == {"a.jpg": [("cat", 0, 0, 40, 9)]}
    outside = "a box outside its picture of 40 x 30 px: left out"
    assert table.problems == (RowProblem("a.xml object 2", outside, "correct or remove it"),)
    notes = "1 picture whose size differs from the annotations: using the file; the first: a.jpg"
    assert (notes in table.notes) == all(size)


# COCO


def instances(**changes: Any) -> str:
    told: dict[str, Any] = {
        "info": {},
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT},
            {"id": 9, "file_name": "b.jpg", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 5.25], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 5, "bbox": [0, 0, 40, 30], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
    }
    return json.dumps(told | changes)


def test_coco_in_its_own_folders(tmp_path: Path) -> None:
    names = {"annotations/instances_train2017.json": "train2017", "annotations/instances_val2017.json": "val2017"}
    data = make(tmp_path / "d", dict.fromkeys(names, instances()) | {"annotations/captions_val2017.json": instances()})
    for folder in names.values():
        pictures(data, f"{folder}/a.jpg", f"{folder}/b.jpg")
    table = open_boxes(data)
    assert boxes(table) == {
        f"{folder}/{file}.jpg": drawn
        for folder in names.values()
        for file, drawn in (("a", [("cat", 1, 2, 11, 7.25), ("dog", 0, 0, 40, 30, "crowd")]), ("b", []))
    }
    assert [row.part for row in table] == ["train", "train", "val", "val"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("t.json", ""),
        ("t.json", "images/"),
        ("annotations/train.json", "images/train/"),
        ("train/_annotations.coco.json", "train/"),
        ("train.json", "train/"),
    ],
)
def test_coco_picture_folders(tmp_path: Path, name: str, folder: str) -> None:
    data = pictures(make(tmp_path / "d", {name: instances()}), f"{folder}a.jpg", f"{folder}b.jpg")
    assert list(boxes(open_boxes(data))) == [f"{folder}a.jpg", f"{folder}b.jpg"]


def test_wrong_entries_in_coco_are_reported(tmp_path: Path) -> None:
    wrong = [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 10, 5]},
        {"id": 2, "image_id": 8, "category_id": 3, "bbox": [1, 2, 10, 5]},
        {"id": 3, "image_id": 7, "category_id": [4], "bbox": [1, 2, 10, 5]},
        {"id": 4, "image_id": 7, "category_id": 3, "bbox": [1, 2, 10]},
        {"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 2, -10, 5]},
        {"id": 6, "image_id": 7, "category_id": 3, "bbox": [1, 2, 0, 5]},
    ]
    data = make(tmp_path / "d", {"t.json": instances(annotations=wrong)})
    table = open_boxes(pictures(data, "a.jpg", "b.jpg"))
    assert boxes(table)["a.jpg"] == [("cat", 1, 2, 11, 7)]
    assert [(problem.where, problem.what) for problem in table.problems] == [
        ("t.json annotation 2", "no image has the id 8"),
        ("t.json annotation 3", "no category has the id [4]"),
        ("t.json annotation 4", "a box without four numbers: left out"),
        ("t.json annotation 5", "a box without four numbers: left out"),
        ("t.json annotation 6", "a box without an area: left out"),
    ]


def test_coco_pictures_of_another_size_are_counted(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"t.json": instances()})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (WIDTH, HEIGHT)).save(data / "a.jpg", exif=exif)
    Image.new("L", (WIDTH // 2, HEIGHT // 2)).save(data / "b.jpg")
    table = open_boxes(data)
    assert boxes(table)["a.jpg"] == [("cat", 1, 2, 11, 7.25), ("dog", 0, 0, 30, 30, "crowd")]
    assert "2 pictures whose size differs from the annotations: using the file; the first: a.jpg" in table.notes


def test_ambiguous_ids_in_coco_are_reported(tmp_path: Path) -> None:
    ids: list[dict[str, Any]] = [{"id": 7}, {"id": 7}, {"id": [9]}, {}, {"id": 9}]
    images = [{"file_name": f"{name}.jpg", **told} for name, told in zip("abcde", ids, strict=True)]
    data = make(tmp_path / "d", {"t.json": instances(images=images)})
    table = open_boxes(pictures(data, *(f"{name}.jpg" for name in "abcde")))
    assert boxes(table) == {"e.jpg": []}
    assert [(problem.where, problem.what) for problem in table.problems] == [
        ("t.json image 1", "another picture has the same id"),
        ("t.json image 2", "another picture has the same id"),
        ("t.json image 3", "its id is neither a number nor text"),
        ("t.json image 4", "its id is neither a number nor text"),
        ("t.json annotation 1", "its image is left out"),
        ("t.json annotation 2", "its image is left out"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (instances(images=[3]), r"t.json: 'images' is not a list of objects. Next: see https://cocodataset"),
        (instances()[:-5], r"t.json: not JSON: .*copy or download it again"),
        ('{"images": [' * 60_000, r"t.json: not JSON: it is nested too deeply"),
    ],
)
def test_coco_that_is_refused(tmp_path: Path, content: str, words: str) -> None:
    data = pictures(make(tmp_path / "d", {"t.json": content}), "a.jpg")
    with pytest.raises(DataError, match=words):
        open_boxes(data / "t.json")


def test_two_coco_files_for_one_part_are_refused(tmp_path: Path) -> None:
    data = pictures(make(tmp_path / "d", {"one.json": instances(), "two.json": instances()}), "a.jpg")
    with pytest.raises(DataError, match=r"d holds 2 annotation files: one.json, two.json. Next: give one"):
        open_boxes(data)


# YOLO


@pytest.mark.parametrize(
    "table",
    [
        "train: images/train\nval: images/val\nnames: [cat, dog]\n",
        "path: /home/somebody/set\ntrain: ../images/train\nval: images/val\nnames: {0: cat, 1: dog}\n",
    ],
)
def test_yolo_reads_boxes_and_outlines(tmp_path: Path, table: str) -> None:
    files = {
        "data.yaml": table,
        "labels/train/a.txt": "0 0.5 0.5 0.5 0.5\n1 0.1 0.1 0.3 0.1 0.2 0.4\n",
        "labels/train/b.txt": "",
    }
    data = pictures(make(tmp_path / "d", files), "images/train/a.jpg", "images/train/b.jpg", "images/val/c.jpg")
    found = open_boxes(data)
    assert boxes(found) == {
        "images/train/a.jpg": [("cat", 10, 7.5, 30, 22.5), ("dog", 4, 3, 12, 12)],
        "images/train/b.jpg": [],
        "images/val/c.jpg": [],
    }
    assert [row.part for row in found] == ["train", "train", "val"]
    assert "1 picture without a label file: read as containing no objects" in found.notes


def test_yolo_without_a_config_and_with_errors(tmp_path: Path) -> None:
    files = {"classes.txt": "cat\ndog\n", "labels/a.txt": "0 .5 .5 .5 .5\n7 .5 .5 .5 .5\n0 x .5 .5 .5\n0 .5 .5 .5\n"}
    found = open_boxes(pictures(make(tmp_path / "d", files), "images/a.jpg"))
    assert len(boxes(found)["images/a.jpg"]) == 1
    assert found.problems == (
        RowProblem("labels/a.txt line 2", "7 is not one of the 2 classes: left out"),
        RowProblem("labels/a.txt line 3", "'0 x .5 .5 .5' are not all numbers: left out"),
        RowProblem(
            "labels/a.txt line 4",
            "3 numbers after the class, not 4 for a box (x, y, width, height), nor corners: left out",
        ),
    )


@pytest.mark.parametrize("names", ["classes.txt", "obj.names", "train/_darknet.labels"])
def test_yolo_label_files_beside_pictures(tmp_path: Path, names: str) -> None:
    files = {names: "cat\ndog\n", "train/a.txt": "1 .5 .5 .5 .5\n", "train/c.txt": "", "valid/d.txt": "0 .5 .5 1 1\n"}
    data = pictures(make(tmp_path / "d", files), "train/a.jpg", "train/b.jpg", "train/c.jpg", "valid/d.jpg")
    found = open_boxes(data)
    assert boxes(found) == {
        "train/a.jpg": [("dog", 10, 7.5, 30, 22.5)],
        "train/b.jpg": [],
        "train/c.jpg": [],
        "valid/d.jpg": [("cat", 0, 0, 40, 30)],
    }
    assert [row.part for row in found] == ["train", "train", "train", "val"]
    assert "1 picture without a label file: read as containing no objects" in found.notes


def test_yolo_label_files_in_one_folder(tmp_path: Path) -> None:
    files = {"classes.txt": "cat\ndog\n", "a.txt": "\ufeff1 .5 .5 .5 .5\n", "readme.txt": "hello"}
    found = open_boxes(pictures(make(tmp_path / "d", files), "a.jpg", "b.jpg"))
    assert boxes(found) == {"a.jpg": [("dog", 10, 7.5, 30, 22.5)], "b.jpg": []}


@pytest.mark.parametrize("folders", [("", ""), ("images/", "labels/")])
def test_yolo_without_class_names_is_refused(tmp_path: Path, folders: tuple[str, str]) -> None:
    data = pictures(make(tmp_path / "d", {f"{folders[1]}a.txt": "0 .5 .5 .5 .5\n"}), f"{folders[0]}a.jpg")
    with pytest.raises(DataError, match=r"no file names their classes. Next: add a classes.txt"):
        open_boxes(data)


def test_parts_of_yolo_that_name_classes_differently_are_refused(tmp_path: Path) -> None:
    files = {f"{part}/_darknet.labels": f"cat\n{part}\n" for part in ("train", "valid")}
    data = make(tmp_path / "d", files | {"train/a.txt": "0 .5 .5 .5 .5\n", "valid/b.txt": ""})
    with pytest.raises(DataError, match=r"train/_darknet.labels and valid/_darknet.labels name the classes diff"):
        open_boxes(pictures(data, "train/a.jpg", "valid/b.jpg"))


@pytest.mark.parametrize("text", ["a cat on a mat\n", "2026\n", "0 12 40 210 131\n", "0 .5 .5 .5\n"])
def test_captions_beside_pictures_are_not_label_files(tmp_path: Path, text: str) -> None:
    files = {f"{label}/{i}.txt": text for label in ("cat", "dog") for i in (1, 2)}
    data = pictures(make(tmp_path / "d", files), *(file.replace(".txt", ".jpg") for file in files))
    assert open_boxes(data).answers() == ["cat", "cat", "dog", "dog"]


def test_classes_of_yolo_keep_their_numbers_and_words(tmp_path: Path) -> None:
    line = " .5 .5 .5 .5\n"
    files = {"classes.txt": "cat\n\ndog\nbird\n\n", "labels/a.txt": f"2{line}1{line}"}
    found = open_boxes(pictures(make(tmp_path / "d", files), "images/a.jpg"))
    assert boxes(found) == {"images/a.jpg": [("dog", 10, 7.5, 30, 22.5)]}
    assert found.problems == (RowProblem("labels/a.txt line 2", "1 is not one of the 4 classes: left out"),)
    files = {"data.yaml": "train: images\nnames: [no, yes]\n", "labels/a.txt": f"0{line}1{line}"}
    found = open_boxes(pictures(make(tmp_path / "e", files), "images/a.jpg"))
    assert [label for label, *_ in boxes(found)["images/a.jpg"]] == ["no", "yes"]


@pytest.mark.parametrize("content", [b"0 .5 .5 .2 .2 # caf\xe9", "0 .5 .5 .2 .2".encode("utf-16-le")])
def test_a_picture_with_an_unreadable_label_file_is_not_empty(tmp_path: Path, content: bytes) -> None:
    files: dict[str, str | bytes] = {"classes.txt": "cat\n", "labels/a.txt": content, "labels/b.txt": "0 .5 .5 .5 .5\n"}
    found = open_boxes(pictures(make(tmp_path / "d", files), "images/a.jpg", "images/b.jpg"))
    assert boxes(found) == {"images/b.jpg": [("cat", 10, 7.5, 30, 22.5)]}
    assert [problem.where for problem in found.problems] == ["labels/a.txt"]


@pytest.mark.parametrize("line", ["./images/a.jpg", "images/a.jpg", "coco/images/a.jpg"])
@pytest.mark.parametrize("name", ["train.txt", "lists/train.txt"])
def test_yolo_lists_are_relative_to_their_folder(tmp_path: Path, line: str, name: str) -> None:
    table = f"path: coco\ntrain: {name}\nnames: [cat]\n"
    files = {"data.yaml": table, f"coco/{name}": f"{line}\n", "coco/labels/a.txt": "0 .5 .5 .5 .5\n"}
    found = open_boxes(pictures(make(tmp_path / "d", files), "coco/images/a.jpg"))
    assert boxes(found) == {"coco/images/a.jpg": [("cat", 10, 7.5, 30, 22.5)]}


def test_a_missing_part_of_yolo_is_reported(tmp_path: Path) -> None:
    table = "train: ../train/images\nval:\ntest: ../test/images\nnames: [cat]\n"
    found = open_boxes(pictures(make(tmp_path / "d", {"data.yaml": table}), "train/images/a.jpg"))
    assert [row.key for row in found] == ["train/images/a.jpg"]
    what = "test: no folder '../test/images'"
    assert found.problems == (RowProblem("data.yaml", what, "name it relative to this file"),)


ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(  # as a text, 9**9 letters
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
ALIASES += "train: images\nnames: *i\n"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("train: images\nnames: {cat: 0}\n", "data.yaml: 'names' is neither a list of names nor names by number"),
        ("train: pictures\nnames: [cat]\n", "data.yaml: train: no folder 'pictures'"),
        ("train: [\n", "data.yaml: not YAML"),
        ("train: images\nnames: [cat, [dog]]\n", "data.yaml: 'names' is neither a list of names"),
        (
            "a: &a [x]\ntrain: images\nnames: [*a]\n",
            r"data.yaml: line 3 has an alias \(\*a\), and aliases are not read",
        ),
        (ALIASES, r"data.yaml: line 2 has an alias \(\*a\)"),
        ("train: !!python/object/apply:os.system ['true']\nnames: [cat]\n", "data.yaml: train: no folder 'true'"),
    ],
)
def test_yolo_that_is_refused(tmp_path: Path, table: str, words: str) -> None:
    data = pictures(make(tmp_path / "d", {"data.yaml": table}), "images/a.jpg")
    with pytest.raises(DataError, match=words):
        open_boxes(data)


# Pictures and masks


def test_pictures_beside_masks_in_parts(tmp_path: Path) -> None:
    data = make(tmp_path / "d", {"classes.txt": "sky\nroad\n", "readme.md": "x"})
    pictures(data, "train/images/a.jpg", "train/masks/a.png", "train/images/b.jpg", "val/images/c.jpg")
    pictures(data, "val/masks/c_mask.png", "val/masks/d.png")
    table = open_data(data, kinds=(*DRAWN, Kind("mask", ("mask",))))
    assert [(row.key, row.answer, row.part) for row in table] == [
        ("train/images/a.jpg", "train/masks/a.png", "train"),
        ("val/images/c.jpg", "val/masks/c_mask.png", "val"),
    ]
    assert table.problems == (
        RowProblem("val/masks/d.png", "no picture with this name"),
        RowProblem("train/images/b.jpg", "no mask with this name"),
    )


def test_repeated_names_of_pictures_and_masks_are_reported(tmp_path: Path) -> None:
    files = ("images/a.jpg", "images/a.png", "images/b.jpg", "images/b_gt.jpg", "images/c_gt.jpg")
    masks = ("masks/a.png", "masks/a_mask.png", "masks/b.png", "masks/c_gt.png")
    data = pictures(make(tmp_path / "d", {}), *files, *masks)
    table = open_data(data, kinds=(*DRAWN, Kind("mask", ("mask",))))
    assert [(row.key, row.answer) for row in table] == [
        ("images/a.jpg", "masks/a.png"),
        ("images/b.jpg", "masks/b.png"),
        ("images/c_gt.jpg", "masks/c_gt.png"),
    ]
    hint = "rename or remove one of them"
    assert table.problems == (
        RowProblem("images/a.png", "images/a.jpg has this name too: left out", hint),
        RowProblem("masks/a_mask.png", "masks/a.png has this name too: left out", hint),
        RowProblem("images/b_gt.jpg", "no mask with this name"),
    )


MASKED = (*DRAWN, Kind("mask", ("mask",)))


@pytest.mark.parametrize("ending", ["_mask", "-mask", "_seg", "_label", "_L"])
def test_masks_in_the_folder_of_their_pictures(tmp_path: Path, ending: str) -> None:
    data = pictures(tmp_path / "d", "a.jpg", f"a{ending}.png", "b.png", f"b{ending}.png", "c.jpg", f"e{ending}.png")
    table = open_data(data, kinds=MASKED)
    assert [(row.key, row.answer) for row in table] == [("a.jpg", f"a{ending}.png"), ("b.png", f"b{ending}.png")]
    assert [(problem.where, problem.what) for problem in table.problems] == [
        (f"e{ending}.png", "no picture with this name"),
        ("c.jpg", "no mask with this name"),
    ]


def test_masks_beside_pictures_in_folders_of_classes(tmp_path: Path) -> None:
    names = [f"{label}/{i}{end}.png" for label in ("benign", "malignant") for i in (1, 2) for end in ("", "_mask")]
    data = pictures(tmp_path / "d", *names)
    table = open_data(data, kinds=MASKED)
    assert (table.answers(), table.metadata) == (["benign", "benign", "malignant", "malignant"], ("mask",))
    assert open_data(data, kinds=MASKED, answer="mask").answers()[0] == "benign/1_mask.png"


@pytest.mark.parametrize("beside", ["_labels", "_masks", "annot"])
def test_a_folder_of_masks_beside_that_of_each_part(tmp_path: Path, beside: str) -> None:
    data = pictures(tmp_path / "d", "train/a.png", f"train{beside}/a_L.png", "val/b.jpg", f"val{beside}/b.png")
    table = open_data(data, kinds=MASKED)
    assert [(row.key, row.answer, row.part) for row in table] == [
        ("train/a.png", f"train{beside}/a_L.png", "train"),
        ("val/b.jpg", f"val{beside}/b.png", "val"),
    ]


def test_a_few_names_that_end_like_masks_are_pictures(tmp_path: Path) -> None:
    names = [f"{label}/{i}.png" for label in ("cat", "dog") for i in (1, 2)]
    table = open_data(pictures(tmp_path / "d", *names, "cat/1_mask.png"), kinds=MASKED)
    assert table.answers() == ["cat", "cat", "cat", "dog", "dog"]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "P"])
@pytest.mark.parametrize("turned", [0, 1, 6])
def test_sizes_equal_those_from_pillow(tmp_path: Path, ending: str, mode: str, turned: int) -> None:
    from seehear.table.layouts.image_sizes import read_sizes_px

    exif = Image.Exif()
    if turned:
        exif[0x0112] = turned
    wished = {"jpg": {"L", "RGB", "CMYK"}, "png": {"L", "RGB", "P"}, "webp": {"RGB"}, "bmp": {"L", "RGB", "P"}}
    if mode not in wished[ending]:
        pytest.skip("such pictures are not written")
    large: dict[str, Any] = {"progressive": True, "icc_profile": b"IDAT" * 2000, "comment": b"x" * 900}
    for name, more in (("a", {}), ("b", large)):
        Image.new(mode, (300, 70)).save(tmp_path / f"{name}.{ending}", exif=exif, **more)
    for name in ("a", "b"):
        with Image.open(tmp_path / f"{name}.{ending}") as picture:
            upright = ImageOps.exif_transpose(picture).size
        assert read_sizes_px(tmp_path, [f"{name}.{ending}"]).tolist() == [[*upright]]


def test_rotated_pictures_are_measured_upright(tmp_path: Path) -> None:
    from seehear.table.layouts.image_sizes import read_sizes_px

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    sizes = read_sizes_px(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    assert sizes[0].tolist() == [HEIGHT, WIDTH]
    assert np.isnan(sizes[1:]).all()


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("kind", ["eXIf", "zTXt", "damaged", "tEXt"])
def test_rotation_declared_late_or_differently_in_png(tmp_path: Path, kind: str, before: bytes) -> None:
    from seehear.senses import SENSES
    from seehear.table.layouts.image_sizes import read_sizes_px

    exif = Image.Exif()
    exif[0x0112] = 6
    told = exif.tobytes()
    raw = f"\nexif\n{len(told):8}\n{told.hex()}\n".encode()
    notes = {
        "eXIf": chunk(b"eXIf", told.removeprefix(b"Exif\0\0")),
        "zTXt": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        "damaged": chunk(b"eXIf", b"no such notes, and long enough"),
        "tEXt": chunk(b"tEXt", b"comment\0eXIf"),
    }
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    png = (tmp_path / "a.png").read_bytes()
    at = png.index(before) - 4
    (tmp_path / "a.png").write_bytes(png[:at] + notes[kind] + png[at:])
    height, width, _ = SENSES["image"].read(tmp_path / "a.png").shape
    assert read_sizes_px(tmp_path, ["a.png"]).tolist() == [[width, height]]
    assert (width < height) == (kind in ("eXIf", "zTXt"))


# Objects in cells


DRAWN_TWICE = [("cat", 1, 2, 11, 7.25), ("dog", 0, 0, 40, 30)]


def lines(*objects: Any, heading: str = "objects") -> str:
    return "".join(
        json.dumps({"file_name": f"{name}.png", heading: told}) + "\n"
        for name, told in zip("abcdefgh", objects, strict=False)
    )


@pytest.mark.parametrize(
    "objects",
    [
        {"bbox": [[1, 2, 10, 5.25], [0, 0, 40, 30]], "categories": ["cat", "dog"]},
        {"id": [1, 2], "area": [5, 6], "bbox": [[1, 2, 10, 5.25], [0, 0, 40, 30]], "category": ["cat", "dog"]},
        [{"bbox": [1, 2, 10, 5.25], "label": "cat"}, {"bbox": [0, 0, 40, 30], "label": "dog"}],
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_objects_in_cells_are_boxes(tmp_path: Path, objects: Any, ending: str) -> None:
    import csv

    import pyarrow as pa
    import pyarrow.parquet as pq

    data = pictures(tmp_path / "d", "a.png", "b.png")
    told = [objects, {"bbox": [], "categories": []}]
    if ending == "parquet":
        cells = pa.array(told[:1]) if isinstance(objects, list) else pa.array([objects, {key: [] for key in objects}])
        pq.write_table(
            pa.table({"file_name": ["a.png", "b.png"][: len(cells)], "objects": cells}), data / "metadata.parquet"
        )
    elif ending == "csv":
        with (data / "metadata.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["file_name", "objects"], *zip(["a.png", "b.png"], map(json.dumps, told), strict=True)]
            )
    else:
        (data / "metadata.jsonl").write_text(lines(*told))
    table = open_boxes(data)
    assert boxes(table)["a.png"] == DRAWN_TWICE
    assert boxes(table).get("b.png", []) == []
    assert (
        f"each cell of 'objects' holds the boxes of a picture: 2 in {format_count(len(table), 'picture')}"
        in table.notes
    )


def test_wrong_objects_are_reported(tmp_path: Path) -> None:
    told = [
        {"bbox": [[1, 2, 10, 5], [1, 2, 3], [5, 5, 0, 9]], "category": [0, 1, 1], "iscrowd": [1, 0, 0]},
        {"bbox": [[1, 2, 10, 5]], "category": []},
        {"category": [1]},
        None,
        {"bbox": [[1, 2, 10, 5]], "category": [None]},
    ]
    data = make(tmp_path / "d", {"t.jsonl": lines(*told, heading="things")})
    table = open_boxes(pictures(data, *(f"{name}.png" for name in "abcde")))
    assert boxes(table) == {"a.png": [("0", 1, 2, 11, 7, "crowd")], "e.png": []}
    hint = 'write {"bbox": [[x, y, width, height]], "categories": ["cat"]}'
    assert table.problems == (
        RowProblem("t.jsonl row 2", "1 box with 0 labels: left out", hint),
        RowProblem("t.jsonl row 3", "'{\"category\": [1]}' holds no boxes: left out", hint),
        RowProblem("t.jsonl row 1 box 2", "a box without four numbers: left out", "correct or remove it"),
        RowProblem("t.jsonl row 1 box 3", "a box without an area: left out", "correct or remove it"),
        RowProblem("t.jsonl row 5 box 1", "a box without a label: left out", "give it a label"),
        RowProblem("t.jsonl row 4", "no answer"),
    )


def test_objects_without_labels_are_objects(tmp_path: Path) -> None:
    data = pictures(make(tmp_path / "d", {"metadata.jsonl": lines({"bbox": [[1, 2, 3, 4]]})}), "a.png")
    assert boxes(open_boxes(data)) == {"a.png": [("object", 1, 2, 4, 6)]}


def test_objects_may_differ_in_their_keys(tmp_path: Path) -> None:
    told = [{"bbox": [1, 2, 3, 4]}, {"bbox": [5, 6, 7, 8], "category": "dog", "iscrowd": 1}]
    table = open_boxes(pictures(make(tmp_path / "d", {"metadata.jsonl": lines(told)}), "a.png"))
    assert boxes(table) == {"a.png": [("dog", 5, 6, 12, 14, "crowd")]}
    assert [problem.what for problem in table.problems] == ["a box without a label: left out"]


@pytest.mark.parametrize("empty", [20, 1])
def test_an_empty_cell_of_objects_is_an_empty_picture(tmp_path: Path, empty: int) -> None:
    names = [f"{number}.png" for number in range(empty + 1)]
    told = [*([[]] * empty), [{"bbox": [1, 2, 3, 4], "label": "cat"}]]
    rows = ({"image": name, "tags": [], "objects": each} for name, each in zip(names, told, strict=True))
    table = open_boxes(pictures(make(tmp_path / "d", {"t.jsonl": "\n".join(map(json.dumps, rows))}), *names))
    assert boxes(table) == {name: [] for name in names} | {names[-1]: [("cat", 1, 2, 4, 6)]}
    assert (table.problems, table.metadata) == ((), ("tags",))


def test_objects_beside_a_column_of_boxes_keep_their_heading(tmp_path: Path) -> None:
    row = {"image": "a.png", "boxes": 1, "objects": {"bbox": [[1, 2, 3, 4]], "label": ["cat"]}}
    data = pictures(make(tmp_path / "d", {"t.jsonl": json.dumps(row)}), "a.png")
    assert boxes(open_boxes(data, answer="boxes:objects")) == {"a.png": [("cat", 1, 2, 4, 6)]}


def test_corners_in_cells_are_treated_like_other_boxes(tmp_path: Path) -> None:
    drawn = {
        "a.png": [
            {"label": "cat", "xyxy": [5, 5, 60, 20], "crowd": True},
            {"label": "dog", "xyxy": [9, 8, 2, 1], "difficult": True},
            {"label": "dog", "xyxy": [50, 5, 60, 9]},
        ],
        "b.png": [],
        "c.png": "a cat",
    }
    rows = "\n".join(json.dumps({"image": name, "detections": told}) for name, told in drawn.items())
    data = pictures(make(tmp_path / "d", {"t.jsonl": rows}), *drawn)
    found = open_boxes(data, answer="boxes:detections")
    assert boxes(found) == {
        "a.png": [("cat", 5, 5, 40, 20, "crowd"), ("dog", 2, 1, 9, 8, "difficult")],
        "b.png": [],
    }
    assert [(problem.where, problem.what) for problem in found.problems] == [
        ("t.jsonl row 3", "'a cat' holds no boxes: left out"),
        ("t.jsonl row 1 box 3", "a box outside its picture of 40 x 30 px: left out"),
    ]


SIDES = st.lists(st.integers(-2, WIDTH + 2), min_size=4, max_size=4)


@settings(max_examples=15)
@given(st.lists(st.tuples(SIDES, st.sampled_from(["cat", "dog"])), min_size=1, max_size=5))
def test_objects_are_the_boxes_that_coco_has(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[list[int], str]]
) -> None:
    folder = pictures(tmp_path_factory.mktemp("d"), "images/a.jpg", "images/b.jpg", "a.png")
    things = [
        {"id": i, "image_id": 7, "bbox": box, "category_id": {"cat": 3, "dog": 5}[label]}
        for i, (box, label) in enumerate(drawn)
    ]
    (folder / "t.json").write_text(instances(annotations=things))
    told = {"bbox": [box for box, _ in drawn], "categories": [label for _, label in drawn]}
    (folder / "metadata.jsonl").write_text(lines(told))
    assert boxes(open_boxes(folder / "metadata.jsonl"))["a.png"] == boxes(open_boxes(folder / "t.json"))["images/a.jpg"]
