"""What a file's extension says it is: a picture, a recording or a video. The senses judge by content later."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

PICTURES: tuple[str, ...] = (
    "png",
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "webp",
    "tif",
    "tiff",
    "bmp",
    "dib",
    "gif",
    "dcm",
    "dicom",
)
RECORDINGS: tuple[str, ...] = (
    "wav",
    "wave",
    "flac",
    "ogg",
    "oga",
    "opus",
    "mp3",
    "m4a",
    "aac",
    "aif",
    "aiff",
    "aifc",
    "au",
    "caf",
)
RECORDINGS += ("wma", "amr", "mka", "weba")
VIDEOS: tuple[str, ...] = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ogv", "3gp", "wmv", "flv")

# The senses that a file of each medium speaks to; each file of a mixed column to its own.
SENSES = {"picture": ("image",), "recording": ("audio",), "video": ("image", "audio"), "mixed": ("image", "audio")}
_MEDIA = {"picture": PICTURES, "recording": RECORDINGS, "video": VIDEOS}
_MEDIUM = {extension: medium for medium, extensions in _MEDIA.items() for extension in extensions}
_NO_EXTENSION = r"(^|/)[^./]+$"  # as DICOM files often come


def medium_of(name: str) -> str:
    """picture, recording or video; "" for a name that says none of them."""
    return _MEDIUM.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def speaks_to(sense: str, cells: pa.ChunkedArray, *, nameless: bool = False) -> NDArray[np.bool_]:
    """(rows,) whether a sense may read the file that each cell names; with `nameless` also if it has no extension."""
    media = [extensions for medium, extensions in _MEDIA.items() if sense in SENSES[medium]]
    pattern = rf"(?i)\.({'|'.join(extension for extensions in media for extension in extensions)})$"
    matched = pc.match_substring_regex(cells, f"{pattern}|{_NO_EXTENSION}" if nameless else pattern)
    result: NDArray[np.bool_] = pc.fill_null(matched, False).to_numpy()
    return result


def looks_like_files(cells: list[str]) -> bool:
    """Whether most of some cells name pictures, recordings or videos."""
    return 2 * sum(bool(medium_of(cell)) for cell in cells) > len(cells)


def is_text(name: str) -> bool:
    """Whether a file's name is valid Unicode, which a system need not care for."""
    return name.isprintable() or not any("\ud800" <= letter <= "\udfff" for letter in name)
