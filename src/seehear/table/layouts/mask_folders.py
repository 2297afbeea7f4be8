"""Pictures beside masks: images/a.jpg and masks/a.png, in each part or in one place."""

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
# Of a mask's name, beyond its picture's; the last as CamVid has it.
_ENDINGS = (
    *("_mask", "-mask", " mask", "_masks", "_seg", "-seg", "_segmentation"),
    *("_label", "-label", "_labels", "_labelids", "_gt", "_l"),
)


def read_mask_folders(place: Path) -> RawTable | None:
    """A folder with both, or with parts that have both; None for any other."""
    if not place.is_dir():
        return None
    notes: list[str] = []
    image: list[str] = []
    mask: list[str | None] = []
    parts: list[str] = []
    problems: list[RowProblem] = []
    for prefix, part in find_part_folders(place, notes):
        if (both := _both(place, prefix)) is None:
            continue
        pictures, masks = walk_pictures(place, both[0]), walk_pictures(place, both[1])
        for picture, its_mask in pair_masks(pictures, masks, both, problems):
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
        missing_answer="no mask of this name",
    )


def strip_mask_suffix(stem: str) -> str:
    """The name of a mask without what says that it is one; any other name as it is."""
    ending = next((each for each in _ENDINGS if stem.lower().endswith(each)), "")
    return stem[: len(stem) - len(ending)]


def _both(place: Path, prefix: str) -> tuple[str, str] | None:
    folders = list_visible(place / prefix)[0]
    pictures = next((prefix + name for name in _PICTURES if name in folders), None)
    masks = next((prefix + name for name in _MASKS if name in folders), None)
    return None if pictures is None or masks is None else (pictures, masks)


def pair_masks(
    pictures: Iterable[str], masks: Iterable[str], folders: tuple[str, str], problems: list[RowProblem]
) -> Iterator[tuple[str, str | None]]:
    """Each picture with its mask, None where it has none, by their names from their folders on.

    Masks without a picture, and all but the first of a name, are problems.
    """
    by_stem = _by_stem(pictures, folders[0], problems)
    of_stem = _by_stem(masks, folders[1], problems, by_stem)
    for stem, picture in by_stem.items():
        yield picture, of_stem.pop(stem, None)
    problems += (RowProblem(name, "no picture of this name") for name in of_stem.values())


def _by_stem(
    names: Iterable[str], folder: str, problems: list[RowProblem], pictures: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Files by their names from a folder on, without extension; masks by those of their `pictures`, without what says
    that they are masks. All but the first of a name are problems."""
    files: dict[str, str] = {}
    for name in names:
        stem = name.removeprefix(f"{folder}/").rpartition(".")[0]
        if pictures is not None and stem not in pictures:
            stem = strip_mask_suffix(stem)
        if (first := files.setdefault(stem, name)) != name:
            problems.append(RowProblem(name, f"{first} is of this name too: left out", "rename or remove one of them"))
    return files
