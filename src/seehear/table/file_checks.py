"""Which of the files that a table or a list names are there. Of many by one scan per folder."""

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
    """(rows,) whether the file that each cell names, relative to root or absolutely, is there. False for null."""
    folders = pc.unique(pc.replace_substring_regex(cells, r"[^/]*$", "")).drop_null().to_pylist()
    names = pa.chunked_array([_files(root, folder) for folder in folders], pa.large_string())
    found: NDArray[np.bool_] = pc.is_in(cells, value_set=names).to_numpy()
    return found


def is_file(path: Path) -> bool:
    """False also for a name that no file can have; Path's own methods raise for one that is too long."""
    return os.path.isfile(path)  # noqa: PTH113


def path_exists(path: Path) -> bool:
    """Of a file or a folder, as is_file."""
    return os.path.exists(path)  # noqa: PTH110


def _files(root: Path, folder: str) -> pa.Array:
    """The files in a folder, named as cells name them. Their size is not asked: that costs a question a file."""
    try:
        with os.scandir(root / folder) as entries:
            names = [folder + entry.name for entry in entries if is_valid_text(entry.name) and _is_file(entry)]
    except (OSError, ValueError):  # no such folder, not a folder, not allowed, a NUL in its name
        names = []
    return pa.array(names, pa.large_string())


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False
