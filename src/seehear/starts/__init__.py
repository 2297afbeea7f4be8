"""Starts: pretrained weights that encoders begin from, where they come from and how they are checked.

    load_tensors(find_start("efficientnet-lite0"))     from the cache, or from the package that carries them

Nothing is downloaded unless a person names a repository. A source is trusted only as far as its digest.
"""

from __future__ import annotations

from seehear.errors import UsageError
from seehear.starts.catalogue import STARTS
from seehear.starts.definition import Start
from seehear.starts.loading import find_place, is_available, load_file, load_tensors
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
    """Raises UsageError for an unknown name."""
    if name not in STARTS:
        raise UsageError(f"there is no start {name!r}", allowed=", ".join(STARTS), hint="seehear starts lists them")
    return STARTS[name]
