"""Writes predictions to a folder: all of them in two tables, and the files of each answer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seehear.errors import UsageError
from seehear.escaping import CsvWriter, to_json_line
from seehear.files import write_atomically
from seehear.inputs import is_folder

if TYPE_CHECKING:
    from seehear.runtime.prediction import ExampleSource, Prediction

PREDICTIONS = "predictions"
OVERLAY = "overlay.jpg"
MAX_SIDE_PX = 65_500  # of a JPEG
MAX_STEM_BYTES = 220  # of the 255 that a file name may have; the rest is for a number and an extension
ANOTHER_FOLDER = "choose another folder with --out"
COLUMNS = ("input", "time_s", "answer", "confidence", "accepted", "reason", "used", "error")


class OutputNames:
    """Names an input's output files after it, in the same subfolder as in the folder that was given.

    If two inputs would get the same name, the later one gets a number: seven, seven-2.
    """

    def __init__(self) -> None:
        self._folders: set[Path] = set()
        self._taken = {PREDICTIONS}
        self._repeats: Counter[Path] = Counter()

    def remember_folders(self, sources: Iterable[str]) -> Iterator[str]:
        """Yield the sources unchanged and remember their folders."""
        for source in sources:
            path = Path(source)
            self._folders.add(path if is_folder(path) else path.parent)
            yield source

    def assign(self, source: Path) -> Path:
        """A relative path without an extension that no other input has."""
        wanted = self._relative(source)
        wanted = name = wanted.with_name(_truncate(wanted.stem))
        while str(name).casefold() in self._taken:  # some file systems ignore case
            self._repeats[wanted] += 1
            name = wanted.with_name(f"{wanted.name}-{self._repeats[wanted] + 1}")
        self._taken.add(str(name).casefold())
        return name

    def _relative(self, source: Path) -> Path:
        """Relative to the nearest folder that was given, or the bare name if the file is in none of them."""
        for folder in source.parents:
            if folder in self._folders and ".." not in (relative := source.relative_to(folder)).parts:
                return relative
        return Path(source.name)


open_text = partial(Path.open, mode="w", encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def prediction_writer(folder: Path | None, names: OutputNames) -> Iterator[Callable[[Prediction], None]]:
    """Returns a function that writes a prediction to the folder at once; without a folder it does nothing.

    Raises UsageError for files of these names that no earlier run wrote.
    """
    if folder is None:
        yield lambda _: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    jsonl, csv = (folder / f"{PREDICTIONS}.{extension}" for extension in ("jsonl", "csv"))
    _check_replaceable(jsonl, '{"input": ')
    _check_replaceable(csv, ",".join(COLUMNS))
    with open_text(jsonl) as lines, open_text(csv) as table:
        rows = CsvWriter(table)
        rows.row(COLUMNS)

        def write(prediction: Prediction) -> None:
            print(to_json_line(prediction.to_json()), file=lines)
            rows.row(_to_row(prediction))
            _write_answer_files(folder, prediction, names)

        yield write


def reserve_path(folder: Path, name: Path, extension: str, source: Path) -> Path:
    """The path of an output file; its folder is created. Raises UsageError if it would replace a file beside its
    input."""
    target = folder / f"{name}.{extension}"
    if target.exists() and target.parent.resolve() == source.parent.resolve():
        raise UsageError("the file exists already, beside its input", where=str(target), hint=ANOTHER_FOLDER)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def first_path(source: ExampleSource) -> Path:
    """The file that gives the output files of an input their name."""
    return source.paths[0] if source.paths else Path(source.name)


def _truncate(stem: str) -> str:
    encoded = os.fsencode(stem)
    return stem if len(encoded) <= MAX_STEM_BYTES else encoded[:MAX_STEM_BYTES].decode(errors="ignore")


def _check_replaceable(file: Path, beginning: str) -> None:
    """Raises UsageError unless an earlier run wrote the file: it may belong to the user, or even be the input."""
    if not file.exists():
        return
    with file.open("rb") as existing:
        if existing.read(len(beginning)) not in (b"", beginning.encode()):
            what = "the file exists already, and no earlier run wrote it"
            raise UsageError(what, where=str(file), hint=ANOTHER_FOLDER)


def _to_row(prediction: Prediction) -> tuple[str, ...]:
    return (
        prediction.input,
        "" if prediction.time_s is None else f"{prediction.time_s:.3f}",
        "" if prediction.answer is None else str(prediction.answer),
        f"{prediction.confidence:.4f}",
        "yes" if prediction.accepted else "no",
        prediction.reason,
        "+".join(prediction.used),
        prediction.error,
    )


def _write_answer_files(folder: Path, prediction: Prediction, names: OutputNames) -> None:
    """Nothing is written for a single frame of a video: the video has its own files."""
    answer: Any = prediction.answer if prediction.time_s is None else None
    files = answer.files() if answer else {}
    if not files:
        return
    source = first_path(prediction.source)
    name = names.assign(source)
    if hasattr(answer, "draw_on"):
        files = {**files, OVERLAY: _draw_overlay(answer, source)}
    for extension, content in files.items():
        write_atomically(reserve_path(folder, name, extension, source), content)


def _draw_overlay(answer: Any, source: Path) -> bytes:
    """A JPEG of the picture with the answer drawn on it."""
    from seehear.senses.sight import SIGHT

    overlay = answer.draw_on(SIGHT.draw(SIGHT.read(source)))
    overlay.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    file = BytesIO()
    overlay.save(file, "JPEG", quality=90)
    return file.getvalue()
