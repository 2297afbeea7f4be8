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
from serving import burst_file, sound_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
RATE_HZ = 48_000


@pytest.fixture
def browser(tmp_path: Path, home: Path) -> Iterator[Browser]:
    """Its microphone hears half a second of noise, then a second and a half of silence, again and again."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE_HZ // 2)
    soundfile.write(tmp_path / "heard.wav", np.concatenate([np.zeros(RATE_HZ), noise, np.zeros(RATE_HZ // 2)]), RATE_HZ)
    with browsing(home, tmp_path, tmp_path / "heard.wav") as opened:
        yield opened
        assert not opened.violations()
        assert not opened.foreign_requests()


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
        browser.press_keys(str(number), "r")
        browser.wait_for("Loud enough")
        browser.wait_for("0:05.")
        browser.press_keys("r")
        browser.wait_for("Piece 2")
        browser.check()
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
    browser.press_keys("l")
    browser.wait_for("It says")
    browser.check()
    browser.press_keys("s")
    browser.find("[data-start]:not([hidden])")
    assert not browser.all(".live-answer")


def mark_stretches(browser: Browser, home: Path, number: int) -> None:
    browser.open(f"/p/birds/teach/{number}")
    browser.wait_for("0:30.00 long")
    view = browser.find("[data-view]")
    drag = ActionChains(browser.driver).move_to_element_with_offset(view, -100, 0).click_and_hold()
    drag.move_by_offset(90, 0).release().perform()
    browser.wait_for("Now say what it is")
    browser.press_keys("2")
    browser.wait_for("added 1 example of pond.wav")
    browser.press_keys("]", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    browser.wait_for("instead of")
    browser.check()
    assert browser.driver.execute_script("return document.activeElement.dataset.edge") == "1"
    browser.press_keys("z")
    browser.wait_for("undid: added 1 example")
    for edge, time in (("start", "0:20.00"), ("end", "99")):
        browser.find(f"#{edge}-new").send_keys(time)
    browser.press("Add")
    browser.wait_for("the excerpt ends at 99.00 s, the recording at 30.00 s")
    with Project.open("birds", home=home) as project:
        (stretch,) = project.recordings.stretches(number)
        assert stretch.answers == {"label": "dark"}


def test_stretches_are_proposed_accepted_corrected_and_rejected_by_keys(browser: Browser, home: Path) -> None:
    make_project(home, "label", "audio", "bright", "dark")
    with Project.open("birds", home=home) as project:
        project.add_uploads([("pond.wav", [burst_file(1, 5, 9, 30, 70, seconds=90)])])
    promote(home, tiny.bundle("audio"))
    browser.open("/p/birds/teach/1")
    browser.wait_for("1:30.00 long")
    browser.press_keys("s")
    browser.wait_for("It has listened to all of it.")
    browser.wait_for("5 proposals")
    assert len(browser.all(".wave .mark.proposed")) == 4, "the first minute is shown"
    browser.check()
    browser.press_keys(*"nnnnn")
    assert browser.driver.execute_script("return document.querySelector('sh-wave').first") > 10, "the waveform follows"
    browser.press_keys("n", "y")
    browser.wait_for("added 1 example of pond.wav")
    browser.wait_for("4 proposals")
    browser.press_keys("2")
    browser.wait_for("3 proposals")
    browser.press_keys("x")
    browser.wait_for("Take back the 1 rejected")
    browser.press_keys("]", Keys.ARROW_RIGHT, "a")
    browser.wait_for("added 2 examples of pond.wav")
    browser.find("[data-take-back]").click()
    browser.wait_for("1 proposal")
    with Project.open("birds", home=home) as project:
        found = [(each.span_s, each.answers["label"]) for each in project.recordings.stretches(1)]
    assert found == [
        ((0.9, 1.6), "bright"),
        ((4.9, 5.6), "dark"),
        ((29.9, 30.61), "bright"),
        ((69.9, 70.6), "bright"),
    ]


def test_what_is_said_is_proposed_corrected_and_heard_live(browser: Browser, home: Path) -> None:
    make_project(home, "text", "audio")
    with Project.open("birds", home=home) as project:
        project.add_uploads([("ward.wav", [sound_file(0.5, seconds=3)])])
    promote(home, scribe.bundle())
    browser.open("/p/birds/teach/1")
    browser.wait_for("Proposed by version 1")
    field = browser.find("textarea.proposed")
    assert field.get_attribute("value") == "a b"
    browser.check()
    field.send_keys(" b", Keys.F6, Keys.F6, Keys.F6)
    assert not browser.all("textarea.proposed")
    field.send_keys(Keys.CONTROL, Keys.ENTER)
    browser.wait_for("answered 1 example")
    with Project.open("birds", home=home) as project:
        assert project.example(1).answers == {"text": "a b b"}
    browser.open("/p/birds/try/live")
    browser.press_keys("l")
    browser.wait_for("a b")
    browser.check()
    browser.press_keys("s")
    browser.wait_for("Text (txt)")


def test_pictures_are_taken_and_tried_live(browser: Browser, home: Path) -> None:
    make_project(home, "label", "image", "bright", "dark")
    browser.open("/p/birds/teach")
    browser.find("sh-camera [data-open]")
    browser.press_keys("2", "c")
    browser.find("[data-take]:not([hidden])")
    browser.press_keys("r")
    browser.wait_for("Add 1 picture")
    browser.check()
    click(browser, "sh-camera [data-add]")
    browser.find(".kind[data-kind=dark] .thumb img")
    promote(home, tiny.bundle())
    browser.open("/p/birds/try/live")
    browser.press_keys("c")
    browser.wait_for("It says")
    browser.check()
    browser.press_keys("r")
    browser.find("#answers img")
    browser.press_keys("s")
    browser.find("[data-start]:not([hidden])")
