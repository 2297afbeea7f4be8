"""Keeps libtiff from writing about damaged files to stderr; Pillow has no way to ask it."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import PIL


@cache
def quieten_libtiff() -> None:
    """Takes out libtiff's printing handlers where Pillow carries it as a library of its own, as its wheels do.

    Pillow reports the error all the same. Once for the process: the handlers belong to libtiff, not to a file.
    """
    package = Path(PIL.__file__).parent
    for path in (*package.parent.glob("pillow.libs/libtiff*.so*"), *package.glob(".dylibs/libtiff*.dylib")):
        libtiff = ctypes.CDLL(str(path))  # already loaded by Pillow: this is the same one
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            set_handler = getattr(libtiff, name)
            set_handler.argtypes, set_handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
            set_handler(None)
