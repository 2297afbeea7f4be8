"""`seehear show`."""

from __future__ import annotations

import sys

import typer

from seehear.cli import options
from seehear.escaping import escaped, printable


def show(model: options.Model, json: options.Json = False) -> None:
    """Tell what a model answers, how good it was, and its limits."""
    from seehear import api

    recogniser = api.load(options.model_file(model))
    card = "\n".join(map(printable, recogniser.card().split("\n")))
    if json:
        typer.echo(escaped(recogniser.recipe.to_json()))
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card))
    else:
        typer.echo(card)
