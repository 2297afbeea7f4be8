"""What `predict --out` leaves in a folder: all predictions in two files, and the files of each answer."""

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
from seehear.escaping import CsvWriter, as_json
from seehear.files import write_whole
from seehear.inputs import is_folder

if TYPE_CHECKING:
    from seehear.runtime.prediction import Prediction

PREDICTIONS = "predictions"
DRAWN, MOST_PX = "drawn.jpg", 65_500  # a side of a JPEG
MOST_BYTES = 220  # of the 255 that a name may have
ELSEWHERE = "choose another folder with --out"
COLUMNS = ("input", "time_s", "answer", "confidence", "accepted", "reason", "used", "error")


class Names:
    """What the files of an answer are called: like its input, in the folder where that lay in the one asked about.

    Where two would have one name, the later one gets a number: seven, seven-2.
    """

    def __init__(self) -> None:
        self._asked: set[Path] = set()
        self._taken = {PREDICTIONS}
        self._again: Counter[Path] = Counter()

    def remember_folders(self, sources: Iterable[str]) -> Iterator[str]:
        """The sources, whose folders are remembered as they pass."""
        for source in sources:
            path = Path(source)
            self._asked.add(path if is_folder(path) else path.parent)
            yield source

    def of(self, source: Path) -> Path:
        """A relative path without an extension, each only once."""
        place = self._within(source)
        place = name = place.with_name(_shortened(place.stem))
        while str(name).casefold() in self._taken:  # some disks know no difference between A and a
            self._again[place] += 1
            name = place.with_name(f"{place.name}-{self._again[place] + 1}")
        self._taken.add(str(name).casefold())
        return name

    def _within(self, source: Path) -> Path:
        """From the nearest folder that was asked about; the name alone for what lies elsewhere."""
        for folder in source.parents:
            if folder in self._asked and ".." not in (place := source.relative_to(folder)).parts:
                return place
        return Path(source.name)


opened = partial(Path.open, mode="w", encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def kept(folder: Path | None, names: Names) -> Iterator[Callable[[Prediction], None]]:
    """What writes each prediction into a folder as soon as it is known; without a folder, nothing does."""
    if folder is None:
        yield lambda _: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    in_json, in_csv = (folder / f"{PREDICTIONS}.{extension}" for extension in ("jsonl", "csv"))
    _check_ours(in_json, '{"input": ')
    _check_ours(in_csv, ",".join(COLUMNS))
    with opened(in_json) as objects, opened(in_csv) as table:
        rows = CsvWriter(table)
        rows.row(COLUMNS)

        def keep(prediction: Prediction) -> None:
            print(as_json(prediction.to_json()), file=objects)
            rows.row(_row(prediction))
            _write_files(folder, prediction, names)

        yield keep


def _shortened(stem: str) -> str:
    """Cut where an ending or a number behind it would make it longer than names of files may be."""
    encoded = os.fsencode(stem)
    return stem if len(encoded) <= MOST_BYTES else encoded[:MOST_BYTES].decode(errors="ignore")


def _check_ours(file: Path, begins: str) -> None:
    """Raises UsageError for a file that no earlier run has written: somebody's table, perhaps the one asked about."""
    if not file.exists():
        return
    with file.open("rb") as there:
        if there.read(len(begins)) not in (b"", begins.encode()):
            raise UsageError("is there already, and not of an earlier run", where=str(file), hint=ELSEWHERE)


def _row(prediction: Prediction) -> tuple[str, ...]:
    answer = "" if prediction.answer is None else str(prediction.answer)
    accepted = "yes" if prediction.accepted else "no"
    time = "" if prediction.time_s is None else f"{prediction.time_s:.3f}"
    told = (f"{prediction.confidence:.4f}", accepted, prediction.reason, "+".join(prediction.used), prediction.error)
    return prediction.input, time, answer, *told


def _write_files(folder: Path, prediction: Prediction, names: Names) -> None:
    """Of a picture of a film there are none: the film has its own."""
    answer: Any = prediction.answer if prediction.time_s is None else None
    files = answer.files() if answer else {}
    if not files:
        return
    source = first_file(prediction.input)
    name = names.of(source)
    if hasattr(answer, "draw_on"):
        files = {**files, DRAWN: _drawn(answer, source)}
    for extension, content in files.items():
        write_whole(place(folder, name, extension, source), content)


def _drawn(answer: Any, source: Path) -> bytes:
    """The picture with the answer laid over it."""
    from seehear.senses.sight import SIGHT

    drawn = answer.draw_on(SIGHT.draw(SIGHT.read(source)))
    drawn.thumbnail((MOST_PX, MOST_PX))
    file = BytesIO()
    drawn.save(file, "JPEG", quality=90)
    return file.getvalue()


def place(folder: Path, name: Path, extension: str, source: Path) -> Path:
    """Where a file of an input goes. Raises UsageError rather than replace what lies beside it."""
    target = folder / f"{name}.{extension}"
    if target.exists() and target.parent.resolve() == source.parent.resolve():
        raise UsageError("is there already, beside its input", where=str(target), hint=ELSEWHERE)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def first_file(name: str) -> Path:
    """Of an input that is two files, which are joined by a plus, the first; of a stretch of a file, the file."""
    there = os.path.exists(name)  # noqa: PTH110 - Path's raises where a name is too long
    return Path(name if there else name.partition(" + ")[0].partition(" [")[0])
