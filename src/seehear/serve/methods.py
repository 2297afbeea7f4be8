"""HEAD and OPTIONS for every route: HEAD is answered wherever GET is, and OPTIONS with the methods of an address.

There is no CORS: `OPTIONS` from a page of another site is refused like any of its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seehear.serve.refusals import refuse

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class HeadRequests:
    """Answers HEAD as GET without the body.

    A handler is stopped when its body begins, as a stream of events would not end by itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        body_began = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not body_began.is_set():
                await send({"type": "http.response.body", "body": b""})
                body_began.set()

        answering = asyncio.ensure_future(self._app({**scope, "method": "GET"}, receive, send_head))
        ended = asyncio.ensure_future(body_began.wait())
        try:
            await asyncio.wait((answering, ended), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            for task in (answering, ended):
                task.cancel()
            await asyncio.gather(answering, ended, return_exceptions=True)


async def answer_other_method(request: Request, _: Exception) -> Response:
    """The answer to a method that no handler has: 204 for OPTIONS, 405 for others, both with those that are allowed."""
    headers = {"Allow": ", ".join(allowed_methods(request))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return refuse(request.url.path, 405, f"{request.method} is not allowed here", headers)


def allowed_methods(request: Request) -> Sequence[str]:
    """All methods of the address of a request."""
    asked = {"type": "http", "path": request.scope["path"], "root_path": "", "headers": []}
    found = {"OPTIONS"} | {
        method
        for method in METHODS
        if any(route.matches(asked | {"method": method})[0] == Match.FULL for route in request.app.routes)
    }
    return sorted(found | ({"HEAD"} if "GET" in found else set()))
