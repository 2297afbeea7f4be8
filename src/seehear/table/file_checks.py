"""Check which files exist. For many files each folder is listed once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.table.media import is_valid_text

_TEXT = pa.large_string()


def files_exist(root: Path, cells: pa.ChunkedArray) -> NDArray[np.bool_]:
    """(rows,) whether the file in each cell, relative to root or absolute, exists. False for null."""
    folders = pc.unique(pc.replace_substring_regex(cells, r"[^/]*$", "")).drop_null().to_pylist()
    names = pa.chunked_array([_list_files(root, folder) for folder in folders], pa.large_string())
    found: NDArray[np.bool_] = pc.is_in(cells, value_set=names).to_numpy()
    return found


def is_file(path: Path) -> bool:
    """False also for a name that no file can have; Path.is_file raises for one that is too long."""
    return os.path.isfile(path)  # noqa: PTH113


def path_exists(path: Path) -> bool:
    """Like `is_file`, for files and folders."""
    return os.path.exists(path)  # noqa: PTH110


def _list_files(root: Path, folder: str) -> pa.Array:
    """The files in a folder, named as cells name them. Their sizes are not read: that would take a call per file."""
    try:
        with os.scandir(root / folder) as entries:
            names = [folder + entry.name for entry in entries if is_valid_text(entry.name) and _is_file(entry)]
    except (OSError, ValueError):  # missing, not a folder, not permitted, or a NUL in its name
        names = []
    return pa.array(names, pa.large_string())


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a cycle of links
        return False
