"""Kills a server, its decoding workers and its training jobs again and again, while files are uploaded, models trained
and promoted, and checks that nothing that was answered is lost, that nothing is damaged, and that all resumes.

    python -m benchmarks.server_kills [--kills 300] [--folder DIR]

It stops at the first fault and says what it is. Trainings are handmade: what they make is a model that was trained for
a few steps.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import multiprocessing
import os
import random
import secrets
import signal
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa
from PIL import Image

import seehear
from benchmarks import handmade_job
from benchmarks.machine import pace
from benchmarks.projects import write_pictures
from benchmarks.results import Figure, record
from seehear.projects import Project, jobs
from seehear.projects.schema import jobs as job_table

LONGEST_S = 1.0  # between the first answer to a client and the death of somebody
PATIENCE_S = 120.0  # for a server to start, and for an answer
AT_END_S = 600.0  # for the last trainings
VICTIMS = ("server", "job", "worker")
_CONTEXT = multiprocessing.get_context("forkserver")  # which loads the modules only once


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where to make the project: on a disk")
    parser.add_argument("--data", help="not used")
    options = parser.parse_args()
    before = pace()
    with TemporaryDirectory(dir=options.folder) as folder:
        killed, told = _kill_in(Path(folder), options.kills)
    victims = ", ".join(f"{number} {victim}s" for victim, number in sorted(killed.items()))
    figures = [
        Figure(
            "kills after which nothing was lost or damaged, and all resumed", killed.total(), at_least=options.kills
        ),
        Figure("requests answered", told.answers),
        Figure("files that were in, all there and whole", len(told.files)),
        Figure("trainings requested, all done", len(told.trainings)),
    ]
    note = f"kill -9 of {victims}, at random moments of writes, uploads and trainings"
    record("server-kills", note, figures, before=before, after=pace())


def _kill_in(folder: Path, kills: int) -> tuple[Counter[str], Told]:
    """What was killed how often, and what clients were told."""
    pictures = write_pictures(folder / "for model", 40)
    model = folder / "boards.seehear"
    seehear.train(pictures, model, steps=5)
    with Project.create("Boards", answer="label", home=folder / "served") as project:
        project.import_data(pictures)
    killed: Counter[str] = Counter()
    told = Told()
    for victim in kill_servers(folder / "served", model, kills, seed=1, told=told):
        killed[victim] += 1
        print(f"{killed.total()}: {victim}, {told.answers} requests answered", flush=True)
    return killed, told


@dataclass
class Told:
    """What clients were answered, and what they had asked when the answer did not come.

    files      by name, the SHA-256 of each that is in
    trainings  the minutes of each that was requested: no two are equal
    served     the numbers of versions of which one answers; 0 for none
    refused    requests that were refused, by their words
    """

    files: dict[str, str] = field(default_factory=dict)
    trainings: set[float] = field(default_factory=set)
    served: set[int] = field(default_factory=lambda: {0})
    answers: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Server:
    """A server of a home of projects, in a process that can be killed."""

    def __init__(self, home: Path, model: Path) -> None:
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        self.process = _CONTEXT.Process(target=_serve, args=(home, model, theirs), daemon=True)
        self.process.start()
        theirs.close()
        _require(ours.poll(PATIENCE_S), "the server did not start")
        self.address: str = ours.recv()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def workers(self) -> list[int]:
        """Its processes that decode files."""
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                of_server = f"\nPPid:\t{self.process.pid}\n" in status.read_text()
                if of_server and b"decoder_worker" in (status.parent / "cmdline").read_bytes():
                    found.append(int(status.parent.name))
        return found


class Client(threading.Thread):
    """Asks for one thing after another until it is told to stop, or the server is gone."""

    def __init__(self, address: str, told: Told, seed: int) -> None:
        super().__init__(daemon=True)
        self._place, self._told, self._chance = urlsplit(address), told, random.Random(seed)
        self.stopping, self.begun = threading.Event(), threading.Event()  # begun: something was answered
        self.error: AssertionError | None = None

    def run(self) -> None:
        acts = (self._add_files, self._import_archive, self._train, self._promote, self._predict)
        while not self.stopping.is_set():
            try:
                self._chance.choice(acts)()
            except (OSError, http.client.HTTPException):
                return  # the server was killed: whether this was done is open
            except AssertionError as error:
                self.error = error
                return

    def _add_files(self) -> None:
        files = [_picture(self._chance.choice(("PNG", "TIFF"))) for _ in range(2)]
        body, kind = _form({"put": self._chance.choice(("dark", "bright"))}, "file", files)
        said = self._ask("/p/boards/teach/files", body, kind, json_wanted=True)
        if said is not None:
            left_out = {problem.partition(":")[0] for problem in json.loads(said)["problems"]}
            self._told.refused.update(json.loads(said)["problems"] and ["a file whose decoder was killed"])
            self._told.files |= {name: _digest(content) for name, content in files if name not in left_out}

    def _import_archive(self) -> None:
        files = [_picture("PNG") for _ in range(3)]
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in files:
                archive.writestr(f"dark/{name}", content)
        body, kind = _form({}, "file", [("boards.zip", packed.getvalue())])
        said = self._ask("/p/boards/arriving", body, kind, json_wanted=True)
        if said is not None and self._ask(json.loads(said)["address"], b"") is not None:
            self._told.files |= {name: _digest(content) for name, content in files}

    def _train(self) -> None:
        minutes = 1 + secrets.randbelow(10**9) / 1e6
        if self._post("/p/boards/train", minutes=f"{minutes}", wrong=""):
            self._told.trainings.add(minutes)

    def _promote(self) -> None:
        numbers = sorted(self._told.served)
        newest = max(numbers) + self._chance.randint(-3, 1)
        if newest < 1:
            return
        before, self._told.served = self._told.served, {*numbers, newest}  # until it is answered
        done = self._post("/p/boards/versions/promote", version=str(newest))
        self._told.served = {newest} if done else before

    def _predict(self) -> None:
        body, kind = _form({"model": "boards"}, "file", [_picture("PNG")])
        said = self._ask("/predict", body, kind)
        _require(said is None or "label" in json.loads(said)["answer"], f"a wrong answer: {said!r}")

    def _post(self, path: str, **fields: str) -> bool:
        return self._ask(path, urlencode(fields).encode(), "application/x-www-form-urlencoded") is not None

    def _ask(self, path: str, body: bytes, kind: str = "", *, json_wanted: bool = False) -> str | None:
        """The body of an answer; None if it was refused. Raises OSError, HTTPException if the server is gone."""
        connection = http.client.HTTPConnection(str(self._place.hostname), self._place.port, timeout=PATIENCE_S)
        headers = {"Content-Type": kind, **({"Accept": "application/json"} if json_wanted else {})}
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            said = answer.read().decode()
        finally:
            connection.close()
        self.begun.set()
        if answer.status >= 500 and answer.status != 503:
            raise AssertionError(f"{path}: {answer.status} {said[:500]}")
        if answer.status >= 400:
            self._told.refused[f"{path} {answer.status}"] += 1
            return None
        self._told.answers += 1
        return said


def kill_servers(home: Path, model: Path, kills: int, seed: int, told: Told) -> Iterator[str]:
    """Kill something at a random moment, `kills` times; yields what. `told` gets what was answered.

    model   what trainings "make"
    Raises AssertionError if anything is lost, damaged or not resumed.
    """
    _CONTEXT.set_forkserver_preload(["seehear.serve.server", "benchmarks.handmade_job"])
    chance, server = random.Random(seed), Server(home, model)
    for number in range(kills):
        client = Client(server.address, told, seed + number)
        client.start()
        _require(client.begun.wait(PATIENCE_S) or client.error is not None, "the server answers nothing")
        time.sleep(chance.uniform(0, LONGEST_S))
        victim = _kill(chance.choice(VICTIMS), server, home)
        client.stopping.set()
        client.join(PATIENCE_S)
        _require(not client.is_alive(), "a client got neither an answer nor an error")
        if client.error is not None:
            raise client.error
        _check(home, told)
        if victim == "server":
            server = Server(home, model)
        yield victim
    _finish_trainings(home, told)
    server.kill()
    _check_content(home)


def _kill(victim: str, server: Server, home: Path) -> str:
    """Kill what is there of this: a job, a worker, or else the server. Returns what was killed."""
    processes = _running_jobs(home) if victim == "job" else server.workers() if victim == "worker" else []
    for process in processes[:1]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            return victim
    server.kill()
    return "server"


def _running_jobs(home: Path) -> list[int]:
    with Project.open("boards", home=home) as project:
        alive = {job.id for job in project.jobs.unfinished() if job.alive}
        with project.database.reading() as connection:
            found = connection.execute(sa.select(job_table.c.process).where(job_table.c.id.in_(alive))).scalars()
            return [process for process in found if process]


def _serve(home: Path, model: Path, report: Connection) -> None:
    from seehear.serve.server import serve
    from seehear.serve.settings import ServeSettings

    root = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    os.environ[handmade_job.MODEL] = str(model.resolve())
    jobs.PROCESS = handmade_job.__name__
    serve(ServeSettings(port=0, projects=home), report.send)


def _check(home: Path, told: Told) -> None:
    with Project.open("boards", home=home) as project:
        with project.database.reading() as connection:
            _require(connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok", "the database is damaged")
            _require(not connection.exec_driver_sql("PRAGMA foreign_key_check").all(), "a row names one that is gone")
        found = {each.name: each.inputs["image"].sha256 for each in project.examples(limit=None)}
        lost = {name for name, digest in told.files.items() if found.get(name) != digest}
        _require(not lost, f"answered but not there: {lost}")
        requested = {job.options["minutes"]: job for job in project.jobs.list(10_000)}
        _require(told.trainings <= requested.keys(), "a training that was requested is gone")
        failed = [job.error for job in requested.values() if job.error]
        _require(not failed, f"a training failed: {failed}")
        served = project.versions.served()
        number = 0 if served is None else served.number
        began = number == 1 and told.served == {0}  # the first version answers at once
        _require(number in told.served or began, f"version {number} answers, none of {told.served}")
        told.served = {number}


def _finish_trainings(home: Path, told: Told) -> None:
    until_s = time.monotonic() + AT_END_S
    with Project.open("boards", home=home) as project:
        while unfinished := project.jobs.unfinished():
            _require(time.monotonic() < until_s, f"{len(unfinished)} trainings do not go on")
            time.sleep(0.5)
        without = [job for job in project.jobs.list(10_000) if job.version is None]
        lost = [f"{job.id}: {job.state} {job.error}" for job in without if job.options["minutes"] in told.trainings]
        _require(not lost, f"a training made no version: {lost}")


def _check_content(home: Path) -> None:
    with Project.open("boards", home=home) as project:
        for each in project.examples(limit=None):
            for file in each.inputs.values():
                _require(_digest(project.path(file).read_bytes()) == file.sha256, f"{file.place} is damaged")
        for version in project.versions.list():
            project.versions.check_file(version.number)
        with project.store.staging():  # deletes what the killed left
            pass
        left = [*project.place.files.glob("staging-*"), *project.place.models.glob("*.run")]
        _require(not left, f"files of killed processes are left: {left}")


def _picture(form: str) -> tuple[str, bytes]:
    """A picture like no other: its name and its content. A TIFF is decoded by a worker."""
    file = BytesIO()
    Image.frombytes("L", (16, 16), os.urandom(256)).save(file, form)
    return f"{secrets.token_hex(8)}.{form.lower()}", file.getvalue()


def _form(fields: dict[str, str], name: str, files: list[tuple[str, bytes]]) -> tuple[bytes, str]:
    """The body of a form with files, and its content type."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    body = "".join(parts).encode()
    for file, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


if __name__ == "__main__":
    main()
