"""Pages that need no other file: templates, and pictures inside them."""

from __future__ import annotations

import base64
from importlib import resources
from io import BytesIO
from typing import Any, NamedTuple

import jinja2
from PIL import Image

from seehear.answers.figure import SCREEN


class EmbeddedImage(NamedTuple):
    file: bytes
    uri: str
    width: int  # CSS pixels


def embed(picture: Image.Image, name: str) -> EmbeddedImage:
    """JPEG or PNG, as the name says: photographs as JPEG take a third of the space."""
    file = BytesIO()
    if name.endswith(".jpg"):
        mime = "image/jpeg"
        picture.save(file, "JPEG", quality=90)
    else:
        mime = "image/png"
        picture.save(file, "PNG")
    content = file.getvalue()
    uri = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    return EmbeddedImage(content, uri, round(picture.width / SCREEN))


def render(template: str, **values: Any) -> str:
    """A page of this package, in which every value is escaped."""
    return make_environment(escaped=True).get_template(template).render(**values)


def make_environment(*packages: str, escaped: bool) -> jinja2.Environment:
    """Templates of these packages and, after them, of this one, which has the frame of every page."""
    own = jinja2.FunctionLoader(lambda name: resources.files(__package__).joinpath(name).read_text("utf-8"))
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([*map(jinja2.PackageLoader, packages), own]),
        autoescape=escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
