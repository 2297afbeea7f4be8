"""Projects for tests: quick to make, with small distinct files."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from PIL import Image

import tiny
from seehear.projects import Project
from seehear.projects.schema import versions
from seehear.runtime.bundle import Bundle, write_bundle


def make_project(home: Path, database: str | None = None) -> Project:
    """An empty project of labels, open as anna; with the URL of a database if it has one elsewhere."""
    return _create(home, database) if database is not None else _copy(_empty(), home)


def make_dark_and_bright(home: Path, database: str | None = None) -> Project:
    """The same with 8 dark pictures and 8 bright ones, as two classes."""
    if database is None:
        return _copy(_filled(), home)
    made = _create(home, database)
    _add_dark_and_bright(made)
    return made


def _create(home: Path, database: str | None = None) -> Project:
    return Project.create("Boards", answer="label", home=home, database=database, who="anna")


def _copy(template: Path, home: Path) -> Project:
    shutil.copytree(template / "boards", home / "boards")
    return Project.open("boards", home=home, who="anna")


@cache
def _empty() -> Path:
    """A home with an empty project, made once."""
    home = Path(mkdtemp(prefix="project-template-"))
    _create(home).close()
    return home


@cache
def _filled() -> Path:
    """A home with a project of pictures, made once."""
    home = Path(mkdtemp(prefix="project-template-"))
    with _create(home) as project:
        _add_dark_and_bright(project)
    return home


def _add_dark_and_bright(project: Project) -> None:
    with TemporaryDirectory() as folder:
        for name, brightness in (("dark", 0.1), ("bright", 0.8)):
            paths = [Path(folder) / f"{name}-{number}.png" for number in range(8)]
            for number, path in enumerate(paths):
                Image.fromarray(tiny.picture(brightness + number / 100)[:, :, 0]).save(path)
            project.add(paths, name)


def add_version(
    project: Project, number: int, bundle: Bundle | None = None, figures: Mapping[str, Any] | None = None
) -> None:
    """Add a version that was not trained; by default one that tells dark from bright."""
    path = project.place.models / f"{number}.seehear"
    write_bundle(path, bundle or tiny.bundle())
    row = {"number": number, "made_at_s": time.time(), "made_by": "anna", "file": path.name}
    row |= {"figures": json.dumps(figures or {})}
    row |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "card": "", "notes": ""}
    with project.database.writing() as connection:
        connection.execute(versions.insert().values(row))


def write_pictures(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Small pictures that differ."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.png" for number in range(first, first + count)]
    for path in paths:
        digest = hashlib.sha256(path.name.encode()).digest()
        Image.frombytes("L", (8, 4), digest).save(path)
    return paths
