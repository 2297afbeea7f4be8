"""What a browser shows of the examples of a project: reduced pictures, and tiles of large ones in full detail.

They are made when they are first asked for, and kept in the folder of the project. Those of a picture that takes long
to decode are made while it is added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageDraw

from seehear.errors import InputError, UsageError
from seehear.files import write_atomically
from seehear.projects.content_store import StoredFile
from seehear.projects.examples import Example, Span
from seehear.projects.kept_answers import KeptAnswer
from seehear.senses import SENSES
from seehear.senses.sight.read import is_large

if TYPE_CHECKING:
    from seehear.projects.project import Project

SIDES_PX = {"small": 200, "large": 1024, "screen": 2048}
TILE_PX = 1024
JPEG_QUALITY = 85
FOLDER = "thumbnails"
_LARGE = Lock()  # of pictures that need much memory, one is decoded at a time


def find_view(project: Project, example: Example | KeptAnswer, size: str) -> bytes:
    """A JPEG of the example's first input; a crossed-out square if that cannot be read any more.

    size    a key of SIDES_PX
    """
    views = _views_of(project, example)
    try:
        return views.place(size).read_bytes()
    except FileNotFoundError:
        return views.keep(size, to_view(_draw(project, example), size))


def find_size(project: Project, example: Example | KeptAnswer) -> tuple[int, int] | None:
    """(width, height) of an example's first input, upright, in its own pixels; None if it cannot be read any more.

    The view for the screen has it in its comment: so a large picture is decoded only once.
    """
    with Image.open(BytesIO(find_view(project, example, "screen"))) as view:
        comment = view.info.get("comment", b"").decode()
    width, _, height = comment.partition(" ")
    return (int(width), int(height)) if height else None


def find_tile(project: Project, example: Example, column: int, row: int) -> bytes:
    """A JPEG of TILE_PX by TILE_PX pixels of the example's first input; less at its right and lower edge.

    Raises UsageError for a tile that the picture does not have.
    """
    views, tile = _views_of(project, example), _name_tile(column, row)
    if not views.place(tile).exists() and _is_within(find_size(project, example), column, row):
        with _LARGE:
            picture = None if views.place(tile).exists() else _draw(project, example)
            if picture is not None:
                _keep_tiles(views, picture)
    try:
        return views.place(tile).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"tile {column}, {row}", where=example.name, allowed="a tile of the picture") from None


def prepare_views(project_folder: Path, file: StoredFile, sense: str, path: Path) -> bool:
    """Make all views of a picture that takes long to decode, and return whether it is one.

    Raises InputError if it cannot be read.
    """
    if file.medium != "picture" or not is_large(path):
        return False
    views = _Views(project_folder / FOLDER, f"{file.sha256} {sense} None")
    with _LARGE:
        picture = SENSES[sense].draw(SENSES[sense].read(path))
        for size in SIDES_PX:
            views.keep(size, to_view(picture, size))
        _keep_tiles(views, picture)
    return True


def to_view(picture: Image.Image | None, size: str) -> bytes:
    """A JPEG with the size of the picture in its comment; a crossed-out square for none."""
    if picture is None:
        return to_jpeg(_crossed_out(), SIDES_PX[size])
    return to_jpeg(picture, SIDES_PX[size], f"{picture.width} {picture.height}")


def to_jpeg(picture: Image.Image, longest_side_px: int, comment: str = "") -> bytes:
    picture = picture.convert("RGB")
    picture.thumbnail((longest_side_px, longest_side_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
    file = BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY, comment=comment)
    return file.getvalue()


class _Views(NamedTuple):
    """The kept views of one input. `key` is that of its content, its sense and its span."""

    folder: Path
    key: str

    def place(self, view: str) -> Path:
        name = hashlib.sha256(f"{self.key} {view}".encode()).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.jpg"

    def keep(self, view: str, content: bytes) -> bytes:
        place = self.place(view)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, content)
        return content


def _views_of(project: Project, example: Example | KeptAnswer) -> _Views:
    span_s: Span | None = example.span_s
    sense = next(iter(example.inputs))
    return _Views(project.place.folder / FOLDER, f"{example.inputs[sense].sha256} {sense} {span_s}")


def _draw(project: Project, example: Example | KeptAnswer) -> Image.Image | None:
    sense = next(iter(example.inputs))
    try:
        picture: Image.Image = SENSES[sense].draw(SENSES[sense].read(project.sources(example)[sense]))
    except InputError:
        return None
    return picture


def _keep_tiles(views: _Views, picture: Image.Image) -> None:
    for column, row in _tiles(picture.size):
        left, top = column * TILE_PX, row * TILE_PX
        box = (left, top, min(left + TILE_PX, picture.width), min(top + TILE_PX, picture.height))
        views.keep(_name_tile(column, row), to_jpeg(picture.crop(box), TILE_PX))


def _tiles(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """(column, row) of each."""
    width, height = size
    for row in range(-(-height // TILE_PX)):
        for column in range(-(-width // TILE_PX)):
            yield column, row


def _is_within(size: tuple[int, int] | None, column: int, row: int) -> bool:
    return size is not None and (column, row) in set(_tiles(size))


def _name_tile(column: int, row: int) -> str:
    return f"tile {column} {row}"


def _crossed_out() -> Image.Image:
    picture = Image.new("L", (120, 120), 235)
    ImageDraw.Draw(picture).line((20, 20, 100, 100), fill=120, width=3)
    return picture
