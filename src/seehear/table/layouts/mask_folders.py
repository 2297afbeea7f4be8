"""A folder of pictures beside a folder of masks, in each part or for all:

images/a.jpg
masks/a.png
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from seehear.amounts import format_count
from seehear.table.directories import find_part_folders, list_visible, walk_pictures
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.rows import RowProblem

_PICTURES = ("images", "image", "imgs", "img", "Images", "JPEGImages")
_MASKS = ("masks", "mask", "Masks", "segmentations", "annotations", "labels", "SegmentationClass")
# Endings that a mask has beyond the name of its picture; the last one is CamVid's.
_ENDINGS = (
    *("_mask", "-mask", " mask", "_masks", "_seg", "-seg", "_segmentation"),
    *("_label", "-label", "_labels", "_labelids", "_gt", "_l"),
)


def read_mask_folders(place: Path) -> RawTable | None:
    """Read a folder with both, or with parts that have both; None for others."""
    if not place.is_dir():
        return None
    notes: list[str] = []
    image: list[str] = []
    mask: list[str | None] = []
    parts: list[str] = []
    problems: list[RowProblem] = []
    for prefix, part in find_part_folders(place, notes):
        if (folders := _find_folders(place, prefix)) is None:
            continue
        pictures, masks = walk_pictures(place, folders[0]), walk_pictures(place, folders[1])
        for picture, its_mask in pair_masks(pictures, masks, folders, problems):
            image.append(picture)
            mask.append(its_mask)
            parts.append(part)
    if not any(mask):
        return None
    notes.append(f"{format_count(len(image), 'picture')}, {sum(map(bool, mask)):,} with their masks")
    return RawTable(
        place,
        make_text_table({"image": image, "mask": mask}),
        part=pa.chunked_array([pa.array(parts, pa.large_string())]),
        problems=tuple(problems),
        notes=tuple(notes),
        missing_answer="no mask with this name",
    )


def strip_mask_suffix(stem: str) -> str:
    """The stem of a mask without the ending that marks it; any other stem as it is."""
    ending = next((each for each in _ENDINGS if stem.lower().endswith(each)), "")
    return stem[: len(stem) - len(ending)]


def _find_folders(place: Path, prefix: str) -> tuple[str, str] | None:
    folders = list_visible(place / prefix)[0]
    pictures = next((prefix + name for name in _PICTURES if name in folders), None)
    masks = next((prefix + name for name in _MASKS if name in folders), None)
    return None if pictures is None or masks is None else (pictures, masks)


def pair_masks(
    pictures: Iterable[str], masks: Iterable[str], folders: tuple[str, str], problems: list[RowProblem]
) -> Iterator[tuple[str, str | None]]:
    """Each picture with its mask, None without one, matched by name below `folders`.

    Masks without a picture, and all but the first file of each name, become problems.
    """
    pictures_by_stem = _by_stem(pictures, folders[0], problems)
    masks_by_stem = _by_stem(masks, folders[1], problems, pictures_by_stem)
    for stem, picture in pictures_by_stem.items():
        yield picture, masks_by_stem.pop(stem, None)
    problems += (RowProblem(name, "no picture with this name") for name in masks_by_stem.values())


def _by_stem(
    names: Iterable[str], folder: str, problems: list[RowProblem], pictures: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Files by path below a folder, without extension. All but the first file of each name become problems.

    For masks, `pictures` are given, and mask endings are removed where needed.
    """
    files: dict[str, str] = {}
    for name in names:
        stem = name.removeprefix(f"{folder}/").rpartition(".")[0]
        if pictures is not None and stem not in pictures:
            stem = strip_mask_suffix(stem)
        if (first := files.setdefault(stem, name)) != name:
            problems.append(RowProblem(name, f"{first} has this name too: left out", "rename or remove one of them"))
    return files
