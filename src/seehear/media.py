"""File types by name, excerpts, image orientation, and table rows to predict. The senses read the contents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seehear.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURES = (
    *("png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp", "dib", "gif", "dcm", "dicom"),
    *("avif", "heic", "heif", "hif"),
)
RECORDINGS = (
    *("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "m4a", "aac", "aif", "aiff", "aifc", "au", "caf"),
    *("wma", "amr", "mka", "weba", "sph", "w64", "snd", "mp2", "m4b", "3ga", "mpga", "spx"),
)
VIDEOS = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ogv", "3gp", "wmv", "flv")
EXTENSIONS = {"picture": PICTURES, "recording": RECORDINGS, "video": VIDEOS}

SIDEWAYS_ORIENTATIONS = range(5, 9)  # orientations that change width for height: EXIF 2.32, table 5
_ORIENTATION_TAG = 0x0112
RAW_EXIF = "Raw profile type exif"  # by which ImageMagick names it in a png

_DICOM_AT = 128  # bytes of preamble: DICOM PS3.10, 7.1

_MEDIUM = {extension: medium for medium, extensions in EXTENSIONS.items() for extension in extensions}


def medium_of(name: str) -> str:
    """picture, recording or video; "" for any other extension."""
    return _MEDIUM.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def medium_of_file(path: Path) -> str:
    """Like medium_of, but also picture for a DICOM file whose extension is missing or part of a number.

    Scanners name their files with numbers: 1.2.840.113619.2.
    """
    if (medium := medium_of(path.name)) or path.suffix.strip(".0123456789"):
        return medium
    try:
        with path.open("rb") as file:
            return "picture" if file.read(_DICOM_AT + 4)[_DICOM_AT:] == b"DICM" else ""
    except OSError:
        return ""


def orientation(picture: Image) -> int:
    """The EXIF orientation, 1 (upright) to 8, of a loaded image: a PNG may have it after its pixels."""
    if "exif" not in picture.info and RAW_EXIF not in picture.info:
        return 1
    try:
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # an image with damaged metadata is still an image
        return 1


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Part of a recording or video, in seconds from its start. Readers check that 0 <= start_s < end_s."""

    path: Path
    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"{self.path} {format_span(self.start_s, self.end_s)}"


@dataclass(frozen=True, eq=False)  # equal to any mapping with the same inputs
class TableExample(Mapping[str, "Input"]):
    """A table row to predict from: its inputs by sense, or why there are none. `row` names it within its table."""

    table: Path
    row: str
    inputs: Mapping[str, Input]
    error: InputError | None = None

    def __getitem__(self, sense: str) -> Input:
        return self.inputs[sense]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inputs)

    def __len__(self) -> int:
        return len(self.inputs)


Input = Path | Excerpt  # of one sense: a whole file, or part of one


def take_span(path: Path, span_s: tuple[float, float] | None) -> Input:
    """The part of a file from the start to the end of the span; all of it if that is None."""
    return path if span_s is None else Excerpt(path, *span_s)


def path_of(source: Input) -> Path:
    """The file, of which all or a part is read."""
    return source.path if isinstance(source, Excerpt) else source


def find_span(sources: Iterable[object]) -> tuple[float, float] | None:
    """The start and end of the first that is part of a file; None if all are whole."""
    return next(((each.start_s, each.end_s) for each in sources if isinstance(each, Excerpt)), None)


def format_span(start_s: float, end_s: float) -> str:
    """An excerpt's times, as they follow the name of its file."""
    return f"[{start_s:.2f} s to {end_s:.2f} s]"


class SpanColumns(NamedTuple):
    """The headings of a table's excerpt columns. `end` is a time or, with `lasts`, seconds after the start."""

    start: str
    end: str
    lasts: bool


STARTS, ENDS, DURATIONS = ("start", "start_s", "offset"), ("end", "end_s"), ("duration", "duration_s")


def span_columns(headings: Iterable[str]) -> SpanColumns | None:
    """None for a table of whole files: a duration alone is a file's length, not an excerpt."""
    words = {heading.lower(): heading for heading in headings}
    start = next((words[word] for word in STARTS if word in words), None)
    end = next((words[word] for word in (*ENDS, *DURATIONS) if word in words), None)
    if start is None or end is None:
        return None
    return SpanColumns(start, end, lasts=end.lower() in DURATIONS)
