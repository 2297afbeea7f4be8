"""A folder of class folders, with or without parts: train/cat/tom.png. Files that differ only in their
extension (tom.png, tom.wav) are one example. Files in no class folder are examples without an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from seehear.table.layouts.found import Found, files_below, visible
from seehear.table.media import SENSES, is_text, medium_of
from seehear.table.parts import part_of
from seehear.table.rows import Problem

# Folders named for what they hold, where all are: what lies in images/ and masks/ is not of two classes.
_HOLDERS = {
    "image",
    "images",
    "img",
    "imgs",
    "pictures",
    "photos",
    "audio",
    "sounds",
    "recordings",
    "wav",
    "wavs",
    "clips",
}
_HOLDERS |= {
    "video",
    "videos",
    "masks",
    "labels",
    "annotations",
    "jpegimages",
    "imagesets",
    "segmentationclass",
    "data",
}


@dataclass
class _Examples:
    """Columns as they grow, and what could not be an example."""

    root: str
    image: list[str | None] = field(default_factory=list)
    audio: list[str | None] = field(default_factory=list)
    label: list[str | None] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    pairs: int = 0
    videos: int = 0

    def add(self, files: Iterable[Path], label: str | None, part: str) -> None:
        """The files of one class folder; those of one stem together."""
        stems: dict[str, dict[str, str]] = {}
        for file in files:
            name = file.as_posix()[len(self.root) + 1 :]
            medium = medium_of(name)
            if not is_text(name):
                self.problems.append(Problem(repr(name), "its name is not valid text", "rename it"))
            elif not medium:
                self.problems.append(Problem(name, "neither a picture nor a recording by its extension"))
            else:
                stem = name.rpartition(".")[0]
                known = stems.setdefault(stem, {})
                if set(known) & set(SENSES[medium]):  # a.png beside a.jpg: two examples
                    known = stems[name] = {}
                known.update(dict.fromkeys(SENSES[medium], name))
                self.videos += medium == "video"
        for example in stems.values():
            self.image.append(example.get("image"))
            self.audio.append(example.get("audio"))
            self.label.append(label)
            self.part.append(part)
            self.pairs += len(set(example.values())) == 2


def class_folders(place: Path) -> Found | None:
    if not place.is_dir():
        return None
    examples = _Examples(place.as_posix())
    said: list[str] = []
    for folder, part in _part_folders(place, said):
        _read_part(folder, part, examples, said)
    if not examples.part:
        return None
    text = pa.large_string()
    columns = {"image": examples.image, "audio": examples.audio, "label": examples.label}
    cells = {heading: pa.array(column, text) for heading, column in columns.items() if any(column)}
    return Found(
        place,
        pa.table(cells),
        part=pa.chunked_array([pa.array(examples.part, text)]),
        problems=tuple(examples.problems),
        said=tuple(said + _sentences(examples)),
    )


def _part_folders(place: Path, said: list[str]) -> list[tuple[Path, str]]:
    folders = [(folder, part_of(folder.name)) for folder in visible(place)[0]]
    parts = {part for _, part in folders if part}
    if "train" not in parts and not (parts and all(part for _, part in folders)):
        return [(place, "")]
    others = [folder.name for folder, part in folders if not part]
    said += [f"not read, for they are no parts: {', '.join(others)}"] if others else []
    return [(folder, part) for folder, part in folders if part]


def _read_part(folder: Path, part: str, examples: _Examples, said: list[str]) -> None:
    folders, files = visible(folder)
    others = [file.name for file in files if not medium_of(file.name)]
    said += [f"not read: {', '.join(others)}"] if others else []
    examples.add((file for file in files if medium_of(file.name)), None, part)
    classes = not all(inner.name.lower() in _HOLDERS for inner in folders)
    for inner in folders:
        if is_text(inner.name):
            examples.add(files_below(inner, frozenset({folder.resolve()})), inner.name if classes else None, part)
        else:
            examples.problems.append(Problem(repr(inner.name), "its name is not valid text", "rename the folder"))


def _sentences(examples: _Examples) -> list[str]:
    classes = len({label for label in examples.label if label})
    named = {"pictures": examples.image, "recordings": examples.audio}
    counts = {noun: sum(cell is not None for cell in cells) - examples.videos for noun, cells in named.items()}
    counts["videos, both seen and heard"] = examples.videos
    what = " and ".join(f"{count:,} {noun}" for noun, count in counts.items() if count)
    where = f" in folders of {classes:,} {'classes' if classes > 1 else 'class'}" if classes else ""
    pairs = f", {examples.pairs:,} of them pairs with one name" if examples.pairs else ""
    return [what + where + pairs]
