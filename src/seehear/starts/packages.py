"""Weights inside installed packages: found by metadata, and only data files are read. No package ever runs."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from seehear.errors import BundleError, SeehearError
from seehear.starts.definition import PackagedFile, Start


def is_installed(start: Start) -> bool:
    """Whether every file is there, by its size; contents are checked when they are read."""
    if start.package is None:
        return False
    needed = (*start.package.parts, *start.package.files.values())
    return all((path := _locate(file)) is not None and path.stat().st_size == file.size for file in needed)


def read_package(start: Start) -> bytes:
    """The file of weights, joined if several packages carry it. Raises SeehearError if one is missing or changed."""
    parts = start.package.parts if start.package else ()
    return b"".join(_read(part, start) for part in parts)


def read_package_files(start: Start) -> dict[str, bytes]:
    """Its other files. Raises as `read_package` does."""
    files = start.package.files if start.package else {}
    return {name: _read(file, start) for name, file in files.items()}


def _read(file: PackagedFile, start: Start) -> bytes:
    """One file, after its size and SHA-256 were compared with the definition."""
    path = _locate(file)
    if path is None:
        raise SeehearError(f"the package {file.distribution} is not installed", where=start.name, hint=start.install)
    with path.open("rb") as opened:
        content = opened.read(file.size + 1)
    if len(content) != file.size or hashlib.sha256(content).hexdigest() != file.sha256:
        raise BundleError(
            "has other contents than the version that seehear knows, and is not read",
            where=str(path),
            hint=f"{start.install} --force-reinstall --no-deps, or take it from another source: seehear starts get",
        )
    return content


def _locate(file: PackagedFile) -> Path | None:
    try:
        path = Path(str(metadata.distribution(file.distribution).locate_file(file.path)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
