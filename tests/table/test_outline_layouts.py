"""Layouts of outlines: what becomes a mask, and what is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from learning import open_all_kinds
from seehear.answers import ANSWERS
from seehear.table import Table
from table_kinds import make

WIDTH, HEIGHT = 40, 30
SQUARE = [4, 5, 14, 5, 14, 15, 4, 15]
PICTURES: list[dict[str, Any]] = [
    {"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT} for number in (1, 2)
]
CLASSES = [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}]


def annotation(number: int, region: Any, **changes: Any) -> dict[str, Any]:
    box = [4, 5, 10, 10]
    told = {"id": number, "image_id": 1, "category_id": 3, "bbox": box, "iscrowd": 0, "segmentation": region}
    return told | changes


def instances(folder: Path, *things: dict[str, Any], **changes: Any) -> Path:
    told = {"images": PICTURES, "annotations": list(things), "categories": CLASSES} | changes
    make(folder, {"t.json": json.dumps(told)})
    for each in PICTURES:
        Image.new("L", (WIDTH, HEIGHT)).save(folder / each["file_name"])
    return folder


def pixels(table: Table) -> list[np.ndarray]:
    """(H, W) for each row: the first letter of each pixel's class, ? where it is ignored."""
    spec = ANSWERS["mask"].plan(table.answers(), "mask")
    letters = np.array([*(name[0] for name in spec.classes), *"?" * 255])
    return [letters[ANSWERS["mask"].read(answer, spec).pixels] for answer in table.answers()]


def test_outlined_objects_give_boxes_by_default(tmp_path: Path) -> None:
    data = instances(tmp_path / "d", annotation(1, [SQUARE]))
    table = open_all_kinds(data)
    assert (table.kind, table.metadata) == ("boxes", ())
    assert "'mask' could be the answer too: choose with --answer" in table.notes
    assert "COCO: 1 box, 1 with an outline, in 2 pictures, from t.json" in table.notes
    assert json.loads(table.answers()[0]) == [{"label": "cat", "xyxy": [4, 5, 14, 15]}]
    assert open_all_kinds(data, "mask").kind == "mask"
    without = open_all_kinds(instances(tmp_path / "e", annotation(1, []), annotation(2, None)))
    assert not [sentence for sentence in without.notes if "mask" in sentence]


def test_outlines_become_masks_of_their_pictures(tmp_path: Path) -> None:
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    inside[20:, 30:] = 1
    packed = coco.encode(np.asfortranarray(inside))
    text = {"size": packed["size"], "counts": packed["counts"].decode()}
    crowd = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT, HEIGHT * (WIDTH - 1)]}
    things = (annotation(1, [SQUARE]), annotation(2, text, category_id=5), annotation(3, crowd, iscrowd=1))
    table = open_all_kinds(instances(tmp_path / "d", *things), "mask")
    first, second = pixels(table)
    assert (table.kind, table.in_files, table.problems) == ("mask", False, ())
    assert (first[5:15, 4:14] == "c").all() and (first == "c").sum() == 100
    assert (first[20:, 30:] == "d").all() and (first == "d").sum() == 100
    assert (first[:, 0] == "?").all() and (first == "?").sum() == HEIGHT
    assert (second == "b").all()
    assert "pixels outside every outline are of the class 'background'" in table.notes
    assert "1 thing drawn as a crowd: its pixels are ignored in training; the first: t.json annotation 3" in table.notes


def test_wrong_outlines_are_reported(tmp_path: Path) -> None:
    things = [
        annotation(1, [SQUARE, [1, 2, 3, 4]]),
        annotation(2, [[30, 20, 60, 20, 60, 28]]),
        annotation(3, [], category_id=5),
        annotation(4, [[1, 2, 3, 4]], bbox=[20, 0, 2, 2]),
        annotation(5, [[90, 90, 95, 90, 95, 99]], bbox=None),
        annotation(6, {"size": [9, 9], "counts": [81]}, bbox=[]),
        annotation(7, {"size": [HEIGHT, WIDTH], "counts": [81]}, bbox=[]),
        annotation(8, {"counts": "a"}, bbox=[]),
        annotation(9, [[1, 1, 9, 1, 5, 1]], bbox=[]),
        annotation(10, [[1, 1, 9, 1, "five", 5]], bbox=[]),
        annotation(11, "none", bbox=[]),
        annotation(12, None, bbox=[]),
        annotation(13, [SQUARE], category_id=8),
        annotation(14, [SQUARE], category_id=9),
        annotation(15, [SQUARE], image_id=7),
    ]
    table = open_all_kinds(instances(tmp_path / "d", *things, categories=[*CLASSES, {"id": 9}]), "mask")
    (first, _), left = pixels(table), "correct or remove it"
    assert [(problem.where.rpartition(" ")[2], problem.what, problem.hint) for problem in table.problems] == [
        ("13", "no category has the id 8", ""),
        ("15", "no image has the id 7", ""),
        ("4", "an outline with fewer than three corners: the pixels in its box are ignored in training", left),
        ("5", "an outline outside its picture of 40 x 30 px: left out", left),
        ("6", "run lengths of 9 x 9 px in a picture of 40 x 30 px: left out", left),
        ("7", "run lengths that do not add up to 40 x 30 px: left out", left),
        ("8", "run lengths without 'size' and 'counts': left out", left),
        ("9", "an outline without an area: left out", left),
        ("10", "an outline with fewer than three corners: left out", left),
        ("11", "an outline that is neither polygons nor run lengths but 'none': left out", left),
        ("12", "neither an outline nor a box: left out", left),
        ("14", "an outline without a label: left out", "give it a label"),
    ]
    assert {
        "1 thing with parts of fewer than three corners, left out; the first: t.json annotation 1",
        "1 thing clipped at the edge of their picture; the first: t.json annotation 2",
        "1 thing with a box but no outline: the pixels in it are ignored in training; the first: t.json annotation 3",
    } <= set(table.notes)
    assert (first[0:2, 20:22] == "?").all() and (first == "?").sum() == 4, "of 3, 1 lies on top"


def test_what_other_programs_write_into_coco(tmp_path: Path) -> None:
    """CVAT's attributes, numbers as 1.0, a polygon outside a list, Roboflow's root class, Label Studio's size."""
    pictures = [{"id": 1.0, "file_name": "1.png", "license": 0, "coco_url": ""}, {"id": 2.0, "file_name": "2.png"}]
    classes = [
        {"id": 0, "name": "things", "supercategory": "none"},
        {"id": 3.0, "name": "cat"},
        {"name": "_Background_"},
    ]
    things = (
        annotation(1, SQUARE, attributes={"occluded": False}, area=100.0),
        annotation(2, [SQUARE], image_id=2, category_id=3.0, ignore=0),
    )
    table = open_all_kinds(instances(tmp_path / "d", *things, images=pictures, categories=classes), "mask")
    spec = ANSWERS["mask"].plan(table.answers(), "mask")
    assert spec.classes == ("background", "cat")
    assert [ANSWERS["mask"].read(answer, spec).areas["cat"] for answer in table.answers()] == [100, 100]


def test_the_file_may_name_the_background(tmp_path: Path) -> None:
    data = instances(tmp_path / "d", annotation(1, [SQUARE]), categories=[*CLASSES, {"id": 0, "name": "_Background_"}])
    table = open_all_kinds(data, "mask")
    assert ANSWERS["mask"].plan(table.answers(), "mask").classes == ("_Background_", "cat")
    assert "pixels outside every outline are of the class '_Background_'" in table.notes


def test_outlines_for_another_picture_size_are_not_drawn(tmp_path: Path) -> None:
    """Whatever size the file declares."""
    told = [PICTURES[0], PICTURES[1] | {"width": 9_999, "height": 9_999}]
    huge = annotation(2, [[0, 0, 9_999, 0, 9_999, 9_999]], image_id=2)
    table = open_all_kinds(instances(tmp_path / "d", annotation(1, [SQUARE]), huge, images=told), "mask")
    assert [row.key for row in table] == ["1.png"]
    what = "its outlines cannot be drawn: the picture's size is unknown or differs from the one they were drawn on"
    assert [(problem.where, problem.what) for problem in table.problems] == [("2.png", what)]


def test_yolo_outlines_become_masks(tmp_path: Path) -> None:
    lines = "1 0.1 0.5 0.35 0.5 0.35 1 0.1 1\n0 0.9 0.1 0.2 0.2\n"
    data = make(tmp_path / "d", {"classes.txt": "cat\ndog\n", "labels/a.txt": lines, "labels/b.txt": ""})
    (data / "images").mkdir()
    for name in "ab":
        Image.new("L", (WIDTH, HEIGHT)).save(data / f"images/{name}.png")
    assert open_all_kinds(data).kind == "boxes"
    table = open_all_kinds(data, "mask")
    first, second = pixels(table)
    assert (first[15:, 4:14] == "d").all() and (first == "d").sum() == 150
    assert (first[:6, 32:] == "?").all() and (first == "?").sum() == 48
    assert (second == "b").all()


@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(3, 10)), min_size=1, max_size=4))
def test_masks_are_the_union_that_pycocotools_draws(
    tmp_path_factory: pytest.TempPathFactory, corners: list[tuple[int, int, int]]
) -> None:
    """For objects of one class in whole pixels, where both agree at edges too."""
    polygons = [[x, y, x + side, y, x + side, y + side, x, y + side] for x, y, side in corners]
    data = instances(tmp_path_factory.mktemp("d"), *(annotation(i, [each]) for i, each in enumerate(polygons)))
    theirs = coco.decode(coco.merge(coco.frPyObjects(polygons, HEIGHT, WIDTH)))
    assert np.array_equal(pixels(open_all_kinds(data, "mask"))[0] == "c", theirs == 1)
