"""A folder of tars, of which each holds some of the examples: the shards of WebDataset."""

from __future__ import annotations

import tempfile
from pathlib import Path

from seehear.table.archive import Unpacked, is_archive, unpack
from seehear.table.layouts.raw_table import list_visible
from seehear.table.parts import find_part_in_name
from seehear.table.rows import RowProblem


def is_shards(place: Path) -> bool:
    """Whether a folder holds archives and nothing else."""
    if not place.is_dir():
        return False
    folders, files = list_visible(place)
    return bool(files) and not folders and all(is_archive(place / file) for file in files)


def unpack_shards(place: Path, workspace: Path) -> Unpacked:
    """A folder in workspace with all their files, in folders for the parts that their names tell: train-000000.tar."""
    workspace.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{place.name[:40]}-", dir=workspace))
    problems: list[RowProblem] = []
    for name in list_visible(place)[1]:
        part = find_part_in_name(name)
        problems += unpack(place / name, folder / part if part else folder).problems
    return Unpacked(folder, tuple(problems))
