"""`seehear show`."""

from __future__ import annotations

import sys

import typer

from seehear.cli import options


def show(model: options.Model, json: options.Json = False) -> None:
    """Tell what a model answers, how good it was, and its limits."""
    from seehear import api

    recogniser = api.load(options.model_file(model))
    if json:
        typer.echo(recogniser.recipe.to_json())
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(recogniser.card()))
    else:
        typer.echo(recogniser.card())
