"""The model file of a start that transcribes without training: built once, then kept in the cache folder."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec

from seehear.errors import BundleError, SeehearError, UsageError
from seehear.events import Listener, Notice
from seehear.runtime.bundle import Bundle, read_bundle, write_bundle
from seehear.senses.hearing import HEARING
from seehear.starts import Start, find_place
from seehear.starts.cache import cache_folder

BUILD = 1  # increased when `zero_shot` makes other files
NEEDED = ("torch", "onnx", "onnxscript", "safetensors")


def load_transcriber(start: Start, listen: Listener) -> Bundle:
    """Needs torch only the first time. Raises UsageError for a start that hears nothing, or that is nowhere."""
    if start.sense != HEARING.name:
        raise UsageError(
            f"{start.name} answers nothing without training",
            hint=f"train with it: seehear train DATA --start {start.name}",
        )
    place = cache_folder() / "transcribers" / f"{start.name}-{BUILD}.seehear"
    with suppress(BundleError):
        return read_bundle(place)
    if find_place(start) is None:
        raise UsageError(f"{start.name} is not on this machine", hint=start.install)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise UsageError(
            f"{start.name} must be built into a model file once, without {', '.join(missing)}",
            hint="pip install 'seehear[train]', or copy the file from a machine where it was built, from " + str(place),
        )
    listen(Notice(f"building a model file from {start.name}, once: this takes about a minute"))
    from seehear.learn.zero_shot import build_transcriber

    bundle = build_transcriber(start)
    with suppress(OSError, SeehearError):  # without a cache it is built each time
        place.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(place, bundle)
    return bundle
