"""No unauthorised request reaches a handler: every route and method, through the whole server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute

from seehear.serve.access import OPEN_PATHS
from seehear.serve.app import create_app
from seehear.serve.settings import ServeSettings
from serving import picture_file, registry

pytestmark = pytest.mark.slow
TOKEN = "a-token-of-some-length"
OWN = "127.0.0.1:8765"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY")
SHOWN = {"authorization": f"Bearer {TOKEN}"}
UNAUTHORISED: tuple[dict[str, str], ...] = (
    {"host": OWN},
    {"host": OWN, "authorization": "Bearer "},
    {"host": OWN, "authorization": f"Bearer {TOKEN[:-1]}"},
    {"host": OWN, "authorization": f"Basic {TOKEN}"},
    {"host": OWN, "cookie": "seehear-session=QW5uYQ.0000"},
    {"host": OWN, "cookie": "seehear-session=."},
    {"host": "evil.example", **SHOWN},
    {"host": "127.0.0.1.evil.example:8765", **SHOWN},
    {"host": "", **SHOWN},
    {**SHOWN},
    {"host": "evil.example", "x-forwarded-host": OWN, **SHOWN},
    {"host": OWN, "origin": "https://evil.example", **SHOWN},
    {"host": OWN, "origin": "null", **SHOWN},
    {"host": OWN, "origin": "http://127.0.0.1:8766", **SHOWN},
    {"host": OWN, "origin": f"https://{OWN}", **SHOWN},
    {"host": OWN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", **SHOWN},
    {"host": OWN, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", **SHOWN},
)


def paths(routes: list[BaseRoute]) -> Iterator[str]:
    """An address for each route."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from paths(included.routes)
        path = getattr(route, "path", "")
        if path and path not in OPEN_PATHS:
            yield path.replace("{", "").replace("}", "").replace(":path", "")


@pytest.mark.parametrize("token", [TOKEN, None])
def test_no_unauthorised_request_is_answered(tmp_path: Path, token: str | None) -> None:
    """Without a token, requests from pages of other sites or under other host names are still refused."""
    refused = UNAUTHORISED if token else tuple(heads for heads in UNAUTHORISED if heads.items() >= SHOWN.items())
    models = registry()
    app = create_app(ServeSettings(token=token, projects=tmp_path / "projects"), models)
    answered: list[Any] = []
    app.state.answerer.listeners.append(answered.append)
    before = models.list(), sorted(tmp_path.rglob("*"))
    statuses: list[int] = []

    async def ask(path: str, method: str, heads: dict[str, str]) -> None:
        headers = [(name.encode(), value.encode()) for name, value in heads.items()]
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
        scope |= {"headers": headers, "scheme": "http", "server": ("127.0.0.1", 8765), "client": ("127.0.0.1", 5)}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": picture_file(), "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app(scope | {"http_version": "1.1", "asgi": {"version": "3.0"}}, receive, send)

    async def ask_all() -> None:
        for path, method, heads in product(sorted(set(paths(app.routes))), METHODS, refused):
            await ask(path, method, heads)

    asyncio.run(ask_all())
    app.state.answerer.close()
    assert len(statuses) >= 4000
    assert set(statuses) <= {401, 403, 421}
    assert not answered
    assert (models.list(), sorted(tmp_path.rglob("*"))) == before
