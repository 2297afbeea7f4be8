"""A real browser for tests: Chromium without a window, and what it asked for, refused and found inaccessible."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings
from sockets import listening

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PATIENCE_S = 60
LOOKS = ((390, "dark"), (1280, "light"))  # width and theme
WAYS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    "--force-prefers-reduced-motion",  # a colour that is still changing has too little contrast
    *("--disable-background-networking", "--disable-component-update", "--use-fake-ui-for-media-stream"),
    "--use-fake-device-for-media-stream",
)
# Kept in the session, because each page has a window of its own.
COUNT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  const found = JSON.parse(sessionStorage.getItem("violations") ?? "[]");
  found.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
  sessionStorage.setItem("violations", JSON.stringify(found));
});
"""


class Browser:
    """One window. Addresses are paths on the server."""

    def __init__(self, driver: webdriver.Chrome, origin: str) -> None:
        self.driver, self.origin = driver, origin

    def open(self, address: str) -> None:
        self.driver.get(self.origin + address)

    def find(self, css: str) -> WebElement:
        """The first element, once it is there."""
        return WebDriverWait(self.driver, PATIENCE_S).until(lambda d: d.find_element(By.CSS_SELECTOR, css))

    def all(self, css: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, css))

    def press(self, words: str) -> None:
        """The first visible button or link with these words."""
        condition = f"contains(normalize-space(.), {json.dumps(words, ensure_ascii=False)})"
        path = f"//*[self::button or self::a][{condition}]"

        def visible(driver: Any) -> Any:
            return next((each for each in driver.find_elements(By.XPATH, path) if each.is_displayed()), False)

        WebDriverWait(self.driver, PATIENCE_S).until(visible).click()

    def press_keys(self, *keys: str) -> None:
        """One after another, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def wait_for(self, words: str) -> None:
        """Until the page says this."""
        shown = WebDriverWait(self.driver, PATIENCE_S, ignored_exceptions=[Exception])
        shown.until(lambda d: words in d.find_element(By.TAG_NAME, "body").text, f"the page never said {words!r}")

    def wait_for_address(self, address: str) -> None:
        """Until the page is another one, whose path ends so."""
        shown = WebDriverWait(self.driver, PATIENCE_S)
        shown.until(lambda d: d.current_url.endswith(address), f"the browser never came to {address}")

    def resize(self, width: int, theme: str = "light") -> None:
        self.driver.set_window_size(width, 900)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def throttle(self, *, offline: bool = False, upload_bytes_per_s: int = -1) -> None:
        """Slow the connection down, or cut it; without arguments, mend it."""
        conditions = {
            "offline": offline,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": upload_bytes_per_s,
        }
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def check(self, looks: Sequence[tuple[int, str]] = LOOKS) -> None:
        """The page is accessible in both themes and does not scroll sideways from 390 pixels on."""
        for width, theme in looks:
            self.resize(width, theme)
            found = self.inaccessible()
            assert not found, (width, theme, self.driver.current_url, found)
            assert not self.overflows(), (width, self.driver.current_url)

    def overflows(self) -> bool:
        """Whether the page scrolls sideways."""
        return bool(self.driver.execute_script("return document.documentElement.scrollWidth > innerWidth + 1"))

    def violations(self) -> list[str]:
        """What the content policy refused since the window was opened."""
        return list(json.loads(self.driver.execute_script('return sessionStorage.getItem("violations") ?? "[]"')))

    def foreign_requests(self) -> list[str]:
        """Requests to anything but the server, since this was asked before."""
        asked = []
        for line in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        # The browser's own pages, such as the empty tab that it opens with, come from its installation: "chrome:".
        own = (f"{self.origin}/", "data:", "blob:", "about:", "chrome:", "chrome-untrusted:")
        return [url for url in asked if not url.startswith(own)]

    def inaccessible(self) -> list[str]:
        """What axe finds that is serious or critical."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
        return [f"{each['id']}: {node['target']} {node['html'][:120]}" for each in serious for node in each["nodes"]]


@contextmanager
def browsing(home: Path, folder: Path, microphone: Path | None = None) -> Iterator[Browser]:
    """A browser in front of a server. Skips the test where there is no Chromium.

    home        of the projects that are served
    folder      for its profile
    microphone  a wav file that its microphone hears, from its beginning each time; by default a beep each second
    """
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("needs chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    heard = [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}"]
    for way in (*WAYS, *heard, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(way)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    with listening(ServeSettings(projects=home), ModelRegistry()) as port:
        driver = webdriver.Chrome(options, webdriver.ChromeService(str(programs[1])))
        try:
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": COUNT_VIOLATIONS})
            yield Browser(driver, f"http://127.0.0.1:{port}")
        finally:
            driver.quit()
