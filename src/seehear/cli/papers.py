"""`seehear card` and `seehear dossier`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.escaping import escape_unprintable
from seehear.files import write_atomically


def card(
    model: options.Model,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write it to this file, such as README.md.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The licence of the model, as an identifier of the hub: apache-2.0, ..."),
    ] = None,
) -> None:
    """Print the model card in the format of the Hugging Face hub, with blanks for people to fill in."""
    from seehear import api
    from seehear.papers import render_model_card
    from seehear.runtime.answer_log import hash_path

    with Display() as display:
        bundle = api.read_model(options.require_model(model), listen=display)
    given = options.drop_unset(licence=licence)
    text = render_model_card(model.stem, bundle, hash_path(model), **given)
    if out is None:
        typer.echo("\n".join(map(escape_unprintable, text.split("\n"))), nl=False)
    else:
        write_atomically(out, text.encode())


def dossier(
    model: options.Model,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder to write to.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Labelled examples from your use, to measure the model on.")
    ] = None,
    log: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A log of its answers, which is checked; may be repeated."),
    ] = None,
) -> None:
    """Write what an auditor asks about a model: what was measured, and blanks for people to fill in.

    In the order of Annex IV of the EU's AI Act. This is not legal advice."""
    from seehear import api
    from seehear.audit import verify
    from seehear.papers import write_dossier
    from seehear.runtime.answer_log import hash_path

    path = options.require_model(model)
    with Display() as display:
        bundle = api.read_model(path, listen=display)
        evaluation = (
            None if data is None else api.Recogniser(bundle).evaluate(options.require_existing(data), listen=display)
        )
        logs = [verify(each) for each in log or []]
        for written in write_dossier(out, path.stem, bundle, hash_path(path), evaluation=evaluation, logs=logs):
            display.say(f"Written: {written}")
