"""Routes of pages: errors are shown as a page, or as the part of one that a script asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from seehear.errors import DiskError, SeehearError
from seehear.serve.answering import BusyError
from seehear.serve.pages.rendering import render, wants_fragment
from seehear.serve.refusals import DISK_STATUS, describe_problems, describe_unexpected, refuse_error

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
ErrorHandler = Callable[[Request, Any], Response | Awaitable[Response]]
SHOWN_HEADERS = {"retry-after", "allow"}  # of the answer to a program


class PageRoute(APIRoute):
    """A route whose errors are HTML."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_with_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except OSError as error:
                refusal = DiskError.of(error)
                if refusal is None:
                    raise
                return _show_error(request, DISK_STATUS, str(refusal), {})
            except (SeehearError, BusyError) as error:
                refused = refuse_error(request.url.path, error)
                return _show_error(request, refused.status_code, str(error), dict(refused.headers))
            except RequestValidationError as error:
                return _show_error(request, 422, describe_problems(error.errors()), {})
            except HTTPException as error:
                return _show_error(request, error.status_code, str(error.detail), dict(error.headers or {}))

        return handle_with_errors


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def add_page_errors(app: FastAPI) -> None:
    """Show browsers errors outside the routes of pages as a page too, such as an unknown address."""
    for kind in (HTTPException, 405, Exception):
        app.add_exception_handler(kind, _for_browsers(app.exception_handlers[kind]))


def _for_browsers(answer: ErrorHandler) -> ErrorHandler:
    async def answer_or_show(request: Request, error: Exception) -> Response:
        given = answer(request, error)
        answered = given if isinstance(given, Response) else await given
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return answered
        if isinstance(error, HTTPException):
            return _show_error(request, error.status_code, str(error.detail), dict(answered.headers))
        return _show_error(request, 500, describe_unexpected(error), {})

    return answer_or_show


def _show_error(request: Request, status: int, error: str, headers: dict[str, str]) -> Response:
    title = _TITLES.get(status, "That did not work.")
    template = "problem_fragment.html" if wants_fragment(request) else "problem.html"
    response = render(request, template, status, heading=title, error=error)
    for name in SHOWN_HEADERS & headers.keys():
        response.headers[name] = headers[name]
    return response


_TITLES = {
    404: "There is no such page.",
    408: "The file arrived too slowly.",
    409: "This has been changed meanwhile.",
    413: "This file is too large.",
    DISK_STATUS: "This could not be saved.",
    503: "Too many requests at once. Try again in a few seconds.",
}
