"""`seehear predict`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seehear.amounts import format_count
from seehear.cli import options
from seehear.cli.cluster import predict_on
from seehear.cli.display import Display
from seehear.cli.log import logged
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line
from seehear.events import Advanced, Started
from seehear.results.summary import PredictionSummary

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.runtime.prediction import ExampleSource, Prediction

MAX_NAME_WIDTH = 48  # longer names do not widen the column


def predict(  # noqa: PLR0913 - each flag is an argument
    model: options.Model,
    inputs: options.Inputs,
    json: options.Json = False,
    out: options.AnswersFolder = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
    coverage: options.Coverage = None,
    each_class: options.EachClass = False,
    each_group: options.EachGroup = None,
    hotwords: options.Hotwords = None,
    tiles: options.Tiles = False,
    language: options.Language = None,
    translate: options.Translate = False,
    live: options.Live = False,
    every: options.Every = None,
    explain: options.Explain = False,
    of: options.Of = None,
    examples: options.Examples = None,
    log: options.Log = None,
    on: options.On = None,
    workers: options.Workers = None,
    parts: options.Parts = None,
    resume: options.ResumeAnswers = False,
) -> None:
    """Run a model on pictures, recordings or videos."""
    flags = options.drop_unset(
        senses=options.split_names(senses),
        wrong_at_most=wrong_at_most,
        coverage=coverage,
        each_class=each_class or None,
        each_group=each_group,
        hotwords=options.read_lines(hotwords),
        tiles=tiles or None,
        language=language,
        translate=translate or None,
    )
    on_ray = {"workers": workers, "parts": parts, "resume": resume or None}
    if not explain:
        _refuse_without("--explain", of=of, examples=examples)
    if on is not None:
        _refuse("--on", json=json or None, live=live or None, every=every, explain=explain or None, log=log)
        predict_on(on, model, inputs, flags, out=out, settings=options.drop_unset(**on_ray))
        return
    _refuse_without("--on", **on_ray)
    from seehear import api
    from seehear.cli.explain import explain_all
    from seehear.cli.live import predict_live

    with Display() as display:
        recogniser = api.load(options.require_model(model, *inputs), listen=display)
    with logged(recogniser, model, log):
        if live:
            _check_live(inputs, **flags | {"hotwords": None, "out": out, "every": every, "explain": explain or None})
            predict_live(recogniser, inputs[0], json=json, hotwords=flags.get("hotwords"))
        elif explain:
            explain_all(recogniser, list(_sources(inputs)), flags, of=of, examples=examples, out=out, json=json)
        elif _predict_all(recogniser, inputs, flags, every_s=every, out=out, json=json).failed:
            raise typer.Exit(1)


def _predict_all(
    recogniser: Recogniser, inputs: Sequence[str], flags: Any, *, every_s: float | None, out: Path | None, json: bool
) -> PredictionSummary:
    """Print an answer for each input, and write them to the folder `out` too if it is given."""
    from seehear.inputs import gather
    from seehear.results.video import FrameByFrame
    from seehear.results.writer import OutputNames, prediction_writer

    line, names, summary = LineFormatter(), OutputNames(), PredictionSummary(recogniser.recipe)
    with Display() as display, prediction_writer(out, names) as write:
        progress = ProgressReporter(display)
        sources = names.remember_folders(_sources(inputs))
        found = gather(sources, tuple(recogniser.recipe.senses), left_out=progress.skip, written=out)
        for prediction in FrameByFrame(every_s, out, names, display.say).predict(recogniser, found, flags):
            print(to_json_line(prediction.to_json()) if json else line.format(prediction), flush=True)
            write(prediction)
            summary.add(prediction)
            progress.advance(prediction)
        progress.finish(summary, out)
    return summary


def _refuse_without(needed: str, **others: object) -> None:
    """Raises UsageError for flags that were given without the one that they belong to."""
    if given := [f"--{name}" for name, value in others.items() if value is not None]:
        raise UsageError(f"{' and '.join(given)} without {needed}", hint=f"add {needed}")


def _refuse(other: str, **flags: object) -> None:
    """Raises UsageError for flags that cannot be given together with another one."""
    if given := [f"--{name}" for name, value in flags.items() if value is not None]:
        raise UsageError(f"{' and '.join(given)} with {other}", hint="leave out one of them")


def _check_live(inputs: Sequence[str], **others: object) -> None:
    """Raises UsageError for several inputs or flags that --live does not take."""
    unsupported = [f"--{name.replace('_', '-')}" for name, value in others.items() if value is not None]
    if len(inputs) != 1 or unsupported:
        allowed = "predict MODEL --live - or one recording, --json, --hotwords"
        raise UsageError(f"--live with {' '.join([*inputs, *unsupported])}", allowed=allowed)


def _sources(inputs: Iterable[str]) -> Iterator[str]:
    for name in inputs:
        if name == "-":
            lines = (line.removeprefix("\ufeff").rstrip("\r\n") for line in sys.stdin)
            yield from (line for line in lines if line.strip())
        else:
            yield name


class LineFormatter:
    """Formats predictions as lines. The column of answers starts after the longest name so far."""

    def __init__(self) -> None:
        self._width = 0

    def format(self, prediction: Prediction) -> str:
        name = escape_unprintable(prediction.where)
        answer = "unreadable" if prediction.answer is None else escape_unprintable(prediction.describe())
        self._width = max(self._width, min(len(name), MAX_NAME_WIDTH))
        return f"{name:<{self._width}}  {answer}"


class ProgressReporter:
    """Shows how many inputs are done, every error as it occurs, and the summary."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._done = self._skipped = 0
        self._first_skipped = Path()
        # If the answers appear on the terminal as they come, they are the progress.
        self._task = None if sys.stdout.isatty() else "predicting"
        if self._task:
            display(Started(self._task, None, "inputs"))

    def skip(self, path: Path) -> None:
        self._first_skipped = self._first_skipped if self._skipped else path
        self._skipped += 1

    def advance(self, prediction: Prediction) -> None:
        self._done += 1
        if prediction.error:
            self._display.say(f"{prediction.error} {_suggest(prediction.source)}".strip())
        if self._task:
            self._display(Advanced(self._task, self._done))

    def finish(self, summary: PredictionSummary, out: Path | None) -> None:
        """Raises UsageError if there were no inputs."""
        if self._skipped:
            files = format_count(self._skipped, "file")
            self._display.say(f"Skipped {files} that this model cannot read, such as {self._first_skipped}")
        if not summary.inputs:
            raise UsageError("no inputs", hint="name files, or folders that contain some")
        for sentence in summary.advice():
            self._display.say(sentence)
        self._display.say(f"{summary}" + (f"; written to {out}" if out else ""))


def _suggest(source: ExampleSource) -> str:
    """The question "Did you mean ...?" for a file that does not exist."""
    missing = (path for path in source.paths if not os.path.exists(path))  # noqa: PTH110 - Path's raises
    return next(map(options.suggest_neighbour, missing), "")
