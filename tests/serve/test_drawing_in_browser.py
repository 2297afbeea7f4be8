"""Drawing in a real browser: by mouse and keyboard, saved and shown again, and proposals of a version accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import finding
from browsing import Browser, browsing
from pretended_training import pretend_training
from seehear.projects import Project
from serving import picture_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SIZE = 320, 240
POINTS = 2000


@pytest.fixture
def browser(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    pretend_training(monkeypatch, threads=True, bundle=finding.bundle)
    with browsing(home, tmp_path) as opened:
        yield opened


def add_pictures(browser: Browser, tmp_path: Path) -> None:
    paths = [tmp_path / f"smear-{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(picture_file(0.3 + number / 10, SIZE[::-1]))
    browser.find("#files").send_keys("\n".join(map(str, paths)))
    browser.press("Add them")
    browser.find(".film li:nth-child(4)")


def drag(browser: Browser, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one point of the picture to another; both as shares of its width and height."""
    picture = browser.find("[data-picture]")
    width, height = picture.size["width"], picture.size["height"]

    def at(point: tuple[float, float]) -> tuple[int, int]:  # from the middle, as the driver counts
        return round((point[0] - 0.5) * width), round((point[1] - 0.5) * height)

    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", picture)
    actions = ActionChains(browser.driver).move_to_element_with_offset(picture, *at(start)).click_and_hold()
    actions.move_to_element_with_offset(picture, *at(end)).release().perform()


def boxes_of(home: Path, number: int) -> list[dict[str, Any]]:
    with Project.open("smears", home=home) as project:
        found: list[dict[str, Any]] = json.loads(project.example(number).answers["boxes"])
        return found


def close_to(box: dict[str, Any], corners: tuple[float, ...]) -> bool:
    return all(abs(one - other) <= 2 for one, other in zip(box["xyxy"], corners, strict=True))


def test_boxes_from_the_first_picture_to_proposals(browser: Browser, home: Path, tmp_path: Path) -> None:
    browser.open("/")
    browser.press("Begin with things in pictures")
    browser.find("#name").send_keys("Smears")
    browser.press("Begin")
    add_pictures(browser, tmp_path)
    browser.check()
    browser.press("Draw")
    for name in ("red cell", "white cell"):
        browser.find("#new-class").send_keys(name, Keys.ENTER)
        browser.find(f'.classes [data-label="{name}"][aria-pressed=true]')
    drag(browser, (0.1, 0.1), (0.4, 0.5))
    browser.wait_for("white cell, box 1 of 1")
    drag(browser, (0.5, 0.5), (0.9, 0.9))
    browser.press_keys("1")
    assert browser.find("[data-selected-title]").text == "Selected: red cell"
    browser.press_keys("n", Keys.ENTER, *[Keys.ARROW_RIGHT] * 20, *[Keys.ARROW_UP] * 10, Keys.ENTER)
    browser.wait_for("red cell, box 3 of 3")
    browser.press_keys(Keys.DELETE, "z", Keys.ARROW_LEFT)  # removed, brought back, moved
    browser.check()
    browser.resize(1280)
    browser.press_keys(Keys.ENTER)
    browser.wait_for("1 of 4 pictures is checked by you")
    first, second, third = boxes_of(home, 1)
    assert (first["label"], second["label"], third["label"]) == ("white cell", "red cell", "red cell")
    assert close_to(first, (32, 24, 128, 120)) and close_to(second, (160, 120, 288, 216))
    assert third["xyxy"][2] > third["xyxy"][0] and abs(third["xyxy"][3] - 120) <= 2
    browser.press("Nothing in it")
    browser.wait_for("2 of 4 pictures are checked by you")
    browser.open("/p/smears/teach/1")
    assert len(browser.all(".region[role=button]")) == 3
    accept_a_proposal(browser, home)
    browser.open("/p/smears/try")
    browser.find("input[type=file]").send_keys(str(tmp_path / "smear-3.png"))
    browser.wait_for("1 of 2 boxes accepted")
    browser.check()
    assert not browser.violations()
    assert not browser.foreign_requests()


def accept_a_proposal(browser: Browser, home: Path) -> None:
    """On the third picture, after a training."""
    with Project.open("smears", home=home) as project:
        project.jobs.start()
    browser.open("/p/smears/train")
    browser.wait_for("Version 1")
    browser.open("/p/smears/teach/3")
    browser.press_keys("p")
    browser.wait_for("2 proposals")
    assert len(browser.all(".region.proposed")) == 2
    browser.check()
    browser.driver.execute_script("document.querySelector('.region.proposed').focus()")
    browser.press_keys("y")
    browser.wait_for("1 proposal")
    browser.driver.execute_script("document.querySelector('.region.proposed').focus()")
    browser.press_keys("x")
    browser.wait_for("Rejected.")
    browser.press_keys("p")
    browser.wait_for("Nothing more is proposed.")
    browser.press_keys(Keys.ENTER)
    browser.wait_for("3 of 4 pictures are checked by you")
    (accepted,) = boxes_of(home, 3)
    assert accepted["label"] == "red cell" and close_to(accepted, (80, 40, 160, 120))


def make_roads(home: Path, tmp_path: Path) -> None:
    """A project of two pictures to be outlined."""
    with Project.create("Roads", home=home, answer="mask", senses=["image"]) as project:
        for number in range(2):
            (tmp_path / f"road-{number}.png").write_bytes(picture_file(0.4 + number / 10, SIZE[::-1]))
        project.add([tmp_path / "road-0.png", tmp_path / "road-1.png"])
        project.add_class("road")


def test_outlines_are_saved_once_the_server_answers_again(browser: Browser, home: Path, tmp_path: Path) -> None:
    make_roads(home, tmp_path)
    browser.open("/p/roads/teach/1")
    browser.press_keys(
        "n", Keys.ENTER, *[Keys.ARROW_RIGHT] * 12, Keys.ENTER, *[Keys.ARROW_DOWN] * 12, Keys.ENTER, Keys.ENTER
    )
    browser.wait_for("road, outline 1 of 1, 3 corners")
    browser.press_keys("]", "]", Keys.ARROW_UP, "i")
    browser.wait_for("Corner 2 of 4")
    drag(browser, (0.1, 0.1), (0.3, 0.1))  # a line is no outline
    assert len(browser.all(".region[role=button]")) == 1
    browser.check()
    browser.throttle(offline=True)
    browser.press_keys(Keys.ENTER)
    browser.wait_for("Not saved: the server does not answer. Your 1 outline is kept in this page")
    browser.throttle()
    browser.wait_for("1 of 2 pictures is checked by you")
    with Project.open("roads", home=home) as project:
        cell = json.loads(project.example(1).answers["mask"])
    (outline,) = cell["outlines"]
    (corners,) = outline["polygons"]
    assert outline["label"] == "road" and len(corners) == 8 and cell["background"] == "background"
    assert not browser.violations()


MAP_POINTS = """
const [done, address, points] = [arguments[2], arguments[0], arguments[1]];
import(address).then((geometry) => done(points.map(([x, y, left, top, width, height, w, h]) => {
  const [rect, size] = [{ left, top, width, height }, [w, h]];
  const back = geometry.toWindow(geometry.toFile([x, y], rect, size), rect, size);
  const box = geometry.boxBetween(geometry.toFile([x, y], rect, size), [w - y, h - x], size);
  const moved = geometry.shifted(box, [Math.round(x), -Math.round(y)], size);
  const handle = ["n", "ne", "e", "se", "s", "sw", "w", "nw"][Math.floor(x) % 8];
  return { back, box, moved, resized: geometry.resized(box, handle, [y, x], size) };
})));
"""


def test_the_geometry_of_the_page_keeps_points_in_place_and_boxes_in_the_picture(browser: Browser) -> None:
    from random import Random

    from seehear.serve.pages.static_files import read_static_files

    random = Random(0)
    points = [
        [
            *(random.uniform(0, 2000), random.uniform(0, 2000), random.uniform(-500, 500), random.uniform(-500, 500)),
            *(random.uniform(10, 5000), random.uniform(10, 5000), random.randint(1, 12_000), random.randint(1, 12_000)),
        ]
        for _ in range(POINTS)
    ]
    browser.open("/")
    address = read_static_files().address("geometry.js")
    found = browser.driver.execute_async_script(MAP_POINTS, address, points)
    for (x, y, *_rect, width, height), each in zip(points, found, strict=True):
        assert abs(each["back"][0] - x) < 1e-6 and abs(each["back"][1] - y) < 1e-6
        for name in ("box", "moved", "resized"):
            left, top, right, bottom = each[name]
            assert 0 <= left < right <= width and 0 <= top < bottom <= height, (name, each)
            assert all(float(side).is_integer() for side in each[name])
        sides = [[box[2] - box[0], box[3] - box[1]] for box in (each["box"], each["moved"])]
        assert sides[0] == sides[1], "moving changed its size"
