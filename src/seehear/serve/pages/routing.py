"""Routes of pages: errors are shown as a page, or as the part of one that a script asked for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from seehear.errors import SeehearError
from seehear.serve.answering import BusyError
from seehear.serve.pages.rendering import render, wants_fragment
from seehear.serve.refusals import refuse_error

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route whose errors are HTML."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_with_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except (SeehearError, BusyError) as error:
                told = refuse_error(request.url.path, error)
                return _tell(request, told.status_code, str(error), dict(told.headers))
            except HTTPException as error:
                return _tell(request, error.status_code, str(error.detail), dict(error.headers or {}))

        return handle_with_errors


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def _tell(request: Request, status: int, error: str, headers: dict[str, str]) -> Response:
    title = _TITLES.get(status, "That did not work.")
    template = "problem_fragment.html" if wants_fragment(request) else "problem.html"
    response = render(request, template, status, heading=title, error=error)
    if "retry-after" in headers:
        response.headers["Retry-After"] = headers["retry-after"]
    return response


_TITLES = {
    404: "There is no such page.",
    408: "The file arrived too slowly.",
    413: "This file is too large.",
    503: "Too many requests at once. Try again in a few seconds.",
}
