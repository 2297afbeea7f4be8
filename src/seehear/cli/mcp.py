"""`seehear mcp`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from seehear.cli import options
from seehear.errors import UsageError


def mcp(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Model files, or NAME=MODEL.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The only folder whose files the assistant can use; by default the current one."
        ),
    ] = None,
    log: options.Log = None,
) -> None:
    """Let an AI assistant on this machine use models, by the Model Context Protocol over stdin and stdout."""
    try:
        assistants = import_module("seehear.serve.assistants")
    except ImportError as error:
        raise UsageError(f"{error.name or error} is not installed", hint="pip install 'seehear[mcp]'") from None
    from seehear.audit import AuditLog
    from seehear.serve.models import ModelRegistry
    from seehear.serve.settings import name_models

    named = name_models(models)
    for path in named.values():
        options.require_model(Path(path))
    place = options.require_existing(folder or Path())
    registry = ModelRegistry(named)
    if log is not None:
        registry.log_to(AuditLog(log))
    assistants.make_server(registry, place).run()
