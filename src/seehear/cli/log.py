"""`seehear log verify`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.cli import options
from seehear.escaping import escape_unprintable, to_json_line

if TYPE_CHECKING:
    from seehear.api import Recogniser

log = typer.Typer(help="Check the logs of answers that predict, serve and mcp write with --log.")


@log.callback()
def _log() -> None:
    """Check the logs of answers that predict, serve and mcp write with --log."""


@contextmanager
def logged(recogniser: Recogniser, model: Path, file: Path | None) -> Iterator[None]:
    """Write the answers of a recogniser to a log, if one is given, and print its last entry at the end."""
    if file is None:
        yield
        return
    from seehear.audit import AuditLog
    from seehear.runtime.answer_log import hash_path

    opened = AuditLog(file)
    recogniser.log_to(opened, model_sha256=hash_path(model))
    try:
        yield
    finally:
        head = opened.head
        opened.close()
        print(f"Logged in {file}, up to entry {head.number:,} with the hash {head.hash}", file=sys.stderr)


@log.command()
def verify(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Logs, or any of their files; all files of each are read.")
    ],
    head: Annotated[
        str,
        typer.Option(
            metavar="HASH", help="The hash of an entry that was kept elsewhere; an error if it is not in the log."
        ),
    ] = "",
    after: Annotated[
        str, typer.Option(metavar="HASH", help="The hash of the last entry of files that were deleted on purpose.")
    ] = "",
    json: options.Json = False,
) -> None:
    """Say whether logs are intact; if not, say what was changed, moved, inserted or removed first, and exit with 1."""
    from seehear.audit import verify as check
    from seehear.audit.segments import log_of

    checks = [check(each, head=head, after=after) for each in dict.fromkeys(map(log_of, files))]
    for found in checks:
        typer.echo(
            to_json_line(found.to_json()) if json else "\n".join(map(escape_unprintable, str(found).split("\n")))
        )
    if any(found.problem for found in checks):
        raise typer.Exit(1)
