"""The settings of a server: the one place for defaults, checks and their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from seehear.errors import UsageError
from seehear.files import MODEL_SUFFIX, PROJECTS_FOLDER

PORT = 8765
LOOPBACK = "127.0.0.1"
LEAST_TOKEN_CHARACTERS = 16
MIB = 1 << 20


@dataclass(frozen=True)
class ServeSettings:
    """How to serve.

    models            by name: a model file, or whisper-base or whisper-tiny.en
    aliases           more names, each for the name of a model
    host, port        where to listen; port 0 for any that is free
    token             what clients must send; None only on loopback, where all clients are on this machine
    certificate       a PEM file with a certificate and its key, to serve HTTPS; None for HTTP
    allowed_hosts     more names under which browsers may reach this server
    projects          the folder of the projects
    label_studio      the address of a Label Studio whose files may be fetched; "" for none
    label_studio_token  of an account there
    label_studio_files  a folder with files that its tasks may name
    max_upload_bytes  of one request
    log               an audit log of all answers and of what people say about them in projects; None for none
    waiting           requests that may wait for an answer; more are refused with 503
    workers           threads that answer; None for one per core
    head_s            seconds in which a client must send the head of its request
    stall_s           seconds without any progress after which a client is cut off
    least_bytes_per_s  the slowest that a body may arrive, on average
    """

    models: Mapping[str, str | Path] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    host: str = LOOPBACK
    port: int = PORT
    token: str | None = None
    certificate: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    projects: Path = Path(PROJECTS_FOLDER)
    label_studio: str = ""
    label_studio_token: str = field(default="", repr=False)
    label_studio_files: Path | None = None
    max_upload_bytes: int = 512 * MIB
    log: Path | None = None
    waiting: int = 16
    workers: int | None = None
    head_s: float = 10.0
    stall_s: float = 20.0
    least_bytes_per_s: int = 1000

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"port {self.port}", allowed="0 to 65535")
        if self.max_upload_bytes < 1:
            raise UsageError(f"uploads of at most {self.max_upload_bytes} bytes", allowed="1 or more")
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"without a token, everybody who reaches {self.host} could use this server",
                hint=f"choose one with --token or --token-file, or serve this machine alone with --host {LOOPBACK}",
            )
        if self.token is not None and (len(self.token) < LEAST_TOKEN_CHARACTERS or not self.token.isascii()):
            raise UsageError(
                f"a token of {len(self.token)} characters",
                allowed=f"{LEAST_TOKEN_CHARACTERS} or more, letters, digits and signs of ASCII",
                hint="python -c 'import secrets; print(secrets.token_urlsafe())' prints a good one",
            )
        if self.label_studio_files is not None and not self.label_studio_files.is_dir():
            raise UsageError("there is no such folder", where=str(self.label_studio_files))
        for alias, name in self.aliases.items():
            if name not in self.models:
                raise UsageError(f"the alias {alias} for {name}", allowed=", ".join(self.models) or "names of models")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def name_models(models: Sequence[str]) -> dict[str, str]:
    """Models by name: `birds.seehear` is called birds, `owls=birds-v2.seehear` owls.

    Raises UsageError for two of the same name.
    """
    named: dict[str, str] = {}
    for given in models:
        name, equals, path = given.partition("=")
        if not equals or "/" in name:
            name, path = Path(given).name.removesuffix(MODEL_SUFFIX), given
        if not name or name in named:
            raise UsageError(f"two models called {name!r}", where=given, hint=f"name one: another={path}")
        named[name] = path
    return named
