"""The files of a folder or an archive that is searched, without adding them to the project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from seehear.errors import InputError, UsageError
from seehear.inputs import gather
from seehear.media import Input, medium_of_file, path_of
from seehear.projects.features import Item
from seehear.senses import SENSES

UNPACKED = "unpacked"


def list_files(among: Path, senses: Sequence[str], cache: Path) -> Sequence[Item]:
    """What these senses read in a folder, an archive, a table or a single file, ordered by name.

    cache   a folder, where archives are unpacked once
    Raises UsageError if there is nothing, DataError for a damaged archive.
    """
    items = list(_list(_find_root(among, cache), senses))
    if not items:
        nouns = " or ".join(SENSES[sense].noun for sense in senses)
        raise UsageError(f"there is no {nouns} in it", where=str(among))
    return items


def find_file(among: Path, name: str, senses: Sequence[str], cache: Path) -> Mapping[str, Input]:
    """What `list_files` gave under this name. Raises UsageError if it is not there any more."""
    root = _find_root(among, cache)
    if len(senses) == 1 and root.is_dir():  # quicker than a list of all of them
        path = root / name
        if path.is_file() and path.resolve().is_relative_to(root.resolve()):
            return _by_sense(path, senses)
    item = next((item for item in list_files(among, senses, cache) if item.name == name), None)
    if item is None:
        raise UsageError(f"there is no file {name[:100]!r} any more", where=str(among))
    return item.inputs


def _find_root(among: Path, cache: Path) -> Path:
    """The folder that is searched. Raises UsageError if there is none, DataError for a damaged archive."""
    from seehear.table.archive import is_archive

    if not among.exists():
        raise UsageError("no such file or folder", where=str(among))
    return _unpack(among, cache) if is_archive(among) else among


def _list(root: Path, senses: Sequence[str]) -> Iterator[Item]:
    for found in gather([root], senses):
        if isinstance(found, InputError):
            continue
        inputs: Mapping[str, Input] = found if isinstance(found, Mapping) else _by_sense(found, senses)
        if inputs:
            paths = [path_of(source) for source in inputs.values()]
            name = paths[0].name if paths[0] == root else paths[0].relative_to(root).as_posix()
            yield Item(name, _identify(inputs), inputs)


def _by_sense(path: Path, senses: Sequence[str]) -> dict[str, Input]:
    medium = medium_of_file(path)
    return {sense: path for sense in senses if medium in SENSES[sense].media}


def _identify(inputs: Mapping[str, Input]) -> str:
    """Another one whenever a file was changed: by its place, size and time, so that hours of sound need not be read."""
    parts = []
    for sense, source in sorted(inputs.items()):
        path = path_of(source)
        status = path.stat()
        parts.append(f"{sense} {source} {path.resolve()} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()


def _unpack(archive: Path, cache: Path) -> Path:
    """Where an archive is unpacked, now or before."""
    from seehear.table.archive import unpack

    status = archive.stat()
    key = hashlib.sha256(f"{archive.resolve()} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:24]
    place = cache / UNPACKED / key
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        unpack(archive, place.parent).folder.rename(place)
    return place
