"""Loads a start as a transcriber that needs no training. Its model file is built once and kept in the cache folder."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec

from seehear.errors import BundleError, SeehearError, UsageError
from seehear.events import Listener, Notice
from seehear.runtime.bundle import Bundle, read_bundle, write_bundle
from seehear.senses.hearing import HEARING
from seehear.starts import Start, find_place
from seehear.starts.cache import locate_cache

BUILD = 3  # increased when `zero_shot` builds different files
NEEDED = ("torch", "onnx", "onnxscript", "safetensors")


def load_transcriber(start: Start, listen: Listener) -> Bundle:
    """Needs torch only the first time. Raises UsageError for a start that is not for sound, or is not installed."""
    if start.sense != HEARING.name:
        raise UsageError(
            f"{start.name} cannot be used without training",
            hint=f"train with it: seehear train DATA --start {start.name}",
        )
    place = locate_cache() / "transcribers" / f"{start.name}-{BUILD}.seehear"
    with suppress(BundleError):
        return read_bundle(place)
    if find_place(start) is None:
        raise UsageError(f"{start.name} is not installed", hint=start.install)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise UsageError(
            f"{start.name} must be converted to a model file once, which needs {', '.join(missing)}",
            hint="pip install 'seehear[train]', or copy the file from a machine where it was built, from " + str(place),
        )
    listen(Notice(f"building a model file from {start.name}, once: this takes about a minute"))
    from seehear.learn.zero_shot import build_transcriber

    bundle = build_transcriber(start)
    with suppress(OSError, SeehearError):  # without a cache, each load builds it again
        place.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(place, bundle)
    return bundle
