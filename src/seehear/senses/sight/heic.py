"""HEIC, as iPhones save photos: decoded by pillow-heif, which brings libheif and is an extra."""

from __future__ import annotations

from importlib.util import find_spec

from PIL import ImageFile

from seehear.errors import InputError


def check_pillow_heif() -> None:
    if find_spec("pillow_heif") is None:
        hint = "pip install 'seehear[heic]', or save it as jpeg (on an iPhone: Settings, Camera, Most Compatible)"
        raise InputError("a HEIC picture needs pillow-heif", hint=hint)


def heif_plugin() -> type[ImageFile.ImageFile]:
    """The class that opens it, as those of Pillow do; pictures come upright, and say so."""
    check_pillow_heif()
    from pillow_heif.as_plugin import HeifImageFile

    plugin: type[ImageFile.ImageFile] = HeifImageFile
    return plugin
