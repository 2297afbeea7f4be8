"""Pillow's classes for opening picture files, by file type.

The classes themselves, not `Image.open`, which warns about large pictures before we can refuse them.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import PIL
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from seehear.errors import InputError

PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "ppm": PpmImagePlugin.PpmImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
}


def plugin_for(kind: str) -> type[ImageFile.ImageFile]:
    """The class that opens a file of this type; "heif" (HEIC, as iPhones save photos) comes from pillow-heif."""
    if kind != "heif":
        return PLUGINS[kind]
    check_pillow_heif()
    from pillow_heif.as_plugin import HeifImageFile

    plugin: type[ImageFile.ImageFile] = HeifImageFile
    return plugin


def check_pillow_heif() -> None:
    """Raises InputError, without `where`, if pillow-heif is not installed."""
    if find_spec("pillow_heif") is None:
        hint = "pip install 'seehear[heic]', or save it as jpeg (on an iPhone: Settings, Camera, Most Compatible)"
        raise InputError("a HEIC picture needs pillow-heif", hint=hint)


@cache
def silence_libtiff() -> None:
    """Remove the handlers with which libtiff writes about damaged files to stderr; Pillow has no option for it.

    Pillow still reports the error. Works where Pillow carries libtiff as a separate library, as its wheels do, and
    once per process, because the handlers are global to libtiff.
    """
    package = Path(PIL.__file__).parent
    for path in (*package.parent.glob("pillow.libs/libtiff*.so*"), *package.glob(".dylibs/libtiff*.dylib")):
        libtiff = ctypes.CDLL(str(path))  # already loaded by Pillow: this is the same one
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            set_handler = getattr(libtiff, name)
            set_handler.argtypes, set_handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
            set_handler(None)
