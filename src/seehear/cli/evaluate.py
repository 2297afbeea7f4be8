"""`seehear evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.escaping import escape_unprintable, to_json_line

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
    from seehear import api

    with Display() as display:
        recogniser = api.load(options.require_model(model, str(data)), listen=display)
        evaluation = recogniser.evaluate(
            options.require_existing(data),
            listen=display,
            **options.drop_unset(
                report=report,
                senses=options.split_names(senses),
                answer=answer,
                wrong_at_most=wrong_at_most,
                coverage=coverage,
                each_class=each_class or None,
                each_group=each_group,
                hotwords=options.read_lines(hotwords),
                tiles=tiles,
                language=language,
                translate=translate or None,
                stress=stress,
                unfamiliar=[options.require_existing(folder) for folder in unfamiliar or ()],
                on=on,
                workers=workers,
            ),
        )
        display.show_problems(evaluation.skipped)
        if report is not None:
            display.say(f"Report: {report / 'index.html'}")
    if json:
        typer.echo(to_json_line(evaluation.to_json()))
    else:
        typer.echo("\n".join(map(escape_unprintable, str(evaluation).split("\n"))))
    if evaluation.skipped:
        raise typer.Exit(1)
