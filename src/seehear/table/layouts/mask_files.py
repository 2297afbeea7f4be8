"""Masks named after their pictures, in one folder or in folders named after the parts:

a.jpg  a_mask.png                     an ending marks the mask
train/a.jpg  train_labels/a_L.png     as in CamVid
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa

from seehear.amounts import format_count
from seehear.media import medium_of
from seehear.table.directories import find_part_folders, list_visible, walk_pictures
from seehear.table.layouts.mask_folders import pair_masks, strip_mask_suffix
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.media import is_valid_text
from seehear.table.parts import parse_part
from seehear.table.rows import RowProblem

_FOLDERS = ("_labels", "_masks", "_mask", "_label", "_annotations", "annot", "_gt")  # after the name of a part

_Pair = tuple[str, str | None, str]  # picture, mask, part


def read_mask_files(place: Path) -> RawTable | None:
    """Read a folder with both, or with such folders for its parts or classes; None for others."""
    if not place.is_dir():
        return None
    notes: list[str] = []
    problems: list[RowProblem] = []
    pairs = list(_in_part_folders(place, problems)) or list(_in_one_folder(place, notes, problems))
    if not pairs:
        return None
    classes = [PurePosixPath(picture).parent.name for picture, _, _ in pairs]
    by_class = len(set(classes)) > 1 and not any(map(parse_part, classes))
    notes.append(
        f"{format_count(len(pairs), 'picture')}, {sum(mask is not None for _, mask, _ in pairs):,} with their masks"
    )
    columns: dict[str, list[str | None]] = {
        "image": [picture for picture, _, _ in pairs],
        "mask": [mask for _, mask, _ in pairs],
        "label": [*classes] if by_class else [],
    }
    return RawTable(
        place,
        make_text_table(columns),
        part=pa.chunked_array([pa.array([part for _, _, part in pairs], pa.large_string())]),
        problems=tuple(problems),
        notes=tuple(notes),
        missing_answer="no mask with this name",
    )


def _in_part_folders(place: Path, problems: list[RowProblem]) -> Iterator[_Pair]:
    folders = list_visible(place)[0]
    for folder in filter(parse_part, folders):
        if beside := next((folder + end for end in _FOLDERS if folder + end in folders), ""):
            masks = (name for name in walk_pictures(place, beside) if _is_png(name))
            both = pair_masks(walk_pictures(place, folder), masks, (folder, beside), problems)
            yield from ((picture, mask, parse_part(folder)) for picture, mask in both)


def _in_one_folder(place: Path, notes: list[str], problems: list[RowProblem]) -> Iterator[_Pair]:
    """Each mask is named after its picture, with an ending: a_mask.png."""
    for prefix, part in find_part_folders(place, notes):
        folders, names = list_visible(place / prefix)
        files = [prefix + name for name in names if medium_of(name) == "picture" and is_valid_text(name)]
        files += [name for folder in folders for name in walk_pictures(place, prefix + folder)]
        masks = [name for name in files if _is_mask(name)]
        others = [name for name in files if not _is_mask(name)]
        stems = {name.rpartition(".")[0] for name in others}
        if masks and 2 * sum(strip_mask_suffix(name.rpartition(".")[0]) in stems for name in masks) > len(stems):
            yield from ((picture, mask, part) for picture, mask in pair_masks(others, masks, ("", ""), problems))


def _is_mask(name: str) -> bool:
    stem = name.rpartition(".")[0]
    return _is_png(name) and strip_mask_suffix(stem) != stem


def _is_png(name: str) -> bool:
    return name.lower().endswith(".png")
