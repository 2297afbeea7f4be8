"""Pictures beside masks: images/a.jpg and masks/a.png, in each part or in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from seehear.amounts import counted
from seehear.media import medium_of
from seehear.table.layouts.found import Found, files_below, part_folders, text_table, visible
from seehear.table.media import is_text
from seehear.table.rows import Problem

_PICTURES = ("images", "image", "imgs", "img", "Images")
_MASKS = ("masks", "mask", "Masks", "segmentations", "annotations", "labels")
_ENDINGS = ("_mask", "-mask", "_seg", "_label", "_labels", "_labelids", "_gt")  # of a mask's name, beyond its picture's


def picture_masks(place: Path) -> Found | None:
    """A folder with both, or with parts that have both; None for any other."""
    if not place.is_dir():
        return None
    said: list[str] = []
    image: list[str] = []
    mask: list[str | None] = []
    parts: list[str] = []
    problems: list[Problem] = []
    for prefix, part in part_folders(place, said):
        if (both := _both(place, prefix)) is None:
            continue
        pictures = _by_stem(place, both[0], problems)
        masks = _by_stem(place, both[1], problems, pictures)
        for stem, picture in pictures.items():
            image.append(picture)
            mask.append(masks.pop(stem, None))
            parts.append(part)
        problems += (Problem(name, "no picture of this name") for name in masks.values())
    if not any(mask):
        return None
    said.append(f"{counted(len(image), 'picture')}, {sum(map(bool, mask)):,} with their masks")
    return Found(
        place,
        text_table({"image": image, "mask": mask}),
        part=pa.chunked_array([pa.array(parts, pa.large_string())]),
        problems=tuple(problems),
        said=tuple(said),
        without="no mask of this name",
    )


def _both(place: Path, prefix: str) -> tuple[str, str] | None:
    folders = visible(place / prefix)[0]
    pictures = next((prefix + name for name in _PICTURES if name in folders), None)
    masks = next((prefix + name for name in _MASKS if name in folders), None)
    return None if pictures is None or masks is None else (pictures, masks)


def _by_stem(
    place: Path, folder: str, problems: list[Problem], pictures: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The pictures below a folder by their names from there on, without extension; masks by those of their `pictures`,
    without what says that they are masks. All but the first of a name are problems."""
    files: dict[str, str] = {}
    for name in files_below(place, folder):
        if medium_of(name) == "picture" and is_text(name):
            stem = name.removeprefix(f"{folder}/").rpartition(".")[0]
            if pictures is not None and stem not in pictures:
                ending = next((each for each in _ENDINGS if stem.lower().endswith(each)), "")
                stem = stem[: len(stem) - len(ending)]
            if (first := files.setdefault(stem, name)) != name:
                problems.append(Problem(name, f"{first} is of this name too: left out", "rename or remove one of them"))
    return files
