"""The first five minutes in a real browser: demo pictures, a version, an answer, and more like one example by keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from browsing import Browser, browsing
from pretended_training import pretend_training
from seehear.projects import Project, Query
from seehear.serve.app import create_app
from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SLUG = "demo-pictures"


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    pretend_training(monkeypatch, threads=True)
    app = create_app(ServeSettings(projects=tmp_path / "projects"), ModelRegistry())
    with browsing(app, tmp_path) as opened:
        yield opened


def check(browser: Browser) -> None:
    """The page is accessible in both themes, at both widths, and does not scroll sideways."""
    for width in (390, 1280):
        for theme in ("dark", "light"):
            browser.resize(width, theme)
            assert not browser.inaccessible(), (width, theme, browser.driver.current_url)
            assert not browser.overflows(), (width, browser.driver.current_url)


def press_keys(browser: Browser, keys: str) -> None:
    for key in keys:
        ActionChains(browser.driver).send_keys(key).perform()


def test_from_the_empty_page_to_a_first_answer_and_more_like_one(browser: Browser, tmp_path: Path) -> None:
    browser.open("/")
    check(browser)
    browser.press("Try it with demo pictures")
    browser.wait_for("These are demo pictures.")
    check(browser)
    browser.press("Train →")
    browser.press("Train, about 1 minute")
    browser.wait_for("Version 1 has learned")
    check(browser)
    browser.press("Try it")
    browser.find(".unseen button").click()
    browser.wait_for("It says")
    check(browser)
    find_more(browser, tmp_path / "projects")
    assert not browser.violations()
    assert not browser.foreign_requests()


def find_more(browser: Browser, home: Path) -> None:
    with Project.open(SLUG, home=home) as project:
        (first, *_) = project.find(Query(stratum="one"))
        for name in project.classes():
            project.label(project.find(Query(stratum=name))[20:], None)
    browser.open(f"/p/{SLUG}/teach/{first}")
    browser.press("Find more like this")
    browser.wait_for("Which of these are the same?")
    check(browser)
    press_keys(browser, "yyn")
    browser.wait_for("Put the 2 marked with yes into")
    browser.press("Search again with these")
    browser.wait_for("Put the 2 marked with yes into")
    press_keys(browser, "y1")
    browser.wait_for("put 3 similar examples into 'one'")
    check(browser)
    press_keys(browser, "z")
    browser.wait_for("undid")
    with Project.open(SLUG, home=home) as project:
        assert len(project.find(Query(stratum="one"))) == 20
