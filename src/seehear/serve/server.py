"""Runs the application with uvicorn until it is interrupted."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from seehear.errors import UsageError
from seehear.files import ON_WINDOWS
from seehear.serve.app import create_app
from seehear.serve.connections import timed_protocol
from seehear.serve.settings import ServeSettings

SWITCH_S = 0.0005  # for which a thread that answers may keep Python's lock while requests wait to be read
BACKLOG = 2048
MOST_CONNECTIONS = 4000
KEEP_ALIVE_S = 30
SHUTDOWN_S = 10  # for requests that have begun
SHARED_DESCRIPTORS = 100  # files and libraries, beside connections
MOST_MESSAGE_BYTES = 20 << 20  # of a WebSocket: 15 MiB of sound


def serve(settings: ServeSettings, report: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    report    called with the address, once it can be opened
    Raises UsageError for an address that cannot be used, and SeehearError for a model that is refused.
    """
    sys.setswitchinterval(SWITCH_S)
    with listen(settings) as listener:
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            http=timed_protocol(settings, app.state.shedding.check),
            ws="websockets-sansio",
            ws_max_size=MOST_MESSAGE_BYTES,
            backlog=BACKLOG,
            limit_concurrency=_raise_descriptor_limit(),
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=settings.certificate,
        )
        report(address(settings, listener))
        uvicorn.Server(config).run(sockets=[listener])


def address(settings: ServeSettings, listener: socket.socket) -> str:
    """The address to open, such as http://127.0.0.1:8765."""
    everywhere = settings.host in ("0.0.0.0", "::")
    host = (*settings.allowed_hosts, socket.gethostname())[0] if everywhere else settings.host
    scheme = "https" if settings.certificate else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def listen(settings: ServeSettings) -> socket.socket:
    """A socket that listens at the address of the settings. Raises UsageError if it cannot be used."""
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, *_ = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        # Without the protocol, asyncio leaves Nagle's algorithm on, and an answer waits 40 ms for an acknowledgement.
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"there is no such address: {error.strerror or error}", where=where) from None
    try:
        if not ON_WINDOWS:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        hint = "another program may use it: choose another with --port"
        raise UsageError(f"cannot listen: {error.strerror or error}", where=where, hint=hint) from None
    return listener


def _raise_descriptor_limit() -> int:
    """The number of connections to allow, after allowing as many open files as the system does."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_CONNECTIONS + SHARED_DESCRIPTORS
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return max(1, most - SHARED_DESCRIPTORS)
    return MOST_CONNECTIONS
