"""The server: latency and throughput beside `predict` in one process, overload, slow clients, models that are replaced
under load, and the page in a browser.

    python -m benchmarks.server [--seconds 60]

Five minutes on two cores. The requests come from other processes on the same machine, which take a part of its cores.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import seehear
from benchmarks.clicking import is_installed, measure_clicks_s
from benchmarks.machine import pace
from benchmarks.promoting import count_answers
from benchmarks.results import Figure, record
from seehear.api import Recogniser

EXAMPLES, SIDE_PX = 40, 96
START = "efficientnet-lite0"
ALONE = 200  # pictures that are asked for one by one
CLIENTS = 16  # at saturation
FEW = 4  # clients beside slow ones
SLOW = 500
OVERLOAD = 10
CLICKS = 100
PROMOTIONS = 100
MS = 1000
KEPT_S = 60  # results of shorter runs are only printed


class Server(NamedTuple):
    """A server that runs; `port` is its own."""

    process: subprocess.Popen[str]
    port: int

    def resident_mib(self) -> float:
        """Memory that it has now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / (1 << 20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("--data", type=Path, help="not used")
    parser.add_argument("--seconds", type=float, default=60, help="of overload; other parts last a third of it or less")
    options = parser.parse_args()
    before = pace()
    with TemporaryDirectory() as folder:
        place = Path(folder)
        model = _make_model(place)
        picture = next((place / "pictures").rglob("*.jpg"))
        figures = [*_measure(model, place, picture, options.seconds)]
    record(
        "server",
        f"{START}, pictures of {SIDE_PX} px as JPEG",
        figures,
        before=before,
        after=pace(),
        keep=options.seconds >= KEPT_S,
    )
    return 0


def _measure(model: Recogniser, place: Path, picture: Path, overload_s: float) -> Iterator[Figure]:
    alone_s, per_s = _ask_in_process(model, picture)
    yield Figure("server: one picture in process, median", MS * alone_s, "ms")
    yield Figure("server: pictures in process", per_s, "pictures/s")
    with _serve(place / "model.seehear") as server:
        load = Load(server, picture)
        load.run("--clients", 1, seconds=3)  # warm up
        one = load.run("--clients", 1, seconds=overload_s / 3)
        yield Figure("server: one client, median over in process", MS * (one["p50_s"] - alone_s), "ms", at_most=3)
        yield from _overload(server, load, per_s, overload_s)
        yield from _beside_slow_clients(load, overload_s / 3)
        yield from _click(server, picture)
    yield from _promote(place / "model.seehear", picture)


def _overload(server: Server, load: Load, in_process_per_s: float, overload_s: float) -> Iterator[Figure]:
    """Saturation is measured before and after, as the machine may become faster or slower meanwhile."""
    before = load.run("--clients", CLIENTS, seconds=overload_s / 4)
    before_mib = server.resident_mib()
    over = load.run("--per-s", OVERLOAD * answered_per_s(before), seconds=overload_s)
    gained_mib = server.resident_mib() - before_mib
    after = load.run("--clients", CLIENTS, seconds=overload_s / 4)
    saturated_per_s = (answered_per_s(before) + answered_per_s(after)) / 2
    saturated_p99_s = (before["p99_s"] + after["p99_s"]) / 2
    others = sum(count for status, count in over["statuses"].items() if status not in ("200", "503"))
    yield Figure("server: throughput at saturation", saturated_per_s, "pictures/s")
    yield Figure("server: relative to in process", saturated_per_s / in_process_per_s, "%", at_least=0.7)
    goodput = answered_per_s(over) / saturated_per_s
    yield Figure(f"server: goodput at {OVERLOAD} x overload, of saturation", goodput, "%", at_least=0.9)
    yield Figure("server: p99 then, over that at saturation", over["p99_s"] / saturated_p99_s, at_most=2)
    yield Figure("server: neither answered nor 503", others + over["broken"], at_most=0)
    yield Figure("server: memory gained", gained_mib, "MiB", at_most=20)


def _beside_slow_clients(load: Load, seconds: float) -> Iterator[Figure]:
    few = load.run("--clients", FEW, seconds=seconds)
    slow = load.start("--slow", SLOW, seconds=seconds + 4)
    time.sleep(2)
    beside = load.run("--clients", FEW, seconds=seconds)
    slow.communicate()
    yield Figure(f"server: p99 beside {SLOW} slow clients, over alone", beside["p99_s"] / few["p99_s"], at_most=2)


def _click(server: Server, picture: Path) -> Iterator[Figure]:
    if not is_installed():
        print("chromium and chromedriver are not installed: the page is not measured", file=sys.stderr)
        return
    taken_s = sorted(measure_clicks_s(f"http://127.0.0.1:{server.port}/models/model/try", picture, CLICKS))
    yield Figure("page: from click to answer, median", MS * statistics.median(taken_s), "ms")
    yield Figure("page: from click to answer, p95", MS * taken_s[round(0.95 * CLICKS) - 1], "ms", at_most=150)


def _promote(model: Path, picture: Path) -> Iterator[Figure]:
    counts = count_answers(model, picture, PROMOTIONS)
    what = f"server: of {counts['right']:,} answers under {counts['changes']} promotions and roll-backs"
    yield Figure(f"{what}, failed or mixed", counts["failed"] + counts["mixed"], at_most=0)


def _make_model(place: Path) -> Recogniser:
    """A model of the usual size; what it has learned does not matter."""
    draw = np.random.default_rng(0)
    for number in range(EXAMPLES):
        kind = ("plain", "rough")[number % 2]
        (place / "pictures" / kind).mkdir(parents=True, exist_ok=True)
        pixels = np.full((SIDE_PX, SIDE_PX, 3), 90.0) + draw.normal(0, 5 + 60 * (number % 2), (SIDE_PX, SIDE_PX, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / "pictures" / kind / f"{number}.jpg")
    seehear.train(place / "pictures", place / "model.seehear", steps=3, start=START)
    return seehear.load(place / "model.seehear")


def _ask_in_process(model: Recogniser, picture: Path) -> tuple[float, float]:
    """Seconds for one picture, the median; and pictures per second when many are asked for."""
    data = picture.read_bytes()
    taken_s = []
    for _ in range(ALONE):
        began_s = time.perf_counter()
        model.predict(data)
        taken_s.append(time.perf_counter() - began_s)
    many = max(ALONE, round(5 / statistics.median(taken_s)))
    began_s = time.perf_counter()
    for _ in model.predict([data] * many):
        pass
    return statistics.median(taken_s), many / (time.perf_counter() - began_s)


@contextmanager
def _serve(model: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "seehear", "serve", str(model), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=model.parent
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield Server(process, int(line.strip().rpartition(":")[2]))
        finally:
            process.terminate()


class Load:
    """Runs `benchmarks.load` against a server."""

    def __init__(self, server: Server, picture: Path) -> None:
        self._command = [sys.executable, "-m", "benchmarks.load", str(server.port), str(picture)]

    def start(self, flag: str, value: float, *, seconds: float) -> subprocess.Popen[str]:
        command = [*self._command, flag, str(value), "--seconds", str(seconds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def run(self, flag: str, value: float, *, seconds: float) -> dict[str, Any]:
        """What came back."""
        printed, _ = self.start(flag, value, seconds=seconds).communicate()
        print(f"{flag} {value:g}: {printed.strip()}", file=sys.stderr)
        found: dict[str, Any] = json.loads(printed)
        return found


def answered_per_s(found: dict[str, Any]) -> float:
    return int(found["statuses"].get("200", 0)) / float(found["lasted_s"])


if __name__ == "__main__":
    sys.exit(main())
