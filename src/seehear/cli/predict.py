"""`seehear predict`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.cli import options
from seehear.errors import UsageError

if TYPE_CHECKING:
    from seehear.runtime.prediction import Prediction

WIDEST = 48  # beyond this a long name no longer pushes the answers to the right
COLUMNS = ("input", "answer", "confidence", "accepted", "reason", "used", "error")


def predict(
    model: options.Model,
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Files, folders, tables; - reads their names from stdin.")
    ],
    json: options.Json = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write predictions.csv and predictions.jsonl there as well.")
    ] = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
) -> None:
    """Ask a model about pictures, recordings or both."""
    from seehear import api
    from seehear.inputs import gather

    recogniser = api.load(options.existing(model))
    unread: list[Path] = []
    asked = gather(_sources(inputs), tuple(recogniser.recipe.senses), left_out=unread.append)
    flags = options.given(senses=options.names(senses), wrong_at_most=wrong_at_most)
    tally = Tally()
    with ExitStack() as stack:
        files = stack.enter_context(Files(out)) if out else None
        line = Line()
        for prediction in recogniser.predict(asked, **flags):
            print(dumps(prediction.to_json(), ensure_ascii=False) if json else line.of(prediction))
            tally.count(prediction)
            if files:
                files.write(prediction)
    tally.conclude(unread, out)


def _sources(inputs: Iterable[str]) -> Iterator[str]:
    for name in inputs:
        if name == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip())
        else:
            yield name


class Line:
    """One readable line for a prediction. The column of answers moves right with the longest name so far."""

    def __init__(self) -> None:
        self._width = 0

    def of(self, prediction: Prediction) -> str:
        name = printable(prediction.input)
        self._width = max(self._width, min(len(name), WIDEST))
        return f"{name:<{self._width}}  {said(prediction)}"


def said(prediction: Prediction) -> str:
    """The answer in words, with how sure it is, or why there is none."""
    if prediction.error:
        return "not read"
    sure = f"{prediction.confidence:.0%} sure"
    if prediction.accepted:
        return f"{printable(str(prediction.answer))}  ({sure})"
    return f"I don't know: {prediction.reason}  (at a guess: {printable(str(prediction.answer))}, {sure})"


def printable(text: str) -> str:
    """Names come from others: a control character in one must not reach a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Files:
    """predictions.jsonl and predictions.csv in a folder, a line as soon as it is known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Files:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._jsonl = (self._folder / "predictions.jsonl").open("w", encoding="utf-8", errors="backslashreplace")
        self._csv = (self._folder / "predictions.csv").open(
            "w", encoding="utf-8", errors="backslashreplace", newline=""
        )
        self._rows = csv.writer(self._csv)
        self._rows.writerow(COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        self._jsonl.close()
        self._csv.close()

    def write(self, prediction: Prediction) -> None:
        print(dumps(prediction.to_json(), ensure_ascii=False), file=self._jsonl)
        answer = "" if prediction.answer is None else str(prediction.answer)
        confidence = f"{prediction.confidence:.4f}"
        accepted = "yes" if prediction.accepted else "no"
        used = "+".join(prediction.used)
        self._rows.writerow((prediction.input, answer, confidence, accepted, prediction.reason, used, prediction.error))


class Tally:
    """How many were answered, and each failure by name on stderr."""

    def __init__(self) -> None:
        self.asked = self.answered = self.failed = 0

    def count(self, prediction: Prediction) -> None:
        self.asked += 1
        self.answered += prediction.accepted
        if prediction.error:
            self.failed += 1
            hint = "" if Path(prediction.input).exists() else options.nearest(Path(prediction.input))
            _tell(" ".join(filter(None, (printable(prediction.error), hint and f"Next: {hint}"))))

    def conclude(self, unread: list[Path], out: Path | None) -> None:
        """Sum up. Raises UsageError if there was nothing to ask about, Exit(1) if some inputs failed."""
        if unread:
            _tell(f"left out {len(unread):,} files that are of another kind, the first: {printable(str(unread[0]))}")
        if not self.asked:
            raise UsageError("no pictures or recordings for this model there", hint="seehear predict --help")
        unsure = self.asked - self.answered - self.failed
        told = f'{self.asked:,} asked: {self.answered:,} answered, {unsure:,} times "I don\'t know"'
        _tell(told + (f", {self.failed:,} not read" if self.failed else "") + (f"; kept in {out}" if out else ""))
        if self.failed:
            raise typer.Exit(1)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
