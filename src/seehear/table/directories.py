"""Folders of a dataset: what they hold, which are parts, and how far a reader may look."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.media import is_valid_text
from seehear.table.parts import parse_part
from seehear.table.sheets import EXTENSIONS

_NAMED = 4  # names listed in one sentence
_LEFT_BEHIND = {"__MACOSX", "Thumbs.db", "desktop.ini", "Icon\r"}
_BOUNDARY: ContextVar[str | None] = ContextVar("boundary", default=None)


@contextmanager
def confined_to(folder: Path | None) -> Iterator[None]:
    """Within the block, only `folder` is read: paths in an unpacked archive may lead anywhere. None: no limit."""
    token = _BOUNDARY.set(None if folder is None else _absolute(folder))
    try:
        yield
    finally:
        _BOUNDARY.reset(token)


def is_within_boundary(path: Path | str) -> bool:
    """Whether `confined_to` allows a path. Unpacked archives hold no symbolic links, so comparing names suffices."""
    boundary = _BOUNDARY.get()
    return boundary is None or os.path.commonpath([boundary, _absolute(path)]) == boundary


def _absolute(path: Path | str) -> str:
    """An absolute path without `..`. Path.resolve() would raise for names that no file can have."""
    return os.path.abspath(path)  # noqa: PTH100


def list_visible(folder: Path) -> tuple[list[str], list[str]]:
    """(folder names, file names) in a folder, sorted, without hidden files and those that operating systems leave.

    A broken link counts as a file. Raises DataError for a folder that cannot be opened.
    """
    if not is_within_boundary(folder):
        raise DataError("points outside the archive", where=str(folder))
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name not in _LEFT_BEHIND:
                    (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", where=str(folder)) from None
    return sorted(folders), sorted(files)


def walk_files(root: Path, folder: str, ancestors: frozenset[Path] = frozenset()) -> Iterator[str]:
    """Every visible file below root / folder, in order, relative to root with slashes. Link cycles are not followed."""
    here = (root / folder).resolve()
    if here in ancestors:
        return
    folders, files = list_visible(root / folder)
    yield from (f"{folder}/{file}" for file in files)
    for inner in folders:
        yield from walk_files(root, f"{folder}/{inner}", ancestors | {here, root.resolve()})


def walk_pictures(root: Path, folder: str) -> Iterator[str]:
    """The pictures below a folder, named relative to root."""
    return (file for file in walk_files(root, folder) if medium_of(file) == "picture" and is_valid_text(file))


def unwrap(place: Path) -> Path:
    """Descend while a folder holds nothing but one folder of folders or tables, as unpacked archives often do."""
    while place.is_dir():
        folders, files = list_visible(place)
        if len(folders) != 1 or files or parse_part(folders[0]):
            break
        inner_folders, inner_files = list_visible(place / folders[0])
        if not inner_folders and not any(has_table_extension(file) for file in inner_files):
            break
        place = place / folders[0]
    return place


def find_part_folders(place: Path, notes: list[str], named: Callable[[str], str] = parse_part) -> list[tuple[str, str]]:
    """Name prefixes below place with their parts: ("train/", "train"), ...; [("", "")] if there are none.

    named  gives the part of a folder's name, "" if it is none
    notes  receives what is not read because it is beside the parts
    """
    folders, files = list_visible(place)
    parts = {folder: named(folder) for folder in folders}
    if "train" not in parts.values() and not (parts and all(parts.values())):
        return [("", "")]
    others = [*(folder for folder, part in parts.items() if not part), *files]
    notes += [f"not read, because they are not parts: {summarise_names(others)}"] if others else []
    return [(f"{folder}/", part) for folder, part in parts.items() if part]


def summarise_names(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def has_table_extension(name: str) -> bool:
    return Path(name).suffix.lower() in EXTENSIONS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a cycle of links
        return False
