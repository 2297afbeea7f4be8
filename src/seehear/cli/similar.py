"""`seehear similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.amounts import format_count
from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable, to_json_line

if TYPE_CHECKING:
    from seehear.similarity import Similar


def similar(
    model: options.Model,
    query: Annotated[Path, typer.Argument(metavar="QUERY", help="A picture or recording.")],
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Files, folders or tables to search.")],
    top: Annotated[int | None, typer.Option(metavar="NUMBER", help="How many to find. Unless given, 10.")] = None,
    json: options.Json = False,
) -> None:
    """Find the pictures or recordings that are most similar to one, by the model's embedding."""
    from seehear import api
    from seehear.inputs import gather

    recogniser = api.load(options.require_model(model, str(query), *inputs))
    skipped: list[Path] = []
    with Display() as display:
        found = recogniser.similar(
            options.require_existing(query),
            gather(inputs, tuple(recogniser.recipe.senses), left_out=skipped.append),
            listen=display,
            **options.drop_unset(top=top),
        )
        for each in found:
            if each.errors:
                display.say(each.error)
        if skipped:
            display.say(
                f"Skipped {format_count(len(skipped), 'file')} that this model cannot read, such as {skipped[0]}"
            )
    if not found:
        raise UsageError("nothing to compare with", hint="name files, or folders that contain some")
    for each in found:
        if json or each.similarity is not None:
            print(to_json_line(each.to_json()) if json else _format(each), flush=True)
    if any(each.similarity is None for each in found):
        raise typer.Exit(1)


def _format(found: Similar) -> str:
    return f"{found.similarity:6.3f}  {escape_unprintable(found.input)}"
