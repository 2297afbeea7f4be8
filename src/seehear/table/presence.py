"""Which of many files are there. One scan per folder, not one question per file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.table.media import is_text

_TEXT = pa.large_string()


def present(root: Path, cells: pa.ChunkedArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """((rows,) whether the file named by each cell exists, (rows,) whether it has any bytes). False for null."""
    folders = pc.unique(pc.replace_substring_regex(cells, r"[^/]*$", "")).drop_null().to_pylist()
    there, full = [pa.array([], _TEXT)], [pa.array([], _TEXT)]
    for folder in folders:
        names, with_bytes = _files(root, folder)
        there.append(pa.array(names, _TEXT))
        full.append(pa.array(with_bytes, _TEXT))
    return _in(cells, there), _in(cells, full)


def _files(root: Path, folder: str) -> tuple[list[str], list[str]]:
    names: list[str] = []
    with_bytes: list[str] = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if is_text(entry.name) and (size := _size(entry)) is not None:
                    names.append(folder + entry.name)
                    with_bytes += [names[-1]] if size else []
    except (OSError, ValueError):  # no such folder, not a folder, not allowed, a NUL in its name
        return [], []
    return names, with_bytes


def _size(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_size if entry.is_file() else None
    except OSError:  # a link to nothing, links in a circle
        return None


def _in(cells: pa.ChunkedArray, names: list[pa.Array]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.is_in(cells, value_set=pa.chunked_array(names)).to_numpy()
    return found
