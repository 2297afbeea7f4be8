"""Kills a process that writes to a project, again and again, and checks that nothing that was answered is lost."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
from collections.abc import Iterator
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from seehear.projects import Project

LONGEST_S = 0.3  # between the first answer to a writer and its death
PATIENCE_S = 120.0  # for its first answer
_CONTEXT = multiprocessing.get_context("forkserver")  # which loads the modules only once


class Told(NamedTuple):
    """What a writer was answered: this example has this answer. `then` is the answer that it is about to get."""

    example: int
    answer: str
    then: str


def kill_writers(home: Path, pictures: Path, kills: int, seed: int) -> Iterator[int]:
    """Start a writer and kill it at a random moment, `kills` times; yields how many changes each was answered.

    Raises AssertionError if one of them is not there afterwards, or the database or a file is damaged.
    """
    _CONTEXT.set_forkserver_preload(["seehear.projects.project"])
    chance = random.Random(seed)
    possible: dict[int, set[str]] = {}  # answers by example
    for _ in range(kills):
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        writer = _CONTEXT.Process(target=_write, args=(home, pictures, theirs), daemon=True)
        writer.start()
        theirs.close()
        _require(ours.poll(PATIENCE_S), "the writer did not begin")
        writer.join(chance.uniform(0, LONGEST_S))
        writer.kill()
        writer.join()
        confirmed = list(_receive(ours))
        possible |= {each.example: {each.answer} for each in confirmed}
        possible |= {each.example: {each.answer, each.then} for each in confirmed[-1:]}
        _check_database(home, possible)
        yield len(confirmed)
    _check_files(home)


def _write(home: Path, pictures: Path, answers: Connection) -> None:
    with Project.open("boards", home=home, who="writer") as project:
        for number in count():
            path = pictures / f"{os.getpid()}-{number}.png"
            Image.frombytes("L", (40, 50), os.urandom(2000)).save(path)
            answer = f"class {number % 5}"
            [example] = project.add([path], answer).ids
            answers.send(Told(example, answer, "corrected"))
            project.label([example], "corrected")
            answers.send(Told(example, "corrected", answer))
            if number % 2:
                project.undo()
                answers.send(Told(example, answer, answer))


def _receive(answers: Connection) -> Iterator[Told]:
    """What was sent whole."""
    try:
        while True:
            yield answers.recv()
    except (EOFError, OSError):
        return


def _check_database(home: Path, possible: dict[int, set[str]]) -> None:
    with Project.open("boards", home=home) as project:
        with project.database.reading() as connection:
            _require(connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok", "the database is damaged")
            _require(not connection.exec_driver_sql("PRAGMA foreign_key_check").all(), "a row names one that is gone")
        found = {each.id: each.answers.get("label") for each in project.examples(limit=None)}
    lost = {number: answers for number, answers in possible.items() if found.get(number) not in answers}
    _require(not lost, f"answered but not there: {lost}")


def _check_files(home: Path) -> None:
    with Project.open("boards", home=home) as project:
        for each in project.examples(limit=None):
            [file] = each.inputs.values()
            digest = hashlib.sha256(project.path(file).read_bytes()).hexdigest()
            _require(digest == file.sha256, f"{file.place} is damaged")
        with project.store.staging():  # deletes what the killed left
            pass
        _require(not list(project.place.files.glob("staging-*")), "files of killed processes are left")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
