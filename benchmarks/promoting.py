"""Promotes another model and rolls back, again and again, while clients ask: are all answers those of one model?

A server in a process of its own has two models that are the same except that the names of their classes are
exchanged. It prints its port, then replaces and restores the model, and prints how many changes it made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

import uvicorn

from seehear.recipe import Recipe
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.serve.app import create_app
from seehear.serve.connections import timed_protocol
from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings

NAME, FIRST_VERSION = "model", "model/1"
CLIENTS = 4
PAUSE_S = 0.05  # between two changes


def count_answers(model: Path, picture: Path, times: int) -> Counter[str]:
    """How many answers were right, mixed (not that of the model that they name) and failed, and how many changes."""
    exchanged = exchange_classes(model)
    counts: Counter[str] = Counter()
    with _server(model, exchanged, times) as (process, port), ThreadPoolExecutor(CLIENTS) as clients:
        content, stop = picture.read_bytes(), Event()
        expected = ask(port, content)[1]
        running = [clients.submit(_ask_until, stop, port, content, expected) for _ in range(CLIENTS)]
        counts["changes"] = int(process.stdout.readline()) if process.stdout else 0
        stop.set()
        for each in running:
            counts += each.result()
    return counts


def exchange_classes(model: Path) -> Path:
    """A model file beside another, with the names of its classes in the opposite order."""
    bundle = read_bundle(model)
    document = json.loads(bundle.recipe.to_json())
    document["answer"]["classes"].reverse()
    other = model.with_name(f"exchanged-{model.name}")
    write_bundle(other, replace(bundle, recipe=Recipe.from_json(json.dumps(document))))
    return other


def ask(port: int, content: bytes) -> tuple[str, str]:
    """The model that answered, and the label; "" if there is none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict?name=a.jpg", content)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.getheader("Seehear-Model", ""), (body.get("answer") or {}).get("label", "")


def _ask_until(stop: Event, port: int, content: bytes, expected: str) -> Counter[str]:
    """The first version must say what is expected, and any other the opposite."""
    counts: Counter[str] = Counter()
    while not stop.is_set():
        try:
            version, label = ask(port, content)
        except (OSError, ValueError):
            version, label = "", ""
        if label:
            counts["right" if (version == FIRST_VERSION) == (label == expected) else "mixed"] += 1
        else:
            counts["failed"] += 1
    return counts


@contextmanager
def _server(model: Path, exchanged: Path, times: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "benchmarks.promoting", str(model), str(exchanged), "--times", str(times)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process, int(process.stdout.readline() if process.stdout else 0)
        finally:
            process.kill()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promoting", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("exchanged", type=Path)
    parser.add_argument("--times", type=int, default=100)
    options = parser.parse_args()
    models = ModelRegistry({NAME: options.model})
    settings = ServeSettings(projects=options.model.parent / "no-projects")
    app = create_app(settings, models)
    http = timed_protocol(settings, app.state.shedding.check)
    server = uvicorn.Server(uvicorn.Config(app, http=http, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        print(listener.getsockname()[1], flush=True)
        for _ in range(options.times):
            time.sleep(PAUSE_S)
            models.promote(NAME, options.exchanged)
            time.sleep(PAUSE_S)
            models.roll_back(NAME)
        print(2 * options.times, flush=True)
        thread.join()  # until it is killed, so that no client finds it gone
    return 0


if __name__ == "__main__":
    sys.exit(main())
