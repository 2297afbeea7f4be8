"""Reads weights from installed packages: finds them by metadata and reads only data files. Never imports a package."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from seehear.errors import BundleError, SeehearError
from seehear.starts.definition import PackagedFile, Start


def is_installed(start: Start) -> bool:
    """Whether every file exists with the right size. Contents are checked on reading."""
    if start.package is None:
        return False
    needed = (*start.package.parts, *start.package.files.values())
    return all((path := _locate(file)) is not None and path.stat().st_size == file.size for file in needed)


def read_package(start: Start) -> bytes:
    """The weights file, concatenated from all packages. Raises SeehearError if a part is missing or changed."""
    parts = start.package.parts if start.package else ()
    return b"".join(_read(part, start) for part in parts)


def read_package_files(start: Start) -> dict[str, bytes]:
    """Its other files. Raises as `read_package` does."""
    files = start.package.files if start.package else {}
    return {name: _read(file, start) for name, file in files.items()}


def _read(file: PackagedFile, start: Start) -> bytes:
    """One file, checked by its size and SHA-256."""
    path = _locate(file)
    if path is None:
        raise SeehearError(f"the package {file.distribution} is not installed", where=start.name, hint=start.install)
    with path.open("rb") as opened:
        content = opened.read(file.size + 1)
    if len(content) != file.size or hashlib.sha256(content).hexdigest() != file.sha256:
        raise BundleError(
            "differs from the version that seehear knows, and is not read",
            where=str(path),
            hint=f"{start.install} --force-reinstall --no-deps, or use another source: seehear starts get",
        )
    return content


def _locate(file: PackagedFile) -> Path | None:
    try:
        path = Path(str(metadata.distribution(file.distribution).locate_file(file.path)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
