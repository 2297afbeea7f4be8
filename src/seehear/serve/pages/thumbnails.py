"""Small pictures of the examples of a project, made when they are first asked for and kept in its folder."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

from seehear.errors import InputError
from seehear.files import write_atomically
from seehear.projects import Project
from seehear.projects.examples import Example
from seehear.projects.kept_answers import KeptAnswer
from seehear.senses import SENSES
from seehear.serve.pages.previews import to_jpeg

SIDES_PX = {"small": 200, "large": 1024, "screen": 2048}
FOLDER = "thumbnails"


def find_thumbnail(project: Project, example: Example | KeptAnswer, size: str) -> bytes:
    """A JPEG of the example's first input; a crossed-out square if that cannot be read any more.

    size    a key of SIDES_PX
    """
    sense = next(iter(example.inputs))
    file = _file(project.place.folder, example, sense, size)
    try:
        return file.read_bytes()
    except FileNotFoundError:
        picture = _draw(project, example, sense)
    content = to_jpeg(picture or _crossed_out(), SIDES_PX[size], f"{picture.width} {picture.height}" if picture else "")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content)
    return content


def find_size(project: Project, example: Example | KeptAnswer) -> tuple[int, int] | None:
    """(width, height) of an example's first input, upright, in its own pixels; None if it cannot be read any more.

    The thumbnail for the screen has it in its comment: so a large picture is decoded only once.
    """
    with Image.open(BytesIO(find_thumbnail(project, example, "screen"))) as thumbnail:
        comment = thumbnail.info.get("comment", b"").decode()
    width, _, height = comment.partition(" ")
    return (int(width), int(height)) if height else None


def _file(folder: Path, example: Example | KeptAnswer, sense: str, size: str) -> Path:
    what = f"{example.inputs[sense].sha256} {sense} {example.span_s} {size}"
    name = hashlib.sha256(what.encode()).hexdigest()
    return folder / FOLDER / name[:2] / f"{name[2:]}.jpg"


def _draw(project: Project, example: Example | KeptAnswer, sense: str) -> Image.Image | None:
    try:
        picture: Image.Image = SENSES[sense].draw(SENSES[sense].read(project.sources(example)[sense]))
    except InputError:
        return None
    return picture


def _crossed_out() -> Image.Image:
    picture = Image.new("L", (120, 120), 235)
    ImageDraw.Draw(picture).line((20, 20, 100, 100), fill=120, width=3)
    return picture
