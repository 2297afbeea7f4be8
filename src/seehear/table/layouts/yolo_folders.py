"""Find pictures and label files of YOLO without a data.yaml: side by side, or in images/ and labels/.

labelImg writes label files beside pictures, and classes.txt; Roboflow names that _darknet.labels, darknet obj.names.
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
_RELATIVE_RANGE = -0.1, 1.1  # relative coordinates may lie a little outside the picture
_MOST_DIGITS = 5  # of a class number
_SAMPLED = 20  # files inspected to distinguish label files from captions
_LARGEST_BYTES = 1 << 20  # of one label file


def find_labelled_pictures(place: Path, notes: list[str]) -> list[tuple[str, str]]:
    """The pictures of a folder, or of its parts, with their parts; [] if there are no label files of YOLO."""
    if {"images", "labels"} <= set(list_visible(place)[0]) and _has_labels(place):
        return [(file, part) for folder, part in _parts_of(place) for file in walk_pictures(place, folder)]
    pairs: list[tuple[str, str]] = []
    for prefix, part in find_part_folders(place, notes):
        files = list_visible(place / prefix)[1]
        pictures = [prefix + name for name in files if medium_of(name) == "picture" and is_valid_text(name)]
        texts = {prefix + name for name in files if name.lower().endswith(".txt")}
        label_files = (
            label_file for picture in pictures if (label_file := f"{picture.rpartition('.')[0]}.txt") in texts
        )
        if _hold_boxes(place, label_files):
            pairs += ((picture, part) for picture in pictures)
    return pairs


def _has_labels(place: Path) -> bool:
    """Whether labels/ holds label files of YOLO, not masks; if it holds neither, whether a file names the classes."""
    files = [name for name in walk_files(place, "labels") if name.rpartition("/")[2] not in _NAMES]
    if any(medium_of(name) == "picture" for name in files):
        return False
    label_files = [name for name in files if name.lower().endswith(".txt")]
    return _hold_boxes(place, iter(label_files)) or any((place / name).is_file() for name in _NAMES)


def read_class_names(place: Path) -> list[str]:
    """Class names by number, from a file in the folder or in its parts; "" for a number without one.

    Raises DataError if there is no such file, or if two of them differ.
    """
    prefixes = ["", *(f"{folder}/" for folder in list_visible(place)[0] if parse_part(folder))]
    files = [prefix + name for prefix in prefixes for name in _NAMES if (place / (prefix + name)).is_file()]
    names = {file: _names(place / file, file) for file in files}
    if not files:
        hint = "add a classes.txt with one class name per line, in the order of their numbers from 0"
        raise DataError("YOLO label files, but no file names their classes", where=place.name, hint=hint)
    if other := next((file for file in files if names[file] != names[files[0]]), None):
        raise DataError(f"{files[0]} and {other} name the classes differently", where=place.name, hint="remove one")
    return names[files[0]]


def _names(file: Path, name: str) -> list[str]:
    return [line.strip() for line in "\n".join(read_lines(file, name)).rstrip().split("\n")]


def _parts_of(place: Path) -> list[tuple[str, str]]:
    folders, files = list_visible(place / "images")
    if not files and folders and all(map(parse_part, folders)):
        return [(f"images/{folder}", parse_part(folder)) for folder in folders]
    return [("images", "")]


def _hold_boxes(place: Path, label_files: Iterator[str]) -> bool:
    """Whether most label files hold boxes or nothing, and at least one a box."""
    names = [
        names
        for _, label_file in zip(range(_SAMPLED), label_files, strict=False)
        if (names := _holds_box(place / label_file)) is not None
    ]
    return any(names) and 2 * sum(names) > len(names)


def _holds_box(file: Path) -> bool | None:
    """Whether the first line is a class and relative coordinates; None for an empty file."""
    try:
        with file.open("rb") as content:
            words = content.readline(_LARGEST_BYTES).removeprefix(b"\xef\xbb\xbf").split()
        coordinates = [float(word) for word in words[1:]]
    except (OSError, ValueError):
        return False
    if not words:
        return None
    lowest, highest = _RELATIVE_RANGE
    is_class = words[0].isdigit() and len(words[0]) <= _MOST_DIGITS
    return is_class and len(coordinates) >= 4 and all(lowest <= coordinate <= highest for coordinate in coordinates)
