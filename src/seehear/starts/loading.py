"""Loads a start from the cache or from an installed package."""

from __future__ import annotations

import contextlib
from typing import Any

from numpy.typing import NDArray

from seehear.errors import SeehearError
from seehear.starts import cache
from seehear.starts.definition import Start
from seehear.starts.digest import to_precision
from seehear.starts.packages import is_installed, read_package, read_package_files
from seehear.starts.reading import check_digest, read_tensors


def find_place(start: Start) -> str | None:
    """Where it is, in words: the cache folder or the packages. None if it is not installed. Reads no weights."""
    if start.path is not None:
        return f"in {start.path}"
    folder = cache.locate_start(start)
    if all((folder / name).is_file() for name in (cache.WEIGHTS, *start.files)):
        return f"in {folder}"
    if start.package is not None and is_installed(start):
        return f"in the installed {' and '.join(start.package.distributions)}"
    return None


def is_available(start: Start) -> bool:
    """Whether `load_tensors` would find it. Quick: reads no files."""
    return find_place(start) is not None


def load_tensors(start: Start) -> dict[str, NDArray[Any]]:
    """Its tensors with our encoder's names, as float32 except bytes, from the cache or from the installed package.

    The digest is checked each time. Raises SeehearError if the start is not installed, BundleError if the digest
    differs.
    """
    return to_precision(find_tensors(start), "float32")


def find_tensors(start: Start) -> dict[str, NDArray[Any]]:
    """Its tensors in the precision of the start. Adds those of a package to the cache."""
    if start.path is not None:
        return check_digest(read_tensors(start.path.read_bytes()), start)
    tensors = cache.read_stored(cache.locate_start(start), start)
    if tensors is None:
        tensors = check_digest(read_tensors(read_package(start)), start)
        files = read_package_files(start)
        with contextlib.suppress(SeehearError):  # without a cache, each load converts again, which takes seconds
            cache.store(cache.locate_start(start), start, tensors, files)
    return tensors


def load_file(start: Start, name: str) -> bytes:
    """Another file of the start, such as the "tokenizer.json" of Whisper. Raises as `load_tensors` does."""
    if name not in start.files:
        raise SeehearError(f"has no {name} beside the weights", where=start.name, hint=f"copy the {name} there")
    folder = cache.locate_start(start) if start.path is None else start.path.parent
    stored = cache.read_stored_file(folder, start, name)
    return read_package_files(start)[name] if stored is None else stored
