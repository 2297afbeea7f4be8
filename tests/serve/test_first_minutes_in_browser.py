"""The first five minutes in a real browser: demo pictures, a version, an answer, and more like one example by keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Browser, browsing
from pretended_training import pretend_training
from seehear.projects import Project, Query

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SLUG = "demo-pictures"
ALL_LOOKS = [(width, theme) for width in (390, 1280) for theme in ("dark", "light")]


@pytest.fixture
def browser(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    pretend_training(monkeypatch, threads=True)
    with browsing(home, tmp_path) as opened:
        yield opened


def test_from_the_empty_page_to_a_first_answer_and_more_like_one(browser: Browser, home: Path) -> None:
    browser.open("/")
    browser.check(ALL_LOOKS)
    browser.press("Try it with demo pictures")
    browser.wait_for("These are demo pictures.")
    browser.check(ALL_LOOKS)
    browser.press("Train →")
    browser.press("Train, about 1 minute")
    browser.wait_for("Version 1 has learned")
    browser.check(ALL_LOOKS)
    browser.press("Try it")
    browser.find(".unseen button").click()
    browser.wait_for("It says")
    browser.check(ALL_LOOKS)
    find_more(browser, home)
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
    browser.check(ALL_LOOKS)
    browser.press_keys("yyn")
    browser.wait_for("Put the 2 marked with yes into")
    browser.press("Search again with these")
    browser.wait_for("Put the 2 marked with yes into")
    browser.press_keys("y1")
    browser.wait_for("put 3 similar examples into 'one'")
    browser.check(ALL_LOOKS)
    browser.press_keys("z")
    browser.wait_for("undid")
    with Project.open(SLUG, home=home) as project:
        assert len(project.find(Query(stratum="one"))) == 20
