"""The user's cache folder, which keeps the tensors of each start as safetensors, and its other files.

Everything read from it is checked again, so a damaged file counts as absent. Writes are atomic, and all processes write
the same contents, so they can share the folder without locks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from seehear.errors import BundleError, SeehearError
from seehear.files import write_atomically
from seehear.starts.definition import Start
from seehear.starts.digest import compute_digest
from seehear.starts.safetensors_file import read_safetensors, write_safetensors

WEIGHTS = "weights.safetensors"
NOTICE = "NOTICE.txt"


def locate_cache() -> Path:
    """SEEHEAR_CACHE if set, otherwise the system's folder for the user's caches."""
    if own := os.environ.get("SEEHEAR_CACHE"):
        return Path(own).expanduser()
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA")
        return Path(place or Path.home() / "AppData" / "Local") / "seehear" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "seehear"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seehear"


def locate_start(start: Start) -> Path:
    return locate_cache() / "starts" / start.name


def read_stored(folder: Path, start: Start) -> dict[str, NDArray[Any]] | None:
    """The tensors in a folder that `store` wrote; None if they are missing or their digest differs."""
    try:
        tensors = read_safetensors((folder / WEIGHTS).read_bytes())
    except (OSError, BundleError):
        return None
    return tensors if compute_digest(tensors) == start.digest else None


def read_stored_file(folder: Path, start: Start, name: str) -> bytes | None:
    """Another file of the start; None if it is missing or has other contents."""
    with contextlib.suppress(OSError):
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() == start.files[name]:
            return content
    return None


def store(folder: Path, start: Start, tensors: Mapping[str, NDArray[Any]], files: Mapping[str, bytes]) -> None:
    """Write the tensors, the other files and the notice. Raises SeehearError if the disk is full or read-only."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SeehearError(f"cannot be created: {error.strerror}", where=str(folder)) from None
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / NOTICE, f"{start.notice}\n".encode())
    write_atomically(folder / WEIGHTS, write_safetensors(tensors))
