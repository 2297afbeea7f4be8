"""Annotation files beside pictures: find which to read, read JSON and XML safely, and find the pictures they name."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.strict_json import from_json
from seehear.strict_xml import from_xml
from seehear.table.directories import find_part_folders, list_visible, walk_files
from seehear.table.encoding import read_text
from seehear.table.file_checks import is_file
from seehear.table.layouts.box_cells import FARTHEST_PX
from seehear.table.media import is_valid_text
from seehear.table.parts import find_part_in_name

LARGEST_BYTES = 1 << 29  # COCO's own file for 118,000 pictures has 448 MB
_BEGINNING_BYTES = 1 << 16
_FOLDERS = ("annotations", "Annotations", "labels")


def find_annotation_files(
    place: Path, recognises: Callable[[Path], bool], notes: list[str], *, preferred: str = ""
) -> list[tuple[str, str]]:
    """Find annotation files: `place` itself, one in it, one for each part, or those in annotations/.

    Returns (name relative to `place`, part) for each. If the names of some begin with `preferred`, only these count.
    Raises DataError if it is unclear which to read.
    """
    if place.is_file():
        return [(place.name, "")] if recognises(place) else []
    if not place.is_dir():
        return []

    def list_annotations(prefix: str) -> list[str]:
        return [prefix + name for name in list_visible(place / prefix)[1] if recognises(place / prefix / name)]

    folders = list_visible(place)[0]
    names = list_annotations("") or [
        name for folder in _FOLDERS if folder in folders for name in list_annotations(f"{folder}/")
    ]
    if names:
        chosen = [name for name in names if name.rpartition("/")[2].startswith(preferred)] or names
        parts = [find_part_in_name(re.sub(r"\d+", "", Path(name).stem)) for name in chosen]
        if len(chosen) > 1 and not (all(parts) and len(set(parts)) == len(parts)):
            hint = "give one of them as DATA, or name them after their parts: train, val"
            raise DataError(f"{place.name} holds {len(chosen)} annotation files: {', '.join(chosen)}", hint=hint)
        return list(zip(chosen, parts, strict=True))
    inside = [
        (name, part) for prefix, part in find_part_folders(place, notes) if prefix for name in list_annotations(prefix)
    ]
    return inside if len({part for _, part in inside}) == len(inside) else []


def read_beginning(file: Path) -> bytes:
    """The first bytes of a file, without a byte order mark and white space; b"" if it cannot be opened."""
    try:
        with file.open("rb") as content:
            return content.read(_BEGINNING_BYTES).lstrip(b"\xef\xbb\xbf \r\n\t")
    except OSError:
        return b""


def read_json(file: Path, name: str, most_bytes: int = LARGEST_BYTES) -> Any:
    """Read a JSON file. Raises DataError if it is too large or not JSON."""
    try:
        size = file.stat().st_size
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", where=name) from None
    if size > most_bytes:
        hint = "split it, for example by part"
        raise DataError("too large", where=name, allowed=f"up to {most_bytes >> 20} MiB", hint=hint)
    try:
        return from_json(read_text(file, name, most_bytes))
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=name, hint="copy or download it again") from None


def read_xml(file: Path, name: str, most_bytes: int) -> ElementTree.Element:
    """Read an XML file. Raises DataError if it is too large, not XML, or declares entities, which may expand."""
    try:
        large = file.stat().st_size > most_bytes
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", where=name) from None
    if large:
        raise DataError("too large for annotations", where=name, allowed=f"up to {most_bytes >> 20} MiB")
    text = read_text(file, name, most_bytes)
    try:
        return from_xml(text)
    except ValueError as error:
        raise DataError(str(error), where=name) from None


def parse_number(value: Any) -> float:
    """A number, also written as text; nan for anything else and for numbers too large for a picture."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return math.nan
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FARTHEST_PX
    return float(value) if usable else math.nan


def parse_size_px(width: Any, height: Any) -> tuple[float, float]:
    """(width, height) in pixels; nan for both unless both are positive numbers."""
    sides = parse_number(width), parse_number(height)
    return sides if min(sides) > 0 else (math.nan, math.nan)


class FileFinder:
    """Finds the files that annotations name, wherever they are below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[str]] | None = None

    def find(self, name_given: Any, folder: str, *other_names: str) -> str:
        """The path, relative to root, of a file named in root / folder, perhaps with another machine's folders.

        `other_names` are tried too. Raises DataError if there is no such file, or more than one.
        """
        path = str(name_given).replace("\\", "/") if isinstance(name_given, str) else ""
        if not path.strip() or not is_valid_text(path) or "\0" in path:
            raise DataError("it names no file")
        for candidate in (posixpath.join(folder, path), path.lstrip("/")):
            normal = posixpath.normpath(candidate)
            if is_file(self._root / normal):
                return normal
        for name in dict.fromkeys([PurePosixPath(path).name, *other_names]):
            matches = self._index().get(name, [])
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise DataError(f"{name!r} may be {matches[0]} or {matches[1]}", hint="name it with its folder")
        raise DataError(f"no file {path[:200]!r}", hint="put the pictures beside the annotations")

    def _index(self) -> dict[str, list[str]]:
        if self._by_name is None:
            self._by_name = {}
            for path in walk_files(self._root, "."):
                if medium_of(path) and is_valid_text(path):
                    self._by_name.setdefault(PurePosixPath(path).name, []).append(path.removeprefix("./"))
        return self._by_name
