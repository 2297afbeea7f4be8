"""Which medium the cells of a column name, by file extension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.media import EXTENSIONS, medium_of

MIXED = "mixed"  # the medium of a column that holds files of several
_NO_EXTENSION = r"(^|/)([^./]+|[^/]*\.[0-9]+)$"  # as DICOM files often are: IM0001, 1.2.840.113619


def match_media(media: Sequence[str], cells: pa.ChunkedArray, *, nameless: bool = False) -> NDArray[np.bool_]:
    """(rows,) whether each cell names a file of one of the media; with `nameless`, also if it has no extension."""
    fitting = [extension for medium in media for extension in EXTENSIONS[medium]]
    pattern = rf"(?i)\.({'|'.join(fitting)})$"
    matched = pc.match_substring_regex(cells, f"{pattern}|{_NO_EXTENSION}" if nameless else pattern)
    result: NDArray[np.bool_] = pc.fill_null(matched, False).to_numpy()
    return result


def are_mostly_files(cells: list[str]) -> bool:
    """Whether most of some cells name pictures, recordings or videos."""
    return 2 * sum(bool(medium_of(cell)) for cell in cells) > len(cells)


def is_valid_text(name: str) -> bool:
    """Whether a file name is valid Unicode, which file systems do not enforce."""
    return name.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in name)
