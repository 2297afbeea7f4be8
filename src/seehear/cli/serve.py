"""`seehear serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seehear.cli import options
from seehear.errors import UsageError
from seehear.escaping import escape_unprintable
from seehear.interrupts import Interrupted

if TYPE_CHECKING:
    from seehear.serve.lan import LanIdentity
    from seehear.serve.settings import ServeSettings

LABEL_STUDIO_TOKEN = "LABEL_STUDIO_API_KEY"  # as Label Studio's own clients call it
LAN_FOLDER = ".server"  # in the folder that holds the projects

LabelStudioUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="A Label Studio to fetch the files of tasks from, with the token in LABEL_STUDIO_API_KEY."
    ),
]
LabelStudioFiles = Annotated[
    Path | None, typer.Option(metavar="DIR", help="A folder of files that Label Studio's tasks may name.")
]
MaxUpload = Annotated[int | None, typer.Option(metavar="MIB", help="The largest request body; 512 MiB by default.")]


def serve(  # noqa: PLR0913 - each flag is an argument
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL...]",
            help="Model files. Requests name a model by its file's name, or by NAME for NAME=MODEL.",
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8765 by default, 0 for any free one.")] = None,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; by default only this machine can reach it.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="SEEHEAR_TOKEN", help="The token that clients must send. Other users can see it in `ps`."),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="A file with the token.")] = None,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            help="Serve the local network: HTTPS with a self-signed certificate, a token, a name for each person.",
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Another host name that browsers may use for the server.")
    ] = None,
    alias: Annotated[
        list[str] | None, typer.Option(metavar="ALIAS=NAME", help="Another name for a model, such as whisper-1=notes.")
    ] = None,
    projects: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder that holds the projects; ./seehear-projects by default."),
    ] = None,
    label_studio: LabelStudioUrl = None,
    label_studio_files: LabelStudioFiles = None,
    max_upload: MaxUpload = None,
    log: options.Log = None,
) -> None:
    """Serve models and projects to browsers and programs, by default only on this machine."""
    _check_installed()
    from seehear.serve.settings import MIB, ServeSettings

    named = _name_models(models or [])
    given = options.drop_unset(
        models=named,
        aliases=dict(map(_split_alias, alias or [])),
        port=port,
        host=host,
        token=_read_token(token, token_file),
        allowed_hosts=tuple(allow_host or ()),
        projects=projects,
        label_studio=label_studio,
        label_studio_token=os.environ.get(LABEL_STUDIO_TOKEN) if label_studio else None,
        label_studio_files=label_studio_files,
        max_upload_bytes=None if max_upload is None else max_upload * MIB,
        log=log,
    )
    identity = _prepare_lan(given) if lan else None
    _run(ServeSettings(**given), identity)


def _name_models(models: Sequence[str]) -> dict[str, str]:
    """Raises UsageError for a file that does not exist."""
    from seehear.serve.settings import name_models

    named = name_models(models)
    for path in named.values():
        options.require_model(Path(path))
    return named


def _check_installed() -> None:
    """Raises UsageError if the extra is missing."""
    try:
        import_module("seehear.serve.server")
    except ImportError as error:
        what = f"the server is not installed: {error.name or error} is missing"
        raise UsageError(what, hint="pip install 'seehear[serve]'") from None


def _run(settings: ServeSettings, identity: LanIdentity | None) -> None:
    """Serve until interrupted, and print the address."""
    from seehear.serve.server import serve as run
    from seehear.serve.settings import is_loopback

    def report(address: str) -> None:
        print(f"seehear is at {address}", flush=True)
        _say(f"Serving {escape_unprintable(', '.join(settings.models)) or 'no model yet'}. Stop with Ctrl+C.")
        if identity is not None:
            _say(f"Others on this network sign in there with the token {settings.token}")
            _say(f"Their browser warns about an unknown certificate. Its SHA-256 must be {identity.fingerprint}")
        elif not is_loopback(settings.host):
            _say("Without TLS, anybody on the network path can read the token and the answers; --lan serves HTTPS.")

    try:
        run(settings, report)
    except Interrupted:
        _say("Stopped.")


def _prepare_lan(given: dict[str, Any]) -> LanIdentity:
    """Make the certificate and the token for the local network, and add them to the given settings."""
    from seehear.serve.lan import own_names, prepare_lan
    from seehear.serve.settings import ServeSettings

    names = (*given["allowed_hosts"], *own_names())
    identity = prepare_lan(given.get("projects", ServeSettings().projects) / LAN_FOLDER, names)
    given.setdefault("host", "0.0.0.0")
    given.setdefault("token", identity.token)
    given |= {"certificate": identity.certificate, "allowed_hosts": identity.names}
    return identity


def _split_alias(given: str) -> tuple[str, str]:
    alias, equals, name = given.partition("=")
    if not (alias and equals and name):
        raise typer.BadParameter(f"{given!r} is not ALIAS=NAME, such as whisper-1=notes.")
    return alias, name


def _read_token(token: str | None, file: Path | None) -> str | None:
    """Raises UsageError for both, or for a file that cannot be read or that others may read."""
    if file is None:
        return token
    if token is not None:
        raise UsageError("both --token and --token-file", hint="leave out one")
    lines = options.read_lines(file) or []
    if len(lines) != 1:
        raise UsageError(f"{len(lines)} lines", where=str(file), allowed="one line, the token")
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise UsageError("others on this machine may read the token", where=str(file), hint=f"chmod 600 {file}")
    return lines[0]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
