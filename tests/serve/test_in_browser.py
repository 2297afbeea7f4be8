"""The pages in a real browser: the whole story of a project, by its buttons and keys, without the network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from browsing import Browser, browsing
from pretended_training import pretend_training
from serving import picture_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
STEPS = 6


@pytest.fixture
def browser(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    pretend_training(monkeypatch, threads=True)
    with browsing(home, tmp_path) as opened:
        yield opened


def write_pictures(folder: Path, name: str, first: float) -> str:
    """Paths as a field for files takes them."""
    paths = [folder / f"{name}-{number}.png" for number in range(STEPS)]
    for number, path in enumerate(paths):
        path.write_bytes(picture_file(first + number / 100))
    return "\n".join(map(str, paths))


def make_project(browser: Browser, tmp_path: Path) -> None:
    browser.open("/")
    browser.check()
    browser.press("Begin with pictures of different kinds")
    browser.find("#name").send_keys("Boards")
    browser.press("Begin")
    for name in ("dark", "bright"):
        browser.find("#kind-name").send_keys(name)
        browser.press("Create")
        browser.wait_for(f"created '{name}'")
    for name, first in (("dark", 0.1), ("bright", 0.8)):
        browser.find("#files").send_keys(write_pictures(tmp_path, name, first))
        browser.find(f"#files-put option:nth-child({2 if name == 'dark' else 3})").click()
        browser.press("Add them")
        browser.find(f".kind[data-kind={name}] .thumb img")


def test_from_the_first_picture_to_a_version_that_is_taken_back(browser: Browser, tmp_path: Path) -> None:
    make_project(browser, tmp_path)
    browser.check()
    keys = ActionChains(browser.driver)
    browser.driver.execute_script("arguments[0].focus()", browser.find(".kind[data-kind=dark] input[name=example]"))
    keys.send_keys(" ").send_keys("2").perform()
    browser.wait_for("put 1 example into 'bright'")
    browser.press_keys("z")
    browser.wait_for("undid")
    for number in (1, 2):
        browser.press("Train →") if number == 1 else browser.open("/p/boards/train")
        browser.find("#checked:not([hx-get])")  # the examples were looked through
        browser.check()
        browser.find(".band button").click()
        browser.open("/p/boards/train")
        browser.wait_for(f"Version {number}")
        browser.open("/p/boards/teach")
    browser.open("/p/boards/try")
    (tmp_path / "new.png").write_bytes(picture_file(0.95))
    browser.find("input[type=file]").send_keys(str(tmp_path / "new.png"))
    browser.wait_for("accepted from 80")
    assert browser.find(".says-big").text == "bright"
    browser.check()
    browser.press("Where did it look?")
    browser.wait_for("It reminded me of these")
    browser.check()
    browser.open("/p/boards/model")
    browser.press("Measure it")
    browser.wait_for("It was asked about")
    browser.check()
    browser.open("/p/boards/versions")
    browser.check()
    browser.press("Compare 1 with 2")
    browser.wait_for("not distinguishable")
    browser.check()
    browser.press("Promote version 2")
    browser.wait_for("promoted version 2")
    browser.press("Go back to the version before")
    browser.wait_for("rolled back")
    assert not browser.violations()
    assert not browser.foreign_requests()


def train(browser: Browser, number: int) -> None:
    browser.open("/p/boards/train")
    browser.find(".band button").click()
    browser.open("/p/boards/train")
    browser.wait_for(f"Version {number}")


def test_what_was_tried_is_kept_reviewed_by_keys_and_learned_from(browser: Browser, tmp_path: Path) -> None:
    make_project(browser, tmp_path)
    train(browser, 1)
    browser.open("/p/boards/review")
    browser.wait_for("No answers are kept")
    browser.check()
    browser.press("Keep what it is unsure of…")
    browser.find("input[value=unsure]").click()
    browser.press("Save")
    browser.wait_for("decided that unsure answers are kept for 30 days")
    browser.check()
    for number, level in enumerate((0.49, 0.5, 0.51, 0.52)):
        path = tmp_path / f"tried-{number}.png"
        path.write_bytes(picture_file(level))
        browser.open("/p/boards/try")
        browser.find("input[type=file]").send_keys(str(path))
        browser.wait_for("I don’t know")
    browser.open("/p/boards")  # leads to what is next
    browser.wait_for("1 of 4")
    browser.check()
    for key, place in (("2", "2 of 4"), ("0", "3 of 4"), ("s", "4 of 4"), ("z", "3 of 4"), ("x", "4 of 4")):
        browser.press_keys(key)
        browser.wait_for(place)
    assert browser.find("#chapters .count").text == "1"
    browser.press_keys("\n")
    browser.wait_for("Nothing to review")
    browser.check()
    browser.press_keys("z")
    browser.wait_for("4 of 4")
    browser.press_keys("1")
    browser.wait_for("Nothing to review")
    browser.press("Enough for now: train with these 2")
    train(browser, 2)
    browser.open("/p/boards/settings")
    browser.press("Delete 1 answer…")
    browser.wait_for("Delete 1 answer?")
    browser.check()
    browser.press("Keep it")
    browser.press("Delete 1 answer…")
    browser.find("dialog button").click()
    browser.wait_for("1 kept answer deleted")
    assert not browser.violations()
    assert not browser.foreign_requests()


def test_the_menu_leads_to_other_projects_and_single_keys_can_be_off(browser: Browser, tmp_path: Path) -> None:
    for name in ("Boards", "Ward notes"):
        browser.open("/new?answer=label&senses=image")
        browser.find("#name").send_keys(name)
        browser.press("Begin")
        browser.wait_for("Show it some of each kind")
    browser.find(".menu summary").click()
    browser.check()
    browser.find(".menu a[href='/p/boards']").click()
    browser.wait_for_address("/p/boards/teach")
    browser.wait_for("Show it some of each kind")
    browser.open("/settings")
    browser.driver.execute_script("arguments[0].click()", browser.find("input[name=keys][value=off]"))
    browser.find("#looks button").click()
    browser.find("body[data-single-keys=off]")


@pytest.mark.parametrize("address", ("/help/keys", "/licences", "/settings"))
def test_other_pages_are_accessible(browser: Browser, address: str) -> None:
    browser.open(address)
    browser.check()
    assert not browser.violations()
    assert not browser.foreign_requests()
