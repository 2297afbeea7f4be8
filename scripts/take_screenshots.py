"""Takes the pictures of docs/tutorials/tour.md: the demo project, step by step, in a browser without a window.

    PYTHONPATH=src:tests/support python scripts/take_screenshots.py [NAME...] [--home DIR] [--out DIR] [--all]

Without --home, the demo project is made and trained for a minute. With --all, each page is taken in both themes and
both widths. Needs chromium and chromium-driver.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import chdir
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from PIL import Image

from browsing import Browser, browsing
from seehear.projects import Project, Query, create_demo

OUT = Path("docs/pictures/tour")
WIDTHS_PX, THEMES = (1280, 390), ("light", "dark")
TALLEST_PX = 1100
MOST_BYTES = 60_000
SLUG = "demo-pictures"
LOADING = """return [...document.images].some((each) =>
    !each.complete && each.getBoundingClientRect().top < innerHeight && each.getBoundingClientRect().bottom > 0)"""


class Step(NamedTuple):
    """One page. `act` brings it into the state that is shown; `others` are taken besides light at 1280 pixels."""

    name: str
    address: str
    act: Callable[[Browser], None] = lambda _browser: None
    others: tuple[tuple[int, str], ...] = ()


def try_pictures(browser: Browser) -> None:
    """An answer, and an "I don't know" above it."""
    for number in (1, 4):
        browser.all(".unseen button")[number].click()
        browser.wait_for("It says")
        _wait(partial(_are_answered, browser, 1 + number // 4))
    browser.driver.execute_script("document.querySelector('#answers').scrollIntoView()")


def _are_answered(browser: Browser, least: int) -> bool:
    return len(browser.all("#answers .answer")) >= least


def mark_matches(browser: Browser) -> None:
    browser.find(".match")  # once all are compared
    for match in browser.all(".match")[:6]:
        said = "yes" if "four" in match.text else "no"
        browser.driver.execute_script("arguments[0].querySelector(`[name=${arguments[1]}]`).click()", match, said)
    browser.driver.execute_script("scrollTo(0, 0)")


PHONE, DARK = (390, "light"), (1280, "dark")
HOME = Step("home", "/", others=(DARK,))
STEPS = (
    Step("teach", f"/p/{SLUG}/teach", others=(PHONE,)),
    Step("example", f"/p/{SLUG}/teach/1"),
    Step("similar", f"/p/{SLUG}/teach/similar?example=1", mark_matches, (DARK,)),
    Step("train", f"/p/{SLUG}/train"),
    Step("try", f"/p/{SLUG}/try", try_pictures, (PHONE, DARK)),
    Step("review", f"/p/{SLUG}/review"),
    Step("versions", f"/p/{SLUG}/versions"),
    Step("model", f"/p/{SLUG}/model/1"),
    Step("history", f"/p/{SLUG}/history"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="pages, by the names of their pictures; all by default"
    )
    parser.add_argument("--home", type=Path, help="a home with a demo project that has a version")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        out = options.out.resolve()
        wanted = [step for step in (HOME, *STEPS) if step.name in (options.names or step.name)]
        home = (options.home or Path(folder) / "home").resolve()
        if HOME in wanted:
            with chdir(folder):  # so that the page names the folder as it does for others
                take(Path("seehear-projects"), [HOME], out, options.all)
        prepare(home)
        take(home, [step for step in wanted if step is not HOME], out, options.all)


def prepare(home: Path) -> None:
    """The demo project with a version, and some examples without an answer."""
    with create_demo(home) as project:
        if project.versions.served() is None:
            project.jobs.wait(project.jobs.start(minutes=1).id)
        if not project.find(Query(answered=False)):
            _take_answers(project)


def _take_answers(project: Project) -> None:
    for name in project.classes():
        project.label(project.find(Query(stratum=name))[40:], None)


def take(home: Path, steps: Sequence[Step], out: Path, every: bool) -> None:
    with TemporaryDirectory() as profile, browsing(home, Path(profile)) as browser:
        for step in steps:
            variants = [(width, theme) for width in WIDTHS_PX for theme in THEMES]
            for width, theme in variants if every else [(1280, "light"), *step.others]:
                _take(browser, step, width, theme, out)


def _take(browser: Browser, step: Step, width: int, theme: str, out: Path) -> None:
    browser.resize(width, theme)
    browser.open(step.address)
    step.act(browser)
    height = browser.driver.execute_script("return document.documentElement.scrollHeight")
    metrics = {"width": width, "height": min(height, TALLEST_PX), "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    _wait(lambda: not browser.driver.execute_script(LOADING))
    time.sleep(0.3)  # until it is drawn
    picture = Image.open(BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    path = out / f"{step.name}-{theme}-{width}.webp"
    path.write_bytes(to_webp(picture))
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB", flush=True)


def to_webp(picture: Image.Image) -> bytes:
    """As good as fits into MOST_BYTES."""
    made = b""
    for quality in range(90, 20, -10):
        file = BytesIO()
        picture.save(file, "WEBP", quality=quality, method=6)
        made = file.getvalue()
        if len(made) <= MOST_BYTES:
            break
    return made


def _wait(ready: Callable[[], bool], patience_s: float = 120) -> None:
    end_s = time.monotonic() + patience_s
    while not ready():
        if time.monotonic() > end_s:
            raise SystemExit("the page was not ready in time")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
