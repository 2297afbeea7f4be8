"""Sound and camera in a real browser: record two classes, mark stretches, try live, write down what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

import scribe
import tiny
from browsing import Browser, browsing
from made_projects import add_version
from seehear.projects import Project
from seehear.runtime.bundle import Bundle
from seehear.serve.app import create_app
from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings
from serving import sound_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
RATE_HZ = 48_000


@pytest.fixture
def browser(tmp_path: Path, home: Path) -> Iterator[Browser]:
    """Its microphone hears half a second of noise, then a second and a half of silence, again and again."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE_HZ // 2)
    soundfile.write(tmp_path / "heard.wav", np.concatenate([np.zeros(RATE_HZ), noise, np.zeros(RATE_HZ // 2)]), RATE_HZ)
    app = create_app(ServeSettings(projects=home), ModelRegistry())
    with browsing(app, tmp_path, tmp_path / "heard.wav") as opened:
        yield opened
        assert not opened.violations()
        assert not opened.foreign_requests()


def check(browser: Browser) -> None:
    """The page is accessible in both themes and does not scroll sideways from 390 pixels on."""
    for width, theme in ((390, "dark"), (1280, "light")):
        browser.resize(width, theme)
        assert not browser.inaccessible(), (width, theme, browser.driver.current_url)
        assert not browser.overflows(), (width, browser.driver.current_url)


def press(browser: Browser, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


def click(browser: Browser, css: str) -> None:
    """Also where a fixed bar covers it."""
    browser.driver.execute_script("arguments[0].click()", browser.find(css))


def make_project(home: Path, answer: str, sense: str, *classes: str) -> None:
    with Project.create("Birds", answer=answer, senses=[sense], home=home) as project:
        for name in classes:
            project.add_class(name)


def promote(home: Path, bundle: Bundle) -> None:
    with Project.open("birds", home=home) as project:
        add_version(project, 1, bundle)
        project.versions.promote(1)


def test_a_label_by_sound_from_the_microphone_to_live_answers(browser: Browser, home: Path) -> None:
    make_project(home, "label", "audio", "bright", "dark")
    for number, name in ((1, "bright"), (2, "dark")):
        browser.open("/p/birds/teach")
        browser.find("sh-record [data-record]")
        press(browser, str(number), "r")
        browser.wait_for("Loud enough")
        browser.wait_for("0:05.")
        press(browser, "r")
        browser.wait_for("Piece 2")
        check(browser)
        click(browser, "sh-record [data-add]")
        browser.wait_for("of recording")
        with Project.open("birds", home=home) as project:
            counted = project.counts().classes
            assert counted[name] >= 2
    with Project.open("birds", home=home) as project:
        spans = [each.span_s for each in project.examples()]
        lengths_s = [span[1] - span[0] for span in spans if span]
        assert len(lengths_s) == len(spans)
        assert sum(0.4 < length_s < 1.2 for length_s in lengths_s) > len(spans) / 2  # the first and last are cut off
        (long,) = project.add_uploads([("pond.wav", [sound_file(0.5, seconds=30)])]).ids
    mark_stretches(browser, home, long)
    promote(home, tiny.bundle("audio"))
    browser.open("/p/birds/try/live")
    press(browser, "l")
    browser.wait_for("It says")
    check(browser)
    press(browser, "s")
    browser.find("[data-start]:not([hidden])")
    assert not browser.all(".live-answer")


def mark_stretches(browser: Browser, home: Path, number: int) -> None:
    browser.open(f"/p/birds/teach/{number}")
    browser.wait_for("0:30.00 long")
    view = browser.find("[data-view]")
    drag = ActionChains(browser.driver).move_to_element_with_offset(view, -100, 0).click_and_hold()
    drag.move_by_offset(90, 0).release().perform()
    browser.wait_for("Now say what it is")
    press(browser, "2")
    browser.wait_for("added 1 example of pond.wav")
    press(browser, "]", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    browser.wait_for("instead of")
    check(browser)
    assert browser.driver.execute_script("return document.activeElement.dataset.edge") == "1"
    press(browser, "z")
    browser.wait_for("undid: added 1 example")
    for edge, time in (("start", "0:20.00"), ("end", "99")):
        browser.find(f"#{edge}-new").send_keys(time)
    browser.press("Add")
    browser.wait_for("the excerpt ends at 99.00 s, the recording at 30.00 s")
    with Project.open("birds", home=home) as project:
        (stretch,) = project.recordings.stretches(number)
        assert stretch.answers == {"label": "dark"}


def test_what_is_said_is_proposed_corrected_and_heard_live(browser: Browser, home: Path) -> None:
    make_project(home, "text", "audio")
    with Project.open("birds", home=home) as project:
        project.add_uploads([("ward.wav", [sound_file(0.5, seconds=3)])])
    promote(home, scribe.bundle())
    browser.open("/p/birds/teach/1")
    browser.wait_for("Proposed by version 1")
    field = browser.find("textarea.proposed")
    assert field.get_attribute("value") == "a b"
    check(browser)
    field.send_keys(" b", Keys.F6, Keys.F6, Keys.F6)
    assert not browser.all("textarea.proposed")
    field.send_keys(Keys.CONTROL, Keys.ENTER)
    browser.wait_for("answered 1 example")
    with Project.open("birds", home=home) as project:
        assert project.example(1).answers == {"text": "a b b"}
    browser.open("/p/birds/try/live")
    press(browser, "l")
    browser.wait_for("a b")
    check(browser)
    press(browser, "s")
    browser.wait_for("Text (txt)")


def test_pictures_are_taken_and_tried_live(browser: Browser, home: Path) -> None:
    make_project(home, "label", "image", "bright", "dark")
    browser.open("/p/birds/teach")
    browser.find("sh-camera [data-open]")
    press(browser, "2", "c")
    browser.find("[data-take]:not([hidden])")
    press(browser, "r")
    browser.wait_for("Add 1 picture")
    check(browser)
    click(browser, "sh-camera [data-add]")
    browser.find(".kind[data-kind=dark] .thumb img")
    promote(home, tiny.bundle())
    browser.open("/p/birds/try/live")
    press(browser, "c")
    browser.wait_for("It says")
    check(browser)
    press(browser, "r")
    browser.find("#answers img")
    press(browser, "s")
    browser.find("[data-start]:not([hidden])")
