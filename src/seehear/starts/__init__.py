"""Starts: pretrained weights for encoders, where they come from and how they are checked.

    load_tensors(find_start("efficientnet-lite0"))     from the cache, or from the installed package

Nothing is downloaded unless the user names a repository. No source is trusted: a digest decides.
"""

from __future__ import annotations

from pathlib import Path

from seehear.errors import UsageError
from seehear.starts.catalogue import STARTS
from seehear.starts.definition import Start
from seehear.starts.hub import is_hub
from seehear.starts.loading import find_place, is_available, load_file, load_tensors
from seehear.starts.local import WEIGHTS_SUFFIXES, define_hub, define_local
from seehear.starts.transfer import export_starts, get_start

__all__ = [
    "STARTS",
    "Start",
    "export_starts",
    "find_place",
    "find_start",
    "get_start",
    "is_available",
    "load_file",
    "load_tensors",
]


def find_start(name: str) -> Start:
    """The start with this name, or one for a file or folder of the user's own, or for a repository on the hub.

    The last, "hf:OWNER/NAME@COMMIT", is downloaded. Raises UsageError for an unknown name, BundleError for weights that
    fit none of our encoders.
    """
    if name in STARTS:
        return STARTS[name]
    if is_hub(name):
        return define_hub(name)
    path = Path(name)
    if path.parent != Path() or path.suffix in WEIGHTS_SUFFIXES or path.exists():
        return define_local(name)
    known = f"{', '.join(STARTS)}, or a file or folder"
    raise UsageError(f"there is no start {name!r}", allowed=known, hint="seehear starts lists them")
