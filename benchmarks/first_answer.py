"""The first five minutes: from `pip install` to a first answer with the demo pictures, as a person would press it.

    python -m benchmarks.first_answer [--extras train,start,serve]

Builds a wheel, installs it in a fresh environment, starts `seehear serve`, and drives Chromium. Prints when
each step was reached. Downloading takes most of the installation.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from benchmarks.clicking import open_browser

ROOT = Path(__file__).parents[1]
PATIENCE_S = 900
PORT = 8799


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_answer", description=__doc__)
    parser.add_argument("--extras", default="train,start,serve")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        wheel = _build(Path(folder) / "wheel")
        began_s = time.perf_counter()
        program = _install(wheel, options.extras, Path(folder) / "environment")
        _say("installed", began_s)
        with _serving(program, Path(folder)), open_browser() as driver:
            _drive(driver, began_s)


def _build(folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _install(wheel: Path, extras: str, folder: Path) -> Path:
    """The program `seehear` in a fresh environment."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    wanted = [f"{wheel}[{extras}]", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([str(folder / "bin/pip"), "install", "--quiet", *wanted], check=True)
    return folder / "bin/seehear"


@contextmanager
def _serving(program: Path, folder: Path) -> Iterator[None]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(program), "serve", "--port", str(PORT)]
    process = subprocess.Popen(command, cwd=folder, env=clean, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _drive(driver: webdriver.Chrome, began_s: float) -> None:
    _open(driver)
    _say("the first page", began_s)
    _press(driver, "Try it with demo pictures")
    _wait_for(driver, "These are demo pictures.")
    _say("240 pictures of four kinds", began_s)
    _press(driver, "Train →")
    _press(driver, "Train, about 1 minute")
    trained_s = time.perf_counter()
    _wait_for(driver, "Version 1 has learned")
    _say(f"version 1 has learned, in {time.perf_counter() - trained_s:.0f} s", began_s)
    _press(driver, "Try it")
    answers = []
    for picture in range(6):
        driver.find_elements(By.CSS_SELECTOR, ".unseen button")[picture].click()
        answers.append(WebDriverWait(driver, PATIENCE_S).until(partial(_read_answer, before=picture)))
        if not picture:
            _say("the first answer", began_s)
    print("answers:", "; ".join(answers))


def _open(driver: webdriver.Chrome) -> None:
    for _ in range(PATIENCE_S):
        try:
            driver.get(f"http://127.0.0.1:{PORT}/")
            return
        except Exception:  # it is not up yet
            time.sleep(0.1)


def _press(driver: webdriver.Chrome, words: str) -> None:
    path = f"//*[self::button or self::a][contains(normalize-space(.), '{words}')]"
    WebDriverWait(driver, PATIENCE_S).until(lambda d: d.find_element(By.XPATH, path)).click()


def _wait_for(driver: webdriver.Chrome, words: str) -> None:
    shown = WebDriverWait(driver, PATIENCE_S, ignored_exceptions=[Exception])
    shown.until(lambda d: words in d.find_element(By.TAG_NAME, "body").text)


def _read_answer(driver: webdriver.Chrome, before: int) -> str:
    """The newest answer, once there are more than before; "" until then."""
    shown = driver.find_elements(By.CSS_SELECTOR, "#answers .says-big")
    return shown[0].text if len(shown) > before else ""


def _say(what: str, began_s: float) -> None:
    print(f"{time.perf_counter() - began_s:7.1f} s  {what}", flush=True)


if __name__ == "__main__":
    main()
