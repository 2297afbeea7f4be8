"""From choosing a small picture on the page until its answer is shown, in Chromium without a window.

Needs `chromium` and `chromedriver`, as the browser tests do.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WARM_UP = 5
PATIENCE_S = 60
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
# Chooses a file, as a person does, and resolves to the milliseconds until an answer is in the page and painted.
CHOOSE = """
const [content, done] = [arguments[0], arguments[1]];
const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
const chosen = new DataTransfer();
chosen.items.add(new File([bytes], "a.jpg", { type: "image/jpeg" }));
const field = document.querySelector("sh-drop input[type=file]");
const began = performance.now();
const seen = new MutationObserver(() => {
  seen.disconnect();
  requestAnimationFrame(() => done(performance.now() - began));
});
seen.observe(document.querySelector("#answers"), { childList: true });
field.files = chosen.files;
field.dispatchEvent(new Event("change"));
"""


def is_installed() -> bool:
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


def measure_clicks_s(address: str, picture: Path, times: int) -> Sequence[float]:
    """Seconds from a choice to the answer, for each of several choices, on the page of one model."""
    content = base64.b64encode(picture.read_bytes()).decode()
    with open_browser() as driver:
        driver.get(address)
        taken_ms = [float(driver.execute_async_script(CHOOSE, content)) for _ in range(WARM_UP + times)]
    return [each / 1000 for each in taken_ms[WARM_UP:]]


@contextmanager
def open_browser() -> Iterator[Any]:
    """A driver of Chromium without a window, with a profile of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for each in OPTIONS:
        options.add_argument(each)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(PATIENCE_S)
    try:
        yield driver
    finally:
        driver.quit()
