"""`seehear show`."""

from __future__ import annotations

import sys

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.escaping import escape_json, escape_unprintable


def show(model: options.Model, json: options.Json = False) -> None:
    """Print the model card: what a model answers, how good it was, and its limits."""
    from seehear import api

    with Display() as display:
        bundle = api.read_model(options.require_model(model), listen=display)
    card = "\n".join(map(escape_unprintable, bundle.card.split("\n")))
    if json:
        typer.echo(escape_json(bundle.recipe.to_json()))
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card))
    else:
        typer.echo(card)
