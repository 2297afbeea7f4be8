"""A project with examples that a check doubts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from made_projects import make_project
from photos import photo
from seehear.projects import Project


@contextmanager
def doubtful_project(folder: Path) -> Iterator[Project]:
    """Photos: 1 and 2 are knots, 3 is a crack, 4 is a smaller version of 1, and 5 of 3 but with the answer knot."""
    with make_project(folder / "home") as made:
        for seed, name, answer in ((1, "a", "knot"), (2, "b", "knot"), (3, "c", "crack")):
            photo(seed).save(folder / f"{name}.png")
            made.add([folder / f"{name}.png"], answer)
        for seed, name in ((1, "a-small"), (3, "c-small")):
            photo(seed).resize((48, 36), Image.Resampling.LANCZOS).save(folder / f"{name}.png")
            made.add([folder / f"{name}.png"], "knot")
        yield made
