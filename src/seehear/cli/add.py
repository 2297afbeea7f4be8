"""`seehear add`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.files import MODEL_SUFFIX


def add(
    model: options.Model,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A folder with examples of one new class, named like the class; or a folder of classes, or a table.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="The model file to write.")],
    check: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Examples of the known classes, to compare the models before and after."),
    ] = None,
    tolerate: options.Tolerate = None,
) -> None:
    """Add classes to a model from a few examples each, without forgetting the others."""
    if out.suffix != MODEL_SUFFIX:
        raise UsageError("the name of a model file ends in .seehear", where=f"-o {out}")
    if tolerate is not None and check is None:
        raise UsageError("--tolerate without examples to compare on", hint="name some with --check")
    from seehear import api
    from seehear.files import check_writable

    check_writable(out)
    before = api.load(options.require_model(model, str(data)))
    with Display() as display:
        after = before.add(options.require_existing(data), listen=display)
        if check is not None:
            held_out = options.require_existing(check)
            api.compare(before, after, held_out, tolerate=tolerate or 0.0, listen=display).refuse_worse()
        after.save(out)
        display.show_problems(after.problems)
        display.say(f"Saved {out} ({out.stat().st_size / 1e6:.1f} MB).")
    if after.problems:
        raise typer.Exit(1)
