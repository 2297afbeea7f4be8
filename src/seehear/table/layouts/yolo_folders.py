"""Where pictures and texts of YOLO lie that no data.yaml lists: side by side, or in images/ and labels/.

labelImg writes each text beside its picture, and classes.txt; Roboflow calls that _darknet.labels, darknet obj.names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.directories import find_part_folders, list_visible, walk_files, walk_pictures
from seehear.table.encoding import read_lines
from seehear.table.media import is_valid_text
from seehear.table.parts import parse_part

_NAMES = ("classes.txt", "labels/classes.txt", "obj.names", "_darknet.labels")
_SHARES = -0.1, 1.1  # of a picture's sides: boxes lie in it, or a little beyond
_MOST_DIGITS = 5  # of the number of a class
_LOOKED_AT = 20  # texts by which those of YOLO are told from captions
_LARGEST_BYTES = 1 << 20  # of one of these


def find_labelled_pictures(place: Path, notes: list[str]) -> list[tuple[str, str]]:
    """The pictures of a folder, or of its parts, with their parts; [] where no texts of YOLO tell of them."""
    if {"images", "labels"} <= set(list_visible(place)[0]) and _labelled(place):
        return [(file, part) for folder, part in _parts_of(place) for file in walk_pictures(place, folder)]
    found: list[tuple[str, str]] = []
    for prefix, part in find_part_folders(place, notes):
        files = list_visible(place / prefix)[1]
        pictures = [prefix + name for name in files if medium_of(name) == "picture" and is_valid_text(name)]
        texts = {prefix + name for name in files if name.lower().endswith(".txt")}
        beside = (text for picture in pictures if (text := f"{picture.rpartition('.')[0]}.txt") in texts)
        if _are_boxes(place, beside):
            found += ((picture, part) for picture in pictures)
    return found


def _labelled(place: Path) -> bool:
    """Whether labels/ holds texts of YOLO, not masks; without any of either, whether a file names the classes."""
    files = [name for name in walk_files(place, "labels") if name.rpartition("/")[2] not in _NAMES]
    if any(medium_of(name) == "picture" for name in files):
        return False
    texts = [name for name in files if name.lower().endswith(".txt")]
    return _are_boxes(place, iter(texts)) or any((place / name).is_file() for name in _NAMES)


def read_class_names(place: Path) -> list[str]:
    """The names of the classes by number, from a file in the folder or in its parts; "" for a number without one.

    Raises DataError where nothing names them, or where two files do differently.
    """
    prefixes = ["", *(f"{folder}/" for folder in list_visible(place)[0] if parse_part(folder))]
    files = [prefix + name for prefix in prefixes for name in _NAMES if (place / (prefix + name)).is_file()]
    told = {file: _names(place / file, file) for file in files}
    if not files:
        hint = "add a classes.txt with one class name per line, in the order of their numbers from 0"
        raise DataError("YOLO label files, but no file names their classes", where=place.name, hint=hint)
    if other := next((file for file in files if told[file] != told[files[0]]), None):
        raise DataError(f"{files[0]} and {other} name the classes differently", where=place.name, hint="remove one")
    return told[files[0]]


def _names(file: Path, name: str) -> list[str]:
    return [line.strip() for line in "\n".join(read_lines(file, name)).rstrip().split("\n")]


def _parts_of(place: Path) -> list[tuple[str, str]]:
    folders, files = list_visible(place / "images")
    if not files and folders and all(map(parse_part, folders)):
        return [(f"images/{folder}", parse_part(folder)) for folder in folders]
    return [("images", "")]


def _are_boxes(place: Path, texts: Iterator[str]) -> bool:
    """Whether some texts hold boxes or nothing, and one of them a box."""
    told = [
        told for _, text in zip(range(_LOOKED_AT), texts, strict=False) if (told := _boxes(place / text)) is not None
    ]
    return any(told) and 2 * sum(told) > len(told)


def _boxes(file: Path) -> bool | None:
    """Whether the first line of a text is a class and shares of a picture's sides; None for an empty one."""
    try:
        with file.open("rb") as content:
            words = content.readline(_LARGEST_BYTES).removeprefix(b"\xef\xbb\xbf").split()
        shares = [float(word) for word in words[1:]]
    except (OSError, ValueError):
        return False
    if not words:
        return None
    lowest, highest = _SHARES
    is_class = words[0].isdigit() and len(words[0]) <= _MOST_DIGITS
    return is_class and len(shares) >= 4 and all(lowest <= share <= highest for share in shares)
