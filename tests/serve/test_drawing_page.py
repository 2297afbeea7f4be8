"""The page on which boxes are drawn, without a browser: what it shows, what it saves, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

import finding
from pretended_training import pretend_training
from reading_html import find_inline, get, read_html
from seehear.projects import Project
from seehear.projects.job_process import run_job
from seehear.projects.picture_views import SIDES_PX, find_size, find_view
from serving import client, picture_file

HOSTILE = "<img src=x onerror=alert(1)>"
CELL = '[{"label": "red cell", "xyxy": [1, 2, 30, 40]}, {"label": "white cell", "xyxy": [5, 6, 20, 16], "crowd": true}]'
PICTURES = 10


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a project of ten pictures, of which the first has two boxes, and nothing is in the second."""
    home = tmp_path_factory.mktemp("begun")
    with client(projects=home) as opened:
        opened.post("/new", data={"name": "Smears", "answer": "boxes", "senses": "image"})
        files = [("file", (f"{i}.png", picture_file(i / PICTURES, (48, 64)))) for i in range(PICTURES)]
        opened.post("/p/smears/teach/files", files=files)
        with Project.open("smears", home=home) as project:
            project.label([1], CELL)
            project.label([2], "[]")
    return home


@pytest.fixture
def served(begun: Path, home: Path) -> Iterator[TestClient]:
    shutil.copytree(begun, home)
    with client(projects=home) as opened:
        yield opened


def save(served: TestClient, number: int = 1, **fields: Any) -> Any:
    return served.post(f"/p/smears/teach/{number}/regions", data=fields, headers={"Accept": "application/json"})


def drawn(*regions: tuple[str, list[float]]) -> str:
    return json.dumps({"regions": [{"label": label, "corners": corners} for label, corners in regions]})


def cell_of(home: Path, number: int) -> str | None:
    with Project.open("smears", home=home) as project:
        return project.example(number).answers.get("boxes")


def test_the_list_tells_an_empty_picture_from_one_that_nobody_looked_at(served: TestClient) -> None:
    page = get(served, "/p/smears/teach")
    assert "2 of 10 pictures are checked by you" in page.text
    shown = [each.all("span")[0].text for each in page.all("ol")[0].all("li")]
    assert shown[:3] == ["✓ 2 boxes", "✓ nothing in it", "not looked at"]
    assert {each.attributes["href"] for each in page.all("a") if each.text == "Draw"} == {
        "/p/smears/teach/3?only=unanswered"
    }


def test_more_like_a_box_is_found_from_its_row(served: TestClient) -> None:
    links = [
        each.attributes["href"]
        for each in get(served, "/p/smears/teach/1").all("a")
        if "box=" in each.attributes["href"]
    ]
    assert links == [f"/p/smears/teach/similar?example=1&box={box}" for box in ("1%2C2%2C30%2C40", "5%2C6%2C20%2C16")]


def test_a_picture_is_shown_with_its_boxes_and_as_a_table(served: TestClient) -> None:
    page = get(served, "/p/smears/teach/1")
    assert not find_inline(page)
    (picture,) = [each for each in page.all("svg") if "data-picture" in each.attributes]
    assert picture.attributes["viewbox"] == "0 0 64 48"
    assert [each.attributes["d"] for each in picture.all("path", **{"class": "edge"})] == [
        "M1.00 2.00L30.00 2.00L30.00 40.00L1.00 40.00Z",
        "M5.00 6.00L20.00 6.00L20.00 16.00L5.00 16.00Z",
    ]
    assert [each.text for each in picture.all("text")] == ["R", "W"]
    assert [each.attributes["value"] for each in page.all("input", name="right")][:2] == ["30", "20"]
    assert served.get(picture.all("image")[0].attributes["href"]).headers["content-type"] == "image/jpeg"


def test_what_is_drawn_is_saved_with_its_new_kinds_and_undone(served: TestClient, home: Path) -> None:
    answered = save(served, 3, drawing=drawn(("platelet", [1, 2, 3, 4])), next="4", only="unanswered")
    address = answered.json()["address"]
    assert address.startswith("/p/smears/teach/4?only=unanswered&done=")
    assert json.loads(cell_of(home, 3) or "") == [{"label": "platelet", "xyxy": [1, 2, 3, 4]}]
    with Project.open("smears", home=home) as project:
        assert list(project.classes()) == ["red cell", "white cell", "platelet"]
        project.undo()
        assert list(project.classes()) == ["red cell", "white cell"]
        assert "answer" not in project.example(3).answers
    assert cell_of(home, 3) is None


def test_the_table_is_saved_without_a_script(served: TestClient, home: Path) -> None:
    rows = {
        "class": ["red cell", "white cell", "platelet", ""],
        "marks": ["{}", '{"crowd": true}', "{}", "{}"],
        "left": ["1", "5", "7.5", ""],
        "top": ["2", "6", "8", ""],
        "right": ["33", "20", "9", ""],
        "bottom": ["40", "16", "10", ""],
    }
    answered = served.post("/p/smears/teach/1/regions", data={**rows, "remove": "1", "seen": CELL, "done": "1"})
    assert answered.status_code == 200
    assert json.loads(cell_of(home, 1) or "") == [
        {"label": "red cell", "xyxy": [1, 2, 33, 40]},
        {"label": "platelet", "xyxy": [7.5, 8, 9, 10]},
    ]


def test_nothing_in_it_and_not_looked_at_are_two_things(served: TestClient, home: Path) -> None:
    assert save(served, 3, nothing="1").status_code == 200
    assert cell_of(home, 3) == "[]"
    assert save(served, 3, unanswered="1", seen="[]").status_code == 200
    assert cell_of(home, 3) is None
    refused = save(served, 3, drawing=drawn())
    assert refused.status_code == 400 and "Nothing in it" in refused.text


def test_nobody_overwrites_what_somebody_else_drew(served: TestClient, home: Path) -> None:
    with Project.open("smears", home=home, who="Anna") as project:
        project.label([3], CELL)
    refused = save(served, 3, drawing=drawn(("red cell", [1, 1, 9, 9])))
    assert refused.status_code == 409 and "Anna" in refused.text
    assert cell_of(home, 3) == CELL


@pytest.mark.parametrize(
    "drawing",
    [
        "no json",
        "[]",
        '{"regions": [{"label": "a", "corners": [1, 2, NaN, 4]}]}',
        '{"regions": [{"label": "a", "corners": [1, 2, 3]}]}',
        '{"regions": [{"label": null, "corners": [1, 2, 3, 4]}]}',
        '{"regions": [{"label": "a", "corners": [1, 2, 65, 4]}]}',
        '{"regions": [{"label": "a", "corners": [1, 2, 3, 4], "style": "x"}]}',
    ],
)
def test_a_drawing_that_is_none_is_refused_in_words(served: TestClient, home: Path, drawing: str) -> None:
    refused = save(served, 3, drawing=drawing)
    assert refused.status_code in (400, 422), refused.text
    assert read_html(refused.text).all("h1")
    assert cell_of(home, 3) is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"class": "", "left": "1", "top": "1", "right": "2", "bottom": "2"}, "row 1 has no kind"),
        ({"class": "a", "left": "1", "top": "", "right": "2", "bottom": "2"}, "left, top, right, bottom"),
        ({"class": "a", "left": "x", "top": "1", "right": "2", "bottom": "2"}, "row 1 has"),
    ],
)
def test_a_row_that_is_not_complete_says_what_is_missing(served: TestClient, row: dict[str, str], words: str) -> None:
    refused = save(served, 3, marks="{}", **row)
    assert refused.status_code == 400 and words in read_html(refused.text).text


def test_the_strip_has_eight_pictures_around_this_one(served: TestClient) -> None:
    def numbers(address: str) -> list[str]:
        links = get(served, address).all("ol")[0].all("a")
        return [each.attributes["href"].rpartition("/")[2].partition("?")[0] for each in links]

    assert numbers("/p/smears/teach/1") == list("12345678")
    assert numbers("/p/smears/teach/5") == ["3", "4", "5", "6", "7", "8", "9", "10"]
    assert numbers("/p/smears/teach/10?only=unanswered") == ["3", "4", "5", "6", "7", "8", "9", "10"]


def test_one_jumps_to_a_picture_by_its_number(served: TestClient) -> None:
    def jump(**query: str) -> str:
        answered = served.get("/p/smears/jump", params=query, follow_redirects=False)
        return str(answered.headers["location"])

    assert jump(position="4") == "/p/smears/teach/4"
    assert jump(position="4", only="unanswered") == "/p/smears/teach/6?only=unanswered"
    assert jump(position="99") == "/p/smears/teach/10"
    assert served.get("/p/smears/jump", params={"position": "x"}).status_code == 422


def test_names_are_text(served: TestClient, home: Path) -> None:
    save(served, 3, drawing=drawn((HOSTILE, [1, 2, 3, 4])))
    for address in ("/p/smears/teach/3", "/p/smears/teach"):
        page = get(served, address)
        assert all("onerror" not in each.attributes for each in page.all())
    assert HOSTILE in get(served, "/p/smears/teach/3").all("sh-drawing")[0].attributes["data-drawing"]


def test_a_picture_that_is_gone_says_so(served: TestClient, home: Path) -> None:
    with Project.open("smears", home=home) as project:
        project.path(project.example(9).inputs["image"]).unlink()
    assert "cannot be read any more" in get(served, "/p/smears/teach/9").text
    assert save(served, 9, drawing=drawn(("a", [1, 2, 3, 4]))).status_code == 400


def test_without_a_version_there_are_no_proposals(served: TestClient) -> None:
    assert "there is no version yet" in get(served, "/p/smears/teach/3?propose=true").text
    refused = served.get("/p/smears/teach/3/proposals")
    assert refused.status_code == 400 and "train one first" in refused.text


def test_a_kind_is_renamed_in_every_picture(served: TestClient, home: Path) -> None:
    with Project.open("smears", home=home) as project:
        project.rename_class("red cell", "erythrocyte")
        assert list(project.classes()) == ["erythrocyte", "white cell"]
        assert [box["label"] for box in json.loads(project.example(1).answers["boxes"])] == [
            "erythrocyte",
            "white cell",
        ]
        project.undo()
        assert project.example(1).answers["boxes"] == CELL


def test_proposals_are_shown_as_such_and_kept_only_when_accepted(
    served: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_training(monkeypatch, bundle=finding.bundle)
    with Project.open("smears", home=home) as project:
        run_job(project, project.jobs.start().id)
    found = served.get("/p/smears/teach/3/proposals").json()
    assert [(each["label"], each["accepted"]) for each in found["regions"]] == [
        ("red cell", True),
        ("white cell", False),
    ]
    assert found["words"] == "Of 100 boxes that it accepted on pictures that were put aside, about 90 were right."
    page = get(served, "/p/smears/teach/3?propose=true")
    assert [each.text for each in page.all("g", **{"class": "region proposed"})] == ["R?", "W?"]
    boxes = page.all("input", type="checkbox")
    assert len(boxes) == 2 and all("checked" in each.attributes for each in boxes)
    assert cell_of(home, 3) is None
    assert "3 of 10" not in get(served, "/p/smears/teach").text


def test_what_is_tried_has_the_colours_of_the_page(
    served: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's order of classes decides, not that of the model."""
    pretend_training(monkeypatch, bundle=finding.bundle)
    with Project.open("smears", home=home) as project:
        project.rename_class("red cell", "other")
        run_job(project, project.jobs.start().id)
    marks = {each["name"]: each["colour"] for each in served.get("/p/smears/teach/3/proposals").json()["classes"]}
    assert list(marks) == ["other", "white cell", "red cell"]
    answered = served.post("/p/smears/try", files={"file": ("a.png", picture_file(0.5, (240, 320)))})
    (shown,) = [each for each in read_html(answered.text).all("img") if each.attributes["src"].startswith("/shown/")]
    pixels = np.asarray(Image.open(BytesIO(served.get(shown.attributes["src"]).content)).convert("RGB")).astype(int)
    for colour in (marks["white cell"], marks["red cell"]):
        distance = np.abs(pixels - list(bytes.fromhex(colour[1:]))).max(2)
        assert np.count_nonzero(distance < 40) > 100, colour


def test_outlines_are_drawn_with_a_class_for_everything_else(served: TestClient, home: Path) -> None:
    served.post("/new", data={"name": "Roads", "answer": "mask", "senses": "image"})
    served.post("/p/roads/teach/files", files={"file": ("a.png", picture_file(0.5, (48, 64)))})
    page = get(served, "/p/roads/teach/1")
    assert "Draw the outline of each thing" in page.text
    assert [each.text for each in page.all("option") if "selected" in each.attributes] == ["background"]
    rows = {"class": ["road", ""], "marks": ["{}", "{}"], "corners": ["1,2 30,2 30,40", ""], "background": "background"}
    served.post("/p/roads/teach/1/regions", data=rows)
    with Project.open("roads", home=home) as project:
        cell = json.loads(project.example(1).answers["mask"])
        assert list(project.classes()) == ["road"]
    assert cell["size"] == [48, 64] and cell["background"] == "background"
    assert cell["outlines"] == [{"label": "road", "polygons": [[1, 2, 30, 2, 30, 40]]}]
    (path,) = get(served, "/p/roads/teach/1").all("path", **{"class": "edge", "stroke": "#0072b2"})
    assert path.attributes["d"] == "M1.00 2.00L30.00 2.00L30.00 40.00Z"


@settings(max_examples=25)
@given(
    st.integers(1, 8),
    st.tuples(st.integers(40, 3000), st.integers(40, 3000)),
    st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)),
)
def test_a_point_of_the_picture_is_where_it_is_shown(
    tmp_path_factory: pytest.TempPathFactory, orientation: int, size: tuple[int, int], at: tuple[float, float]
) -> None:
    """Coordinates are those of the upright file, however the camera was held and however small it is shown."""
    folder = tmp_path_factory.mktemp("pictures")
    width, height = size
    centre = round(at[0] * (width - 1)), round(at[1] * (height - 1))
    radius = max(8, max(size) // 25)
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = max(0, centre[1] - radius), max(0, centre[0] - radius)
    pixels[top : centre[1] + radius, left : centre[0] + radius] = 255
    (folder / "a.png").write_bytes(stored_turned(pixels, orientation))
    with Project.create("Turned", home=folder, answer="boxes", senses=["image"]) as project:
        (number,) = project.add([folder / "a.png"]).ids
        example = project.example(number)
        assert find_size(project, example) == (width, height)
        shown = np.asarray(Image.open(BytesIO(find_view(project, example, "screen"))))
        assert max(shown.shape) <= SIDES_PX["screen"]
        x, y = (int(point * side / full) for point, side, full in zip(centre, shown.shape[1::-1], size, strict=True))
        assert shown[y, x].min() > 200


def stored_turned(pixels: Any, orientation: int) -> bytes:
    """A PNG that shows these pixels when its EXIF orientation is applied."""
    turns = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a),
        7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda a: np.rot90(a, -1),
    }
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turns[orientation](pixels))).save(file, "PNG", exif=exif)
    return file.getvalue()


def test_a_part_of_a_picture_is_sent_in_full_detail(served: TestClient) -> None:
    assert served.get("/p/smears/tiles/1/x/0-0.jpg").headers["content-type"] == "image/jpeg"
    assert served.get("/p/smears/tiles/1/x/9-9.jpg").status_code == 400
    assert served.get("/p/smears/tiles/1/x/a-0.jpg").status_code == 422
