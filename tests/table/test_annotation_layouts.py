"""Annotations from labelme, VGG Image Annotator, CreateML, CVAT and Label Studio."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from learning import open_all_kinds
from seehear.answers import ANSWERS
from seehear.errors import DataError, SeehearError
from seehear.table import RowProblem, Table
from seehear.table.layouts.shapes import Shape, decode_mask_runs, make_ellipse, make_rotated_rectangle
from table_kinds import make

WIDTH, HEIGHT = 40, 30
Annotations = tuple[Any, ...]  # label, x1, y1, x2, y2
Written = dict[str, str]


def pictures(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (WIDTH, HEIGHT)).save(folder / name)
    return folder


def boxes(table: Table) -> dict[str, list[Annotations]]:
    return {row.key: [(b["label"], *b["xyxy"]) for b in json.loads(row.answer or "")] for row in table}


def letters(table: Table) -> list[np.ndarray]:
    """(H, W) for each row: the first letter of each pixel's class, ? where it is ignored."""
    spec = ANSWERS["mask"].plan(table.answers(), "mask")
    first = np.array([*(name[0] for name in spec.classes), *"?" * 255])
    return [first[ANSWERS["mask"].read(answer, spec).pixels] for answer in table.answers()]


# What each program writes of the same two things: a box, and an outline of the same corners


def written_labelme(things: dict[str, list[tuple[str, Any]]]) -> Written:
    def shape(label: str, told: Any) -> dict[str, Any]:
        outline = isinstance(told[0], tuple)
        points = [list(p) for p in told] if outline else [[told[2], told[1]], [told[0], told[3]]]
        return {"label": label, "points": points, "shape_type": "polygon" if outline else "rectangle", "flags": {}}

    return {
        f"{Path(name).stem}.json": json.dumps(
            {
                "version": "5.4.1",
                "flags": {},
                "shapes": [shape(*thing) for thing in own],
                "imagePath": f"..\\pictures\\{name}",
                "imageData": None,
                "imageHeight": HEIGHT,
                "imageWidth": WIDTH,
            }
        )
        for name, own in things.items()
    }


def _via(things: dict[str, list[tuple[str, Any]]]) -> dict[str, Any]:
    def region(label: str, told: Any) -> dict[str, Any]:
        if isinstance(told[0], tuple):
            shape = {"name": "polygon", "all_points_x": [x for x, _ in told], "all_points_y": [y for _, y in told]}
        else:
            x1, y1, x2, y2 = told
            shape = {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
        return {"shape_attributes": shape, "region_attributes": {"quality": {}, "animal": label}}

    return {
        f"{name}1234": {"filename": name, "size": 1234, "regions": [region(*thing) for thing in own]}
        for name, own in things.items()
    }


def written_via(things: dict[str, list[tuple[str, Any]]]) -> Written:
    return {"via.json": json.dumps(_via(things))}


def written_via_1(things: dict[str, list[tuple[str, Any]]]) -> Written:
    pictures = _via(things)
    for each in pictures.values():
        each["regions"] = {str(i): region for i, region in enumerate(each["regions"])}
    return {"via.json": json.dumps(pictures)}


def written_via_project(things: dict[str, list[tuple[str, Any]]]) -> Written:
    return {"p.json": json.dumps({"_via_settings": {}, "_via_img_metadata": _via(things), "_via_attributes": {}})}


def written_via_csv(things: dict[str, list[tuple[str, Any]]]) -> Written:
    file = io.StringIO()
    rows = csv.writer(file)
    headings = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    rows.writerow(headings.split(","))
    for each in _via(things).values():
        regions = each["regions"] or [{"shape_attributes": {}, "region_attributes": {}}]
        for i, region in enumerate(regions):
            cells = (json.dumps(region[key]) for key in ("shape_attributes", "region_attributes"))
            rows.writerow([each["filename"], 1234, "{}", len(each["regions"]), i, *cells])
    return {"via_region_data.csv": file.getvalue()}


def written_create_ml(things: dict[str, list[tuple[str, Any]]]) -> Written:
    def box(label: str, told: Any) -> dict[str, Any]:
        x1, y1, x2, y2 = told
        middle = {"x": (x1 + x2) / 2, "y": (y1 + y2) / 2, "width": x2 - x1, "height": y2 - y1}
        return {"label": label, "coordinates": middle}

    told = [{"image": name, "annotations": [box(*thing) for thing in own]} for name, own in things.items()]
    return {"_annotations.createml.json": json.dumps(told)}


def written_cvat(things: dict[str, list[tuple[str, Any]]]) -> Written:
    def shape(label: str, told: Any) -> str:
        if isinstance(told[0], tuple):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in told)
            return f'<polygon label="{label}" source="manual" occluded="0" points="{points}" z_order="0"/>'
        x1, y1, x2, y2 = told
        return f'<box label="{label}" occluded="0" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"><attribute/></box>'

    images = "".join(
        f'<image id="{i}" name="{name}" width="{WIDTH}" height="{HEIGHT}">{"".join(shape(*t) for t in own)}</image>'
        for i, (name, own) in enumerate(things.items())
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<!-- by CVAT -->\n<annotations><version>1.1</version><meta/>'
    return {"annotations.xml": f"{head}{images}</annotations>"}


def _results(own: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for label, told in own:
        if isinstance(told[0], tuple):
            points = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in told]
            value: dict[str, Any] = {"points": points, "closed": True, "polygonlabels": [label]}
        else:
            x1, y1, x2, y2 = told
            value = {"x": 100 * x1 / WIDTH, "y": 100 * y1 / HEIGHT, "rotation": 0, "rectanglelabels": [label]}
            value |= {"width": 100 * (x2 - x1) / WIDTH, "height": 100 * (y2 - y1) / HEIGHT}
        kind = "polygonlabels" if "points" in value else "rectanglelabels"
        size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
        found.append({"type": kind, "from_name": "tag", "to_name": "img", "value": value, **size})
    return found


def written_label_studio(things: dict[str, list[tuple[str, Any]]]) -> Written:
    def task(i: int, name: str, own: list[tuple[str, Any]]) -> dict[str, Any]:
        skipped = {"result": [], "was_cancelled": True}
        annotations = [skipped, {"result": _results(own), "was_cancelled": False}]
        return {"id": i, "annotations": annotations, "data": {"image": f"/data/upload/1/0a1b2c3d-{name}"}}

    return {"project-1.json": json.dumps([task(i, *each) for i, each in enumerate(things.items())])}


def _short(i: int, name: str, own: list[tuple[str, Any]]) -> dict[str, Any]:
    shapes = [{k: v for k, v in {**result, **result["value"]}.items() if k != "value"} for result in _results(own)]
    about = {"annotator": 1, "annotation_id": i, "created_at": "2026", "updated_at": "2026", "lead_time": 2.5}
    return {"image": f"/data/local-files/?d=pictures/{name}", "id": i, "tag": shapes, **about}


def written_json_min(things: dict[str, list[tuple[str, Any]]]) -> Written:
    return {"project-1.json": json.dumps([_short(i, *each) for i, each in enumerate(things.items())])}


def written_label_studio_csv(things: dict[str, list[tuple[str, Any]]]) -> Written:
    file = io.StringIO()
    rows = [_short(i, *each) for i, each in enumerate(things.items())]
    table = csv.DictWriter(file, list(rows[0]))
    table.writeheader()
    table.writerows(
        {k: json.dumps(v) if isinstance(v, list) and v else v or "" for k, v in row.items()} for row in rows
    )
    return {"project-1.csv": file.getvalue()}


BOXES_ONLY = {"CreateML": written_create_ml}
OUTLINES = {
    "labelme": written_labelme,
    "VIA 2": written_via,
    "VIA 1": written_via_1,
    "VIA project": written_via_project,
    "VIA csv": written_via_csv,
    "CVAT": written_cvat,
    "Label Studio": written_label_studio,
    "JSON-MIN": written_json_min,
    "Label Studio csv": written_label_studio_csv,
}
WRITERS = {**BOXES_ONLY, **OUTLINES}
SQUARE = [(4, 5), (14, 5), (14, 15), (4, 15)]


@pytest.mark.parametrize("name", WRITERS)
def test_boxes_of_each_program(tmp_path: Path, name: str) -> None:
    things = {"a.png": [("cat", (4, 6, 14, 21)), ("dog", (0, 0, 40, 30))], "b.png": []}
    data = make(pictures(tmp_path / "d", "pictures/a.png", "pictures/b.png"), WRITERS[name](things))
    table = open_all_kinds(data)
    assert (table.kind, table.problems) == ("boxes", ())
    cat, dog = ("cat", 4, 6, 14, 21), ("dog", 0, 0, 40, 30)
    assert boxes(table) == {"pictures/a.png": [cat, dog], "pictures/b.png": []}
    assert not [sentence for sentence in table.notes if "mask" in sentence]
    if name != "labelme":
        file = next(iter(WRITERS[name](things)))
        assert boxes(open_all_kinds(data / file)) == boxes(table)


@pytest.mark.parametrize("name", OUTLINES)
def test_outlines_of_each_program(tmp_path: Path, name: str) -> None:
    things = {"a.png": [("cat", SQUARE), ("dog", [(20, 10), (30, 10), (30, 20), (20, 20)])], "b.png": []}
    data = make(pictures(tmp_path / "d", "pictures/a.png", "pictures/b.png"), OUTLINES[name](things))
    assert boxes(open_all_kinds(data))["pictures/a.png"] == [("cat", 4, 5, 14, 15), ("dog", 20, 10, 30, 20)]
    table = open_all_kinds(data, "mask")
    first, second = letters(table)
    assert (first[5:15, 4:14] == "c").all() and (first[10:20, 20:30] == "d").all()
    assert ((first == "b").sum(), (second == "b").all()) == (WIDTH * HEIGHT - 200, True)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "labelme"])
def test_each_part_has_its_file(tmp_path: Path, name: str) -> None:
    data = tmp_path / "d"
    for part in ("train", "valid"):
        things = {f"{part}.png": [("cat", (1, 2, 3, 4))]}
        make(pictures(data / part, f"pictures/{part}.png"), WRITERS[name](things))
    table = open_all_kinds(data)
    assert [(row.key, row.part) for row in table] == [
        ("train/pictures/train.png", "train"),
        ("valid/pictures/valid.png", "val"),
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_missing_pictures_are_reported(tmp_path: Path, name: str) -> None:
    things = {"a.png": [("cat", (4, 6, 14, 21))], "gone.png": [("cat", (4, 6, 14, 21))]}
    table = open_all_kinds(make(pictures(tmp_path / "d", "pictures/a.png"), WRITERS[name](things)))
    assert list(boxes(table)) == ["pictures/a.png"]
    (problem,) = table.problems
    assert "gone.png'" in problem.what and "no file" in problem.what


@pytest.mark.parametrize("name", WRITERS)
def test_an_ambiguous_picture_name_is_refused(tmp_path: Path, name: str) -> None:
    things = {"a.png": [("cat", (4, 6, 14, 21))], "b.png": [("cat", (4, 6, 14, 21))]}
    data = make(pictures(tmp_path / "d", "x/a.png", "y/a.png", "b.png"), WRITERS[name](things))
    table = open_all_kinds(data)
    assert list(boxes(table)) == ["b.png"]
    assert "'a.png' may be x/a.png or y/a.png" in {problem.what for problem in table.problems}


@pytest.mark.parametrize("name", WRITERS)
def test_impossible_objects_are_reported(tmp_path: Path, name: str) -> None:
    things = {"a.png": [("cat", (4, 6, 14, 21)), ("dog", (50, 6, 60, 21)), ("", (1, 1, 2, 2))]}
    table = open_all_kinds(make(pictures(tmp_path / "d", "pictures/a.png"), WRITERS[name](things)))
    assert boxes(table) == {"pictures/a.png": [("cat", 4, 6, 14, 21)]}
    assert [problem.what for problem in table.problems] == [
        "a box outside its picture of 40 x 30 px: left out",
        "a box without a label: left out",
    ]


# Each program's own


def test_a_picture_without_a_json_is_reported(tmp_path: Path) -> None:
    files = {"a.json": written_labelme({"a.png": [("cat", (1, 2, 3, 4))]})["a.json"]}
    table = open_all_kinds(make(pictures(tmp_path / "d", "a.png", "b.png"), files))
    hint = "save it in labelme without a shape if there is nothing in it"
    assert table.problems == (RowProblem("b.png", "no json with this name", hint),)


def test_labelme_circles_and_shapes_without_an_area(tmp_path: Path) -> None:
    shapes = [
        {"label": "ball", "shape_type": "circle", "points": [[20, 15], [20, 20]]},
        {"label": "way", "shape_type": "line", "points": [[1, 1], [5, 5]]},
        {"label": "spot", "shape_type": "point", "points": [[1, 1]]},
        {"label": "bad", "shape_type": "rectangle", "points": [[1, "x"], [5, 5]]},
        {"label": "bad", "points": "none"},
        "nothing",
    ]
    told = json.dumps({"shapes": shapes, "imagePath": "a.png"})
    table = open_all_kinds(make(pictures(tmp_path / "d", "a.png"), {"a.json": told}))
    assert boxes(table) == {"a.png": [("ball", 15, 10, 25, 20)]}
    assert [(problem.where, problem.what) for problem in table.problems] == [
        ("a.json shape 2", "a line, which is neither a rectangle, a polygon nor a circle: left out"),
        ("a.json shape 3", "a point, which is neither a rectangle, a polygon nor a circle: left out"),
        ("a.json shape 4", "a rectangle without two corners: left out"),
        ("a.json shape 5", "a polygon without points: left out"),
        ("a.json shape 6", "a polygon without points: left out"),
    ]


def test_via_label_attribute_and_shapes(tmp_path: Path) -> None:
    shapes: list[tuple[dict[str, Any], Any]] = [
        ({"name": "circle", "cx": 20, "cy": 15, "r": 5}, {"type": "ball", "note": "x"}),
        (
            {"name": "ellipse", "cx": 20, "cy": 15, "rx": 10, "ry": 5, "theta": math.pi / 2},
            {"type": "egg", "note": "x"},
        ),
        ({"name": "point", "cx": 1, "cy": 2}, {"type": "spot", "note": "x"}),
        ({"name": "rect", "x": 1, "y": 2, "width": 2, "height": 2}, {"type": {"cat": False, "dog": True}, "note": "x"}),
        ({"name": "rect", "x": 1, "y": 2, "width": -2, "height": 2}, {"type": "cat"}),
    ]
    regions = [{"shape_attributes": shape, "region_attributes": told} for shape, told in shapes]
    told = {"a.png9": {"filename": "a.png", "size": 9, "regions": [*regions, 7]}}
    table = open_all_kinds(make(pictures(tmp_path / "d", "a.png"), {"via.json": json.dumps(told)}))
    assert boxes(table) == {"a.png": [("ball", 15, 10, 25, 20), ("egg", 15, 5, 25, 25), ("dog", 1, 2, 3, 4)]}
    assert [problem.what for problem in table.problems] == [
        "a point, which is neither a rectangle, a polygon, a circle nor an ellipse: left out",
        "a region, which is neither a rectangle, a polygon, a circle nor an ellipse: left out",
        "a box without four numbers: left out",
    ]


def test_cvat_rotated_boxes_masks_parts_and_tags(tmp_path: Path) -> None:
    inside = '<mask label="dog" rle="1,1,4,1,1" left="10" top="20" width="4" height="2"/>'
    box = '<box label="cat" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90.0"/>'
    image = '<image name="a.png" width="40" height="30" subset="Train">{}</image>'
    data = pictures(tmp_path / "d", "a.png", "b.png")
    make(data, {"t.xml": f"<annotations>{image.format(box + inside)}</annotations>"})
    table = open_all_kinds(data)
    assert boxes(table) == {"a.png": [("cat", 15, 5, 25, 25), ("dog", 10, 20, 14, 22)]}
    assert [row.part for row in table] == ["train"]
    mask = letters(open_all_kinds(data, "mask"))[0]
    assert np.argwhere(mask == "d").tolist() == [[20, 11], [21, 12]]
    tags = (
        '<image name="a.png"><tag label="cat"/></image><image name="b.png"><tag label="cat"/><tag label="d"/></image>'
    )
    table = open_all_kinds(make(data, {"t.xml": f"<annotations>{tags}</annotations>"}))
    assert (table.kind, table.answers()) == ("label", ['["cat"]', '["cat", "d"]'])


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<annotations><track/></annotations>", "tracks of a video"),
        ("<annotations><image", "not XML"),
        ("<annotations><!ENTITY x 'y'></annotations>", "it declares a document type"),
    ],
)
def test_xml_that_is_refused(tmp_path: Path, xml: str, words: str) -> None:
    with pytest.raises(DataError, match=rf"t\.xml: {words}"):
        open_all_kinds(make(pictures(tmp_path / "d", "a.png"), {"t.xml": xml}))


def studio(*results: Any, file: str = "a.png", **data: Any) -> str:
    return json.dumps([{"id": 7, "annotations": [{"result": list(results)}], "data": {"it": file, **data}}])


def test_label_studio_labels_texts_and_scores(tmp_path: Path) -> None:
    one = {"type": "choices", "from_name": "kind", "value": {"choices": ["cat"]}}
    two = {"type": "choices", "from_name": "kind", "value": {"choices": ["cat", "dog"]}}
    words = {"type": "textarea", "from_name": "notes", "value": {"text": ["good", "morning"]}}
    stars = {"type": "rating", "from_name": "stars", "value": {"rating": 4}}
    data = make(tmp_path / "d", {"a.wav": b"x", "t.json": studio(one, words, stars, file="a.wav", speaker="ann")})
    for answer, told in (("label", "cat"), ("text", "good morning"), ("score", "4")):
        table = open_all_kinds(data, answer)
        assert (table.answers(), [row.metadata["speaker"] for row in table]) == ([told], ["ann"])
    assert open_all_kinds(make(data, {"t.json": studio(two, file="a.wav")})).answers() == ['["cat", "dog"]']


def test_label_studio_segments_of_a_recording(tmp_path: Path) -> None:
    def stretch(kind: str, start: float, **value: Any) -> dict[str, Any]:
        return {"type": kind, "from_name": kind, "value": {"start": start, "end": start + 1.5, **value}}

    results = [stretch("labels", 0, labels=["horn"]), stretch("labels", 2, labels=["siren"])]
    results += [stretch("textarea", 0, text=["look out"])]
    data = make(tmp_path / "d", {"a.wav": b"x", "t.json": studio(*results, file="a.wav")})
    table = open_all_kinds(data, "label")
    assert [(str(row.inputs["audio"]).partition("d/")[2], row.answer) for row in table] == [
        ("a.wav [0.00 s to 1.50 s]", "horn"),
        ("a.wav [2.00 s to 3.50 s]", "siren"),
    ]
    assert open_all_kinds(data, "text").answers() == ["look out"]


@pytest.mark.parametrize("kind", ["brushlabels", "brush", "bitmasklabels"])
def test_painted_masks_are_refused(tmp_path: Path, kind: str) -> None:
    result = {"type": kind, "value": {"format": "rle", "rle": [0, 1]}, "original_width": 40, "original_height": 30}
    data = make(pictures(tmp_path / "d", "a.png"), {"t.json": studio(result)})
    with pytest.raises(DataError, match=r"t\.json task 7 result 1: a mask painted with.*Next: export painted masks"):
        open_all_kinds(data)


def test_label_studio_rotated_and_impossible_shapes(tmp_path: Path) -> None:
    size = {"original_width": 40, "original_height": 30}
    turned_box = {"x": 50, "y": 50, "width": 25, "height": 10, "rotation": 90, "rectanglelabels": ["cat"]}
    oval = {"x": 50, "y": 50, "radiusX": 25, "radiusY": 10, "ellipselabels": ["e"]}
    results = [
        {"type": "rectanglelabels", "value": turned_box, **size},
        {"type": "rectanglelabels", "value": turned_box},
        {
            "type": "ellipselabels",
            "value": oval,
            **size,
        },
        {"type": "keypointlabels", "value": {"x": 1, "y": 1}, **size},
        "nothing",
    ]
    table = open_all_kinds(make(pictures(tmp_path / "d", "a.png"), {"t.json": studio(*results)}))
    assert boxes(table) == {"a.png": [("cat", 17, 15, 20, 25), ("e", 10, 12, 30, 18)]}
    assert [problem.what for problem in table.problems] == [
        "a shape without the size of its picture: left out",
        "a result of the type 'keypointlabels': left out",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "/data/local-files/?d=x/b%20c.png",
        "s3://bucket/x/b c.png",
        "https://host/x/b%20c.png?token=1",
        "b c.png",
        "x\\b c.png",
    ],
)
def test_addresses_of_label_studio(tmp_path: Path, address: str) -> None:
    choice = {"type": "choices", "value": {"choices": ["cat"]}}
    data = make(pictures(tmp_path / "d", "x/b c.png"), {"t.json": studio(choice, file=address)})
    assert [row.key for row in open_all_kinds(data)] == ["x/b c.png"]


def test_an_unfinished_task_is_reported(tmp_path: Path) -> None:
    tasks = json.loads(studio({"type": "choices", "value": {"choices": ["cat"]}}))
    tasks.append({"id": 8, "annotations": [], "data": {"it": "a.png"}})
    table = open_all_kinds(make(pictures(tmp_path / "d", "a.png"), {"t.json": json.dumps(tasks)}))
    hint = "finish it in Label Studio, or leave it out"
    assert table.problems == (RowProblem("t.json task 8", "it has no annotation", hint),)


# Geometry


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 6), st.integers(0, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_runs_by_rows_become_runs_by_columns(width: int, height: int, left: int, top: int, seed: int) -> None:
    across, down = left + width + seed % 3, top + height + seed % 2
    inside = np.random.default_rng(seed).integers(0, 2, (height, width))
    flat = inside.ravel()
    edges = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), len(flat)]
    runs = np.array([0] * int(flat[0]) + np.diff(edges).tolist())
    shape = decode_mask_runs(runs, (left, top, width, height), (across, down))
    assert isinstance(shape, Shape)
    counts = shape.region["counts"]
    found = np.repeat(np.arange(len(counts)) % 2, counts).reshape(across, down).T
    whole = np.zeros((down, across), int)
    whole[top : top + height, left : left + width] = inside
    assert (found == whole).all()
    assert shape.region["size"] == [down, across]


def test_runs_that_do_not_fit() -> None:
    assert decode_mask_runs(np.array([3]), (0, 0, 2, 2), (4, 4)) == "run lengths that do not add up to 2 x 2 px"
    assert decode_mask_runs(np.array([-1, 5]), (0, 0, 2, 2), (4, 4)) == "run lengths that do not add up to 2 x 2 px"
    assert decode_mask_runs(np.array([4]), (3, 0, 2, 2), (4, 4)) == "a mask outside its picture of 4 x 4 px"


@given(st.floats(-720, 720), st.floats(0.5, 9), st.floats(0.5, 9))
@settings(max_examples=60)
def test_rotated_shapes_keep_their_area_and_box(degrees: float, wide: float, high: float) -> None:
    box = make_rotated_rectangle((0, 0, wide, high), (wide / 2, high / 2), degrees)
    a = math.radians(degrees)
    expected = [abs(wide * math.cos(a)) + abs(high * math.sin(a)), abs(wide * math.sin(a)) + abs(high * math.cos(a))]
    x1, y1, x2, y2 = box.xyxy
    assert np.allclose([x2 - x1, y2 - y1], expected)
    assert np.allclose([x1 + x2, y1 + y2], [wide, high])
    oval = make_ellipse((3, 4), (wide, high), degrees)
    assert isinstance(oval, Shape)
    corners = np.array(oval.region[0]).reshape(-1, 2)
    x, y = corners.T
    assert abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2 == pytest.approx(
        math.pi * wide * high, rel=0.01
    )
    assert (corners.min(0) >= np.array(oval.xyxy[:2]) - 0.002).all()
    assert (corners.max(0) <= np.array(oval.xyxy[2:]) + 0.002).all()


# Damage


def _mutated(content: str, seed: int) -> bytes:
    """Change, cut or repeat some bytes, or make a number enormous."""
    chance = np.random.default_rng(seed)
    data = content.encode()
    at, to = np.sort(chance.integers(0, len(data), 2)).tolist()
    ways: list[Callable[[], bytes]] = [
        lambda: data[:at] + bytes([chance.integers(256)]) + data[at + 1 :],
        lambda: data[:to],
        lambda: data[:at] + data[to:],
        lambda: data[:to] + data[at:],
        lambda: data.replace(b"4", b"4" * 5000, 1),
        lambda: data.replace(b"6", [b"1e999", b"NaN", b"null", b"[]", b"-6", b'"\\ud800"'][chance.integers(6)]),
        lambda: data.replace(b"cat", [b"\\ud800", b"\x00", b"", b"["][chance.integers(4)]),
        lambda: data.replace(
            b"a.png", [b"\\ud800.png", b"../../a.png", b"a" * 300 + b".png", b"\\u0000"][chance.integers(4)]
        ),
    ]
    return ways[chance.integers(len(ways))]()


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_annotations_are_read_or_refused(tmp_path: Path, name: str) -> None:
    outlined = SQUARE if name in OUTLINES else (4, 5, 14, 15)
    things = {"a.png": [("cat", (4, 6, 14, 21)), ("dog", outlined)], "b.png": []}
    written = WRITERS[name](things)
    data = make(pictures(tmp_path / "d", "pictures/a.png", "pictures/b.png"), written)
    file, content = next(iter(written.items()))
    for seed in range(40):
        (data / file).write_bytes(_mutated(content, seed))
        for answer in (None, "mask") if name in OUTLINES else (None,):
            try:
                table = open_all_kinds(data, answer)
            except SeehearError as error:
                assert str(error), seed
                continue
            if table.kind is not None:
                table.answers()
