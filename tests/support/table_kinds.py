"""Two kinds of answer as the table knows them, and small data sets on disk, for the tests of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seehear.table import Row, Table, open_table


def _number(cell: str) -> bool:
    return cell.replace(".", "", 1).isdigit()


@dataclass(frozen=True)
class Kind:
    name: str
    columns: tuple[str, ...]
    senses: tuple[frozenset[str], ...] = (frozenset({"image", "audio"}), frozenset({"image"}), frozenset({"audio"}))
    files: bool = False
    auxiliary_columns: tuple[str, ...] = ()

    def fits(self, cells: Sequence[str], heading: str) -> bool:
        numbers = all(map(_number, cells)) and len(set(cells)) > 3
        return numbers if self.name == "score" else not numbers and 2 * len(set(cells)) <= len(cells)

    def stratum(self, cell: str) -> str:
        return cell if self.name == "label" else ""

    def means(self, heading: str) -> bool:
        return False

    def describe(self, cells: Iterable[str], heading: str) -> str:
        return f"{len(set(cells))} classes" if self.name == "label" else ""

    def in_files(self, cells: Sequence[str]) -> bool:
        return self.files


@dataclass(frozen=True)
class Sense:
    name: str
    noun: str
    media: tuple[str, ...]
    missing_dependency: str = ""

    def read_metadata(self, file: Path) -> dict[str, str]:
        """The patient of a file whose content begins with `patient=`."""
        content = file.read_bytes().decode("latin-1") if file.is_file() else ""
        return {"patient": content.removeprefix("patient=")} if content.startswith("patient=") else {}


SENSES = (Sense("image", "picture", ("picture", "video")), Sense("audio", "recording", ("recording", "video")))
KINDS = (Kind("label", ("label", "class", "target")), Kind("score", ("score", "rating")))


def open_data(data: Path, workspace: Path | None = None, **options: Any) -> Table:
    arguments: dict[str, Any] = {
        "senses_known": SENSES,
        "kinds": KINDS,
        "workspace": workspace or data.parent / "ws",
    } | options
    return open_table(data, **arguments)


def path_of(row: Row, sense: str) -> Path:
    path = row.inputs[sense]
    assert isinstance(path, Path)
    return path


def make(folder: Path, files: Mapping[str, str] | Mapping[str, str | bytes] | Sequence[str]) -> Path:
    """Write files below a folder; those without content, which the table does not read, get a single letter."""
    for name in files:
        content = files[name] if isinstance(files, Mapping) else b"x"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
