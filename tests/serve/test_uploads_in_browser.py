"""Files that are sent from the page while the connection is cut: all of them get in, and none twice."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from browsing import Browser, browsing
from seehear.projects import Project
from serving import picture_file, sound_file

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
FILES = 90
SLOWLY = 2_000_000  # bytes per second, so that each of its pieces is seen
LARGE_S = 600.0  # of sound: more than is sent in one request
# Makes files of the page's own, gives them to the element, and cuts the connection when some have been sent.
SEND = """
const [tag, contents] = arguments;
const files = contents.map(([name, content]) =>
  new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
const element = document.querySelector(tag);
if (tag === "sh-files") element.send(files, "owl");
else element.sendFiles(files.map((file, i) => [`birds/${i % 2 ? "owl" : "wren"}/${file.name}`, file]));
"""


@pytest.fixture
def project(home: Path) -> Iterator[Project]:
    with Project.create("Birds", answer="label", home=home) as made:
        made.add_class("owl")
        yield made


@pytest.fixture
def browser(tmp_path: Path, home: Path, project: Project) -> Iterator[Browser]:
    with browsing(home, tmp_path) as opened:
        opened.open("/p/birds/teach")
        yield opened


def send(browser: Browser, tag: str, files: list[tuple[str, bytes]]) -> None:
    browser.driver.execute_script(SEND, tag, [[name, base64.b64encode(content).decode()] for name, content in files])


def pictures() -> list[tuple[str, bytes]]:
    """Of different sizes, so that each has a content of its own."""
    return [(f"{number}.png", picture_file(0.5, (8 + number, 8))) for number in range(FILES)]


@pytest.mark.parametrize("tag", ["sh-files", "sh-arriving"])
def test_many_files_over_a_connection_that_is_cut(browser: Browser, project: Project, tag: str) -> None:
    send(browser, tag, pictures())
    browser.wait_for("of 90")
    browser.throttle(offline=True)
    browser.wait_for("Trying again…")
    browser.throttle()
    if tag == "sh-arriving":
        browser.wait_for("This is what I understood")
        browser.press("Add them")
        browser.wait_for("90 examples added")
        browser.open("/p/birds/teach")
    browser.find(".kind[data-kind=owl] .thumb")
    owls = FILES if tag == "sh-files" else FILES // 2
    assert project.counts().classes == {"owl": owls} | ({"wren": FILES - owls} if owls < FILES else {})


def test_what_was_added_is_one_press_away_where_some_files_were_left_out(browser: Browser, project: Project) -> None:
    send(browser, "sh-files", [*pictures()[:2], ("empty.png", b"")])
    browser.wait_for("2 added. Left out: empty.png")
    browser.press("Show what was added")
    browser.find(".kind[data-kind=owl] .thumb")
    assert project.counts().classes == {"owl": 2}


def test_a_large_file_goes_on_where_it_stopped(browser: Browser, project: Project, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    assert path.write_bytes(sound_file(0.5, LARGE_S)) > 16 << 20
    browser.throttle(upload_bytes_per_s=SLOWLY)
    browser.find("#files").send_keys(str(path))
    browser.find("#files-put option:nth-child(2)").click()
    browser.press("Add them")
    browser.wait_for("Sending long.wav: 2")
    browser.throttle(offline=True)
    browser.wait_for("Trying again…")
    browser.throttle()
    browser.find(".kind[data-kind=owl] .thumb")
    assert project.counts().classes == {"owl": 1}
