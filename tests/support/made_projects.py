"""Projects for tests: quick to make, with small distinct files."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from PIL import Image

import tiny
from seehear.projects import Project
from seehear.projects.schema import versions
from seehear.runtime.bundle import Bundle, write_bundle


@cache
def _template() -> Path:
    """A home with an empty project, made once."""
    home = Path(mkdtemp(prefix="project-template-"))
    Project.create("Boards", answer="label", home=home, who="anna").close()
    return home / "boards"


def make_project(home: Path, database: str | None = None) -> Project:
    """An empty project of labels, open as anna; with the URL of a database if it has one elsewhere."""
    if database is not None:
        return Project.create("Boards", answer="label", home=home, database=database, who="anna")
    shutil.copytree(_template(), home / "boards")
    return Project.open("boards", home=home, who="anna")


def add_dark_and_bright(project: Project, folder: Path) -> None:
    """Add 8 dark pictures and 8 bright ones, as two classes."""
    for name, brightness in (("dark", 0.1), ("bright", 0.8)):
        paths = [folder / f"{name}-{number}.png" for number in range(8)]
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
