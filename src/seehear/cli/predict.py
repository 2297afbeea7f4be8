"""`seehear predict`."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.amounts import counted, plural
from seehear.cli import options
from seehear.cli.display import Display
from seehear.cli.keeping import Names, kept
from seehear.cli.live import listen
from seehear.cli.watching import Watching
from seehear.errors import UsageError
from seehear.escaping import as_json, printable
from seehear.events import Advanced, Started

if TYPE_CHECKING:
    from seehear.runtime.distribution_shift import ShiftDetector
    from seehear.runtime.prediction import Prediction

WIDEST = 48  # beyond this a long name no longer pushes the answers to the right


def predict(  # noqa: PLR0913 - each flag is an argument
    model: options.Model,
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="Files, folders, tables; - reads their names from stdin.")
    ],
    json: options.Json = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write them there as files, too: tables, subtitles, drawings."),
    ] = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
    hotwords: options.Hotwords = None,
    tiles: options.Tiles = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Answer while it sounds: INPUT is -, raw PCM of 16 bits at 16 kHz; or a long recording."
        ),
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Of a film, look at the first picture of each so many alone."),
    ] = None,
) -> None:
    """Ask a model about pictures, recordings or both."""
    from seehear import api
    from seehear.inputs import gather
    from seehear.runtime.distribution_shift import ShiftDetector

    recogniser = api.load(options.model_file(model, *inputs))
    if live:
        _check_live(inputs, out=out, senses=senses, wrong_at_most=wrong_at_most, tiles=tiles or None, every=every)
        listen(recogniser, inputs[0], json=json, hotwords=options.lines(hotwords))
        return
    line, file_names = Line(), Names()
    with Display() as display, kept(out, file_names) as keep:
        tally = Tally(display, ShiftDetector(recogniser.recipe))
        sources, known = file_names.remember_folders(_sources(inputs)), tuple(recogniser.recipe.senses)
        asked = gather(sources, known, left_out=tally.leave, written=out)
        flags = options.given(
            senses=options.names(senses),
            wrong_at_most=wrong_at_most,
            hotwords=options.lines(hotwords),
            tiles=tiles,
        )
        watching = Watching(every, out, file_names, display.say)
        for prediction in watching.answers(recogniser, asked, flags):
            print(as_json(prediction.to_json()) if json else line.of(prediction), flush=True)
            keep(prediction)
            tally.count(prediction)
        tally.conclude(out)
    if tally.failed:
        raise typer.Exit(1)


def _check_live(inputs: Sequence[str], **others: object) -> None:
    """Raises UsageError for what a running sound has no use for."""
    strange = [f"--{name.replace('_', '-')}" for name, value in others.items() if value is not None]
    if len(inputs) != 1 or strange:
        allowed = "predict MODEL --live - or one recording, --json, --hotwords"
        raise UsageError(f"--live with {' '.join([*inputs, *strange])}", allowed=allowed)


def _sources(inputs: Iterable[str]) -> Iterator[str]:
    for name in inputs:
        if name == "-":
            lines = (line.removeprefix("\ufeff").rstrip("\r\n") for line in sys.stdin)
            yield from (line for line in lines if line.strip())
        else:
            yield name


class Line:
    """One readable line for a prediction. The column of answers moves right with the longest name so far."""

    def __init__(self) -> None:
        self._width = 0

    def of(self, prediction: Prediction) -> str:
        name = printable(prediction.where)
        said = printable(str(prediction).removeprefix(f"{prediction.where}: "))
        self._width = max(self._width, min(len(name), WIDEST))
        return f"{name:<{self._width}}  {'not read' if prediction.answer is None else said}"


class Tally:
    """How many were asked and answered, and every failure by name."""

    def __init__(self, display: Display, differences: ShiftDetector) -> None:
        self._display, self._differences = display, differences
        self._left_out, self._first_left_out = 0, Path()
        self._asked = self._answered = self._unread = 0
        self._items: Counter[str] = Counter()  # by what they are, such as boxes
        self._accepted_items: Counter[str] = Counter()
        self._hints: Counter[str] = Counter()
        self.failed = 0
        # A terminal that shows the answers as they come needs no bar.
        self._task = None if sys.stdout.isatty() else "asked"
        if self._task:
            display(Started(self._task, None, "inputs"))

    def leave(self, path: Path) -> None:
        self._first_left_out = self._first_left_out if self._left_out else path
        self._left_out += 1

    def count(self, prediction: Prediction) -> None:
        self._asked += 1
        self._differences.count(prediction)
        self._answered += prediction.accepted
        self._unread += prediction.answer is None
        if (items := prediction.items) is not None:
            self._items[items.noun] += items.of
            self._accepted_items[items.noun] += items.accepted
        self._hints.update(filter(None, [prediction.hint]))
        self.failed += bool(prediction.error)
        if prediction.error:
            self._display.say(f"{prediction.error} {_meant(prediction.input)}".strip())
        if self._task:
            self._display(Advanced(self._task, self._asked))

    def conclude(self, out: Path | None) -> None:
        """Sum up. Raises UsageError if there was nothing to ask about."""
        if self._left_out:
            first = f"first {self._first_left_out}"
            self._display.say(f"Left out {counted(self._left_out, 'file')} for no sense of this model, {first}")
        if not self._asked:
            raise UsageError("nothing to ask about", hint="name files, or folders that hold some")
        for hint, times in self._hints.items():
            self._display.say(f"Of these {times:,}: {hint}")
        for sentence in self._differences.said():
            self._display.say(f"Unlike what was learned from: {sentence}")
        unsure = self._asked - self._answered - self._unread
        told = f'{self._asked:,} asked: {self._answered:,} answered, {unsure:,} "I don\'t know"'
        told += f", {self._unread:,} not read" if self._unread else ""
        for noun, number in self._items.items():
            told += f"; {self._accepted_items[noun]:,} of {number:,} {plural(noun)} accepted"
        self._display.say(told + (f"; written to {out}" if out else ""))


def _meant(name: str) -> str:
    """The name that was probably meant, for one that is not there."""
    file = name.partition(" [")[0].partition(", row ")[0]  # without the stretch of it, or the row
    there = " + " in name or any(map(os.path.exists, (name, file)))
    return "" if there else options.nearest(Path(name))
