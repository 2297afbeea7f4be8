"""`seehear watch-drift`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.escaping import escape_unprintable, to_json_line


def watch_drift(
    model: options.Model,
    answers: Annotated[
        list[Path],
        typer.Argument(
            metavar="ANSWERS...",
            help="Files that predict --json or --log wrote, in order of time; or a folder of inputs to answer now.",
        ),
    ],
    false_alarm_in: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Allow one false alarm in this many answers on average; 30,000 by default.",
        ),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", help="Compare only every nth answer, if consecutive inputs are alike (video frames)."
        ),
    ] = None,
    any_order: Annotated[
        bool,
        typer.Option("--any-order", help="The order of the answers means nothing, like that of files in a folder."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Say whether a model's inputs are still like its training data; if not, how they differ and since when. The exit
    code is then 1."""
    from seehear import api, drift
    from seehear.runtime.answer_log import hash_path

    options.require_model(model, *map(str, answers))
    for each in answers:
        options.require_existing(each)
    with Display() as display:
        recogniser = api.load(model, listen=display)
        found = drift.watch_drift(
            recogniser.predictor,
            answers,
            any_order=any_order,
            model_sha256=hash_path(model),
            **options.drop_unset(per_false_alarm=false_alarm_in, every=every),
        )
    if json:
        typer.echo(to_json_line(found.to_json()))
    else:
        typer.echo("\n".join(map(escape_unprintable, str(found).split("\n"))))
    if found.alarms:
        raise typer.Exit(1)
