"""Reduced pictures and tiles: made when asked for, or while a large picture is added."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seehear.errors import UsageError
from seehear.projects import Project, picture_views
from seehear.projects.picture_views import FOLDER, SIDES_PX, TILE_PX, find_size, find_tile, find_view

WIDTH, HEIGHT = 2300, 1100
READING = import_module("seehear.senses.sight.read")  # the package has a function of that name


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create("Scans", answer="boxes", home=tmp_path / "home") as made:
        yield made


def gradient(path: Path) -> np.ndarray:
    """(HEIGHT, WIDTH), brighter to the right and below; written to a file."""
    across, down = np.meshgrid(np.arange(WIDTH) / WIDTH, np.arange(HEIGHT) / HEIGHT)
    pixels = np.round(127 * (across + down)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)).convert("L"))


def kept(project: Project) -> int:
    return sum(path.is_file() for path in (project.place.folder / FOLDER).rglob("*"))


def test_tiles_have_every_pixel_of_the_file(project: Project, tmp_path: Path) -> None:
    pixels = gradient(tmp_path / "a.png")
    (number,) = project.add([tmp_path / "a.png"]).ids
    assert not kept(project), "a picture of this size is quick to open"
    example = project.example(number)
    rows = [
        np.hstack([opened(find_tile(project, example, column, row)) for column in range(-(-WIDTH // TILE_PX))])
        for row in range(-(-HEIGHT // TILE_PX))
    ]
    assert np.abs(np.vstack(rows).astype(int) - pixels).max() < 8, "but for what JPEG loses"
    for column, row in ((3, 0), (0, 2), (-1, 0)):
        with pytest.raises(UsageError, match="a tile of the picture"):
            find_tile(project, example, column, row)


def test_a_large_picture_is_decoded_once_while_it_is_added(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(READING, "LARGE_PIXELS", 1_000_000)
    gradient(tmp_path / "a.png")
    (number,) = project.add([tmp_path / "a.png"]).ids
    assert kept(project) == len(SIDES_PX) + 6
    monkeypatch.setattr(picture_views, "_draw", lambda *_: pytest.fail("it is decoded again"))
    example = project.example(number)
    assert find_size(project, example) == (WIDTH, HEIGHT)
    assert max(opened(find_view(project, example, "screen")).shape) == SIDES_PX["screen"]
    assert opened(find_tile(project, example, 2, 1)).shape == (HEIGHT - TILE_PX, WIDTH - 2 * TILE_PX)


def test_a_large_picture_that_cannot_be_read_is_not_added(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(READING, "LARGE_PIXELS", 1_000_000)
    gradient(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    (problem,) = project.add([tmp_path / "a.png"]).problems
    assert "a.png" in str(problem)
    assert not project.examples()
