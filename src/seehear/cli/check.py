"""`seehear check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.escaping import escape_unprintable, to_json_line

Sheet = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write a data sheet (Markdown): what was found, and blanks for what only people can know."
    ),
]


def check(  # noqa: PLR0913 - one argument for each flag
    data: options.Data,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep",
            help="Also train models on some of the examples and predict the others, to find answers that are probably "
            "wrong and to estimate how much more examples would help. Where a pretrained encoder suits the answer, "
            "this takes seconds, and --minutes finds more; otherwise it takes as long as training.",
        ),
    ] = False,
    minutes: options.Minutes = None,
    json: options.Json = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write an HTML report with the pictures and sounds concerned.")
    ] = None,
    sheet: Sheet = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Write a corrected table (csv) with reasons, and beside it one of the rows removed. The data itself "
            "is not changed.",
        ),
    ] = None,
    answer: options.Answer = None,
    senses: options.Senses = None,
) -> None:
    """Find what is wrong with the data before training: damage, duplicates, leaks, doubtful answers, private data.

    Exits with 1 if there are problems that should be fixed first."""
    from seehear import check as doctor

    with Display() as display:
        checked = doctor.check(
            options.require_existing(data),
            listen=display,
            deep=deep,
            **options.drop_unset(
                minutes=minutes,
                report=report,
                sheet=sheet,
                fix=fix,
                answer=answer,
                senses=options.split_names(senses),
            ),
        )
        if report is not None:
            display.say(f"Report: {report / 'index.html'}")
    if json:
        typer.echo(to_json_line(checked.to_json()))
    else:
        typer.echo("\n".join(map(escape_unprintable, str(checked).split("\n"))))
    if checked.problems:
        raise typer.Exit(1)
