"""HEAD is answered where GET is, OPTIONS and 405 say which methods an address has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from seehear.serve.methods import HeadRequests
from serving import client


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    with client() as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    ["/", "/health/live", "/health/ready", "/metrics", "/v1/models", "/v2", "/v2/models/bright", "/docs",
     "/openapi.json", "/models/bright/try", "/sign-in"],
)  # fmt: skip
def test_head_is_get_without_the_body(served: TestClient, path: str) -> None:
    got, head = served.get(path), served.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert path == "/metrics" or int(head.headers["content-length"]) == len(got.content)


def test_a_refused_head_has_no_body(served: TestClient) -> None:
    assert served.head("/nothing").status_code == 404
    foreign = served.head("/health/live", headers={"host": "evil.example"})
    assert (foreign.status_code, foreign.content) == (421, b"")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/predict", "OPTIONS, POST"),
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/models/bright/try", "GET, HEAD, OPTIONS, POST"),
        ("/p/birds/arriving/0123456789abcdef", "GET, HEAD, OPTIONS, POST"),
        ("/static/0/page.css", "GET, HEAD, OPTIONS"),
        ("/v1/audio/transcriptions", "OPTIONS, POST"),
    ],
)
def test_options_and_405_say_what_is_allowed(served: TestClient, path: str, methods: str) -> None:
    options = served.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, methods, b"")
    assert "access-control-allow-origin" not in options.headers
    refused = served.request("BREW", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)
    assert "BREW is not allowed here" in refused.text
    assert served.options(path, headers={"origin": "https://evil.example"}).status_code == 403


def test_a_browser_is_shown_a_page(served: TestClient) -> None:
    shown = served.get("/predict", headers={"accept": "text/html"})
    assert (shown.status_code, shown.headers["allow"]) == (405, "OPTIONS, POST")
    assert "<h1" in shown.text
    assert served.options("/nothing").status_code == 404


def test_head_of_a_stream_that_does_not_end() -> None:
    sent: list[dict[str, Any]] = []
    stopped = []

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"more", "more_body": True})
                await asyncio.sleep(0.01)
        finally:
            stopped.append(scope["method"])

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(60)

    asyncio.run(HeadRequests(endless)({"type": "http", "method": "HEAD"}, receive, send))
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    assert (sent[-1]["body"], stopped) == (b"", ["GET"])
