"""`seehear compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.escaping import escape_unprintable, to_json_line


def compare(  # noqa: PLR0913 - each flag is an argument
    first: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    second: Annotated[Path, typer.Argument(metavar="MODEL", help="The model file to compare with it.")],
    data: options.Data,
    trained_on: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DATA",
            help="What one of the models was trained on: its examples are left out. May be given several times.",
        ),
    ] = None,
    answer: options.Answer = None,
    tolerate: options.Tolerate = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write an HTML page with the examples that changed.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare two models on the same examples, and say whether the second is better.

    With --tolerate, the exit code only says whether it is worse than that.
    Neither should have been trained on the examples: if the data has parts, only 'test' is used, or else 'val'."""
    from seehear import api
    from seehear.measure.noninferiority import TOO_WORSE

    options.require_model(first, str(second), str(data))
    options.require_model(second, str(data))
    with Display() as display:
        comparison = api.compare(
            first,
            second,
            options.require_existing(data),
            listen=display,
            **options.drop_unset(
                trained_on=trained_on and [options.require_existing(each) for each in trained_on],
                answer=answer,
                tolerate=tolerate,
                report=report,
            ),
        )
        if report is not None:
            display.say(f"Report: {report / 'index.html'}")
    if json:
        typer.echo(to_json_line(comparison.to_json()))
    else:
        typer.echo("\n".join(map(escape_unprintable, str(comparison).split("\n"))))
    if display.left_out if comparison.loss is None else comparison.loss.verdict == TOO_WORSE:
        raise typer.Exit(1)
