"""Copies a start from a source into the cache, and exports starts for other machines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seehear.errors import BundleError, SeehearError, UsageError
from seehear.starts import cache
from seehear.starts.definition import Start
from seehear.starts.hub import download, is_hub
from seehear.starts.loading import find_tensors, load_file
from seehear.starts.local import WEIGHTS, find_weights
from seehear.starts.packages import read_package
from seehear.starts.reading import check_digest, read_tensors

PACKAGE = "package"


def get_start(start: Start, source: str) -> Path:
    """Get a start from a source, check its digest, and keep it in the cache. Returns the folder.

    source  "package", the installed package; a file or folder; "hf:OWNER/NAME@COMMIT", which downloads; or "hf", the
            repository that the definition names

    Raises UsageError for an invalid source, BundleError if the digest differs.
    """
    if source == PACKAGE:
        content, folder = read_package(start), None
    else:
        path = find_weights(_locate(start, source), start.name)
        content, folder = path.read_bytes(), path.parent
    try:
        tensors = check_digest(read_tensors(content), start)
    except BundleError as error:
        raise error.at(source) from None
    files = {name: _find_file(start, name, folder) for name in start.files}
    cache.store(cache.locate_start(start), start, tensors, files)
    return cache.locate_start(start)


def export_starts(starts: Iterable[Start], folder: Path) -> list[Path]:
    """Write starts to folder/NAME, with their licence notices. `get_start(start, folder)` reads them from there.

    Raises SeehearError if one is not installed, or the disk is full or read-only.
    """
    written = []
    for start in starts:
        tensors, files = find_tensors(start), {name: load_file(start, name) for name in start.files}
        cache.store(folder / start.name, start, tensors, files)
        written.append(folder / start.name)
    return written


def _locate(start: Start, source: str) -> Path:
    """The file or folder; downloads from the hub."""
    if source == "hf":
        if start.repository is None:
            what, hint = f"no repository is known for {start.name}", "name one: hf:OWNER/NAME@COMMIT"
            raise UsageError(what, where=source, hint=hint)
        source = str(start.repository)
    if is_hub(source):
        return download(source, WEIGHTS, start.files)
    path = Path(source).expanduser()
    if not path.exists():
        allowed = "package, a file, a folder, hf, hf:OWNER/NAME@COMMIT"
        raise UsageError("there is no such file or folder", where=source, allowed=allowed)
    return path


def _find_file(start: Start, name: str, folder: Path | None) -> bytes:
    """Find a file in the folder of the weights, otherwise in the cache or the package: the SHA-256 is the same."""
    if folder is not None and (content := cache.read_stored_file(folder, start, name)) is not None:
        return content
    try:
        return load_file(start, name)
    except SeehearError:
        hint = f"{start.install}, or --from hf" if start.repository else start.install
        raise SeehearError(
            f"the source has no {name} with the SHA-256 {start.files[name][:12]}...", where=str(folder), hint=hint
        ) from None
