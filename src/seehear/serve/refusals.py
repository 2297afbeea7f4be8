"""Errors as answers: the status, and a body in the shape that the clients of each protocol expect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from seehear.errors import ConflictError, DiskError, InputError, SeehearError, UsageError, WorseError
from seehear.serve.answering import BusyError
from seehear.serve.models import UnknownModelError

DISK_STATUS = 507
STATUSES: tuple[tuple[type[SeehearError], int], ...] = (  # the first that fits
    (UnknownModelError, 404),
    (UsageError, 400),
    (ConflictError, 409),
    (WorseError, 409),
    (InputError, 422),
    (DiskError, DISK_STATUS),
    (SeehearError, 500),
)

# By the beginning of the path: (status, message) -> the body. Protocols add theirs; any other path has {"error": …}.
Shape = Callable[[int, str], Mapping[str, Any]]
SHAPES: dict[str, Shape] = {}


def refuse(path: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is refused."""
    shape = next((shape for start, shape in SHAPES.items() if path.startswith(start)), None)
    body = shape(status, message) if shape else {"error": message}
    return JSONResponse(body, status, headers=headers)


def refuse_error(path: str, error: Exception) -> Response:
    """The answer to a request that led to a SeehearError, a BusyError, or an OSError that is a DiskError."""
    error = DiskError.of(error) or error
    if isinstance(error, BusyError):
        return refuse(path, 503, f"{error}; try again later", {"Retry-After": str(error.retry_after_s)})
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    return refuse(path, status, str(error))


def add_error_handlers(app: FastAPI) -> None:
    """Every exception becomes an answer in words, without a traceback."""

    async def known(request: Request, error: Exception) -> Response:
        return refuse_error(request.url.path, error)

    async def system(request: Request, error: Exception) -> Response:
        if DiskError.of(error) is None:
            raise error
        return refuse_error(request.url.path, error)

    async def protocol(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return refuse(request.url.path, error.status_code, str(error.detail), error.headers)

    async def invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        return refuse(request.url.path, 422, describe_problems(error.errors()))

    async def gone(request: Request, _: Exception) -> Response:
        return refuse(request.url.path, 400, "the request ended before its body did")  # nobody reads it

    async def unexpected(request: Request, error: Exception) -> Response:
        return refuse(request.url.path, 500, describe_unexpected(error))

    app.add_exception_handler(SeehearError, known)
    app.add_exception_handler(BusyError, known)
    app.add_exception_handler(OSError, system)
    app.add_exception_handler(HTTPException, protocol)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unexpected)


def describe_unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__}; the server's log says more"


def describe_problems(problems: Any) -> str:
    """The problems that pydantic found, in one line: `wrong_at_most: Input should be less than 1`."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, "))))
        for each in problems
    )
