"""`seehear evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seehear.cli import options
from seehear.cli.cluster import evaluate_on
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line

if TYPE_CHECKING:
    from seehear.measure.evaluate import Evaluation

Stress = Annotated[
    bool,
    typer.Option(
        "--stress",
        help="Also measure under noise, blur, other lighting, rooms and microphones, each at several strengths, "
        "and without each of the senses.",
    ),
]
Unfamiliar = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER", help="Inputs unlike the training data, which should not be answered. Implies --stress."
    ),
]


def evaluate(  # noqa: PLR0913 - each flag is an argument
    model: options.Model,
    data: options.Data,
    json: options.Json = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write an HTML report with plots and the worst mistakes.")
    ] = None,
    senses: options.Senses = None,
    answer: options.Answer = None,
    wrong_at_most: options.WrongAtMost = None,
    coverage: options.Coverage = None,
    each_class: options.EachClass = False,
    each_group: options.EachGroup = None,
    hotwords: options.Hotwords = None,
    tiles: options.Tiles = False,
    language: options.Language = None,
    translate: options.Translate = False,
    stress: Stress = False,
    unfamiliar: Unfamiliar = None,
    on: options.On = None,
    workers: options.Workers = None,
) -> None:
    """Evaluate a model on examples that it has not seen."""
    flags = options.drop_unset(
        senses=options.split_names(senses),
        wrong_at_most=wrong_at_most,
        coverage=coverage,
        each_class=each_class or None,
        each_group=each_group,
        hotwords=options.read_lines(hotwords),
        tiles=tiles,
        language=language,
        translate=translate or None,
    )
    settings = options.drop_unset(
        answer=answer,
        stress=stress,
        unfamiliar=[options.require_existing(folder).absolute() for folder in unfamiliar or ()],
        report=report and report.absolute(),
    )
    if workers is not None and on is None:
        raise UsageError("--workers without --on", hint="add --on ray, or the address of a cluster")
    with Display() as display:
        if on is None:
            evaluation = _evaluate_here(model, data, flags | settings, display)
        else:
            evaluation = evaluate_on(on, model, data, flags, settings | options.drop_unset(workers=workers), display)
        display.show_problems(evaluation.skipped)
        if report is not None:
            display.say(f"Report: {report / 'index.html'}")
    if json:
        typer.echo(to_json_line(evaluation.to_json()))
    else:
        typer.echo("\n".join(map(escape_unprintable, str(evaluation).split("\n"))))
    if evaluation.skipped:
        raise typer.Exit(1)


def _evaluate_here(model: Path, data: Path, flags: Mapping[str, Any], display: Display) -> Evaluation:
    from seehear import api

    recogniser = api.load(options.require_model(model, str(data)), listen=display)
    return recogniser.evaluate(options.require_existing(data), listen=display, **flags)
