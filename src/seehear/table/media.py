"""Which columns hold files of a sense, told by the extensions that their cells end in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear import media
from seehear.media import EXTENSIONS, medium_of

SENSES = media.SENSES | {"mixed": ("image", "audio")}  # each file of a mixed column speaks to its own
_NO_EXTENSION = r"(^|/)[^./]+$"  # as DICOM files often come


def speaks_to(sense: str, cells: pa.ChunkedArray, *, nameless: bool = False) -> NDArray[np.bool_]:
    """(rows,) whether a sense may read the file that each cell names; with `nameless` also if it has no extension."""
    fitting = [extension for medium, names in EXTENSIONS.items() if sense in SENSES[medium] for extension in names]
    pattern = rf"(?i)\.({'|'.join(fitting)})$"
    matched = pc.match_substring_regex(cells, f"{pattern}|{_NO_EXTENSION}" if nameless else pattern)
    result: NDArray[np.bool_] = pc.fill_null(matched, False).to_numpy()
    return result


def looks_like_files(cells: list[str]) -> bool:
    """Whether most of some cells name pictures, recordings or videos."""
    return 2 * sum(bool(medium_of(cell)) for cell in cells) > len(cells)


def is_text(name: str) -> bool:
    """Whether a file's name is valid Unicode, which a system need not care for."""
    return name.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in name)
