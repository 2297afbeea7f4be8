"""A folder for each class, with or without parts:

    train/cat/tom.png
    train/dog/rex.png
    val/cat/kit.png

Files whose names differ only in their extension (tom.png, tom.wav) are one example. Files outside a class folder have
no answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from seehear.amounts import format_count
from seehear.media import medium_of, medium_of_file
from seehear.table.directories import find_part_folders, list_visible, summarise_names, walk_files
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.media import is_valid_text
from seehear.table.parts import parse_part
from seehear.table.rows import RowProblem

# If all folders have such names they are not classes: images/ and masks/ hold one kind of file each.
_CONTENT_FOLDERS = {
    *("image", "images", "img", "imgs", "pictures", "photos", "jpegimages", "audio", "sounds", "recordings", "wavs"),
    *("clips", "video", "videos", "data", "masks", "labels", "annotations", "imagesets", "segmentationclass"),
}


@dataclass
class _Examples:
    """The columns so far, and what could not become an example."""

    root: Path
    picture: list[str | None] = field(default_factory=list)
    recording: list[str | None] = field(default_factory=list)
    video: list[str | None] = field(default_factory=list)
    label: list[str | None] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    pairs: int = 0

    def add(self, files: Iterable[str], label: str | None, part: str) -> None:
        """Add the files of one class folder; those with the same stem together."""
        stems: dict[str, dict[str, str]] = {}
        for name in files:
            medium = medium_of_file(self.root / name)
            if not is_valid_text(name):
                self.problems.append(RowProblem(repr(name), "its name is not valid text", "rename it"))
            elif not medium:
                self.problems.append(RowProblem(name, "its extension is neither a picture's nor a recording's"))
            else:
                stem = name.rpartition(".")[0] if medium_of(name) else name
                example = stems.setdefault(stem, {})
                if medium in example or (example and "video" in (medium, *example)):  # a.png and a.jpg are two examples
                    example = stems[name] = {}
                example[medium] = name
        for example in stems.values():
            self.picture.append(example.get("picture"))
            self.recording.append(example.get("recording"))
            self.video.append(example.get("video"))
            self.label.append(label)
            self.part.append(part)
            self.pairs += len(example) == 2


def read_class_folders(place: Path) -> RawTable | None:
    if not place.is_dir():
        return None
    examples = _Examples(place)
    notes: list[str] = []
    for folder, part in [("", "")] if _part_is_a_class(place) else find_part_folders(place, notes):
        _read_part(place, folder, part, examples, notes)
    if not examples.part:
        return None
    return RawTable(
        place,
        make_text_table(
            {"image": examples.picture, "audio": examples.recording, "video": examples.video, "label": examples.label}
        ),
        part=pa.chunked_array([pa.array(examples.part, pa.large_string())]),
        problems=tuple(examples.problems),
        notes=tuple(notes + _describe(examples)),
        missing_answer="it is in no class folder",
    )


def _part_is_a_class(place: Path) -> bool:
    """Whether the only folder named like a part is a class: it has no subfolders, and a folder beside it has files."""
    folders = list_visible(place)[0]
    parts = [folder for folder in folders if parse_part(folder)]
    if len(parts) != 1 or list_visible(place / parts[0])[0]:
        return False
    return any(medium_of(file) for folder in folders if folder not in parts for file in list_visible(place / folder)[1])


def _read_part(place: Path, prefix: str, part: str, examples: _Examples, notes: list[str]) -> None:
    folders, files = list_visible(place / prefix)
    media = {file: medium_of_file(place / prefix / file) for file in files}
    unread = [file for file, medium in media.items() if not medium]
    notes += [f"not read: {summarise_names(unread)}"] if unread else []
    examples.add((prefix + file for file, medium in media.items() if medium), None, part)
    classes = not all(folder.lower() in _CONTENT_FOLDERS for folder in folders)
    for folder in folders:
        if is_valid_text(folder):
            examples.add(walk_files(place, prefix + folder), folder if classes else None, part)
        else:
            examples.problems.append(RowProblem(repr(folder), "its name is not valid text", "rename the folder"))


def _describe(examples: _Examples) -> list[str]:
    named = {
        "picture": examples.picture,
        "recording": examples.recording,
        "video": examples.video,
    }
    counts = {noun: sum(cell is not None for cell in cells) for noun, cells in named.items()}
    what = " and ".join(format_count(count, noun) for noun, count in counts.items() if count)
    with_sound = " with their sound" if counts["video"] else ""
    where = " in class folders" if any(examples.label) else ""
    pairs = f", {format_count(examples.pairs, 'pair')} with one name among them" if examples.pairs else ""
    return [what + with_sound + where + pairs]
