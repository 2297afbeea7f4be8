"""The server in tests, on a real socket of this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from seehear.serve.app import create_app
from seehear.serve.connections import timed_protocol
from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings


@contextmanager
def listening(settings: ServeSettings, models: ModelRegistry) -> Iterator[int]:
    """The port of a server that runs in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(settings, models)
        http = timed_protocol(settings, app.state.shedding.check)
        server = uvicorn.Server(uvicorn.Config(app, http=http, log_level="warning", timeout_graceful_shutdown=1))
        thread = Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)
