"""What every request passes before its handler: who asks, how much they send and how fast, and headers for browsers."""

from __future__ import annotations

import asyncio
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seehear.serve.access import SIGN_IN, AccessPolicy, Refusal
from seehear.serve.refusals import refuse
from seehear.serve.settings import ServeSettings

GRACE_S = 10.0  # before the rate of an upload counts
FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send "Origin: null" with forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class SecurityHeaders:
    """Adds headers to every answer, and makes `request.state.csp_nonce` for the page that is sent.

    A handler that sets one of these headers keeps its own. Nothing is cached unless a handler says so.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["csp_nonce"] = nonce

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in FIXED_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=nonce))
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Guard:
    """Refuses requests without access, by their head. Sets `request.state.person` for the others."""

    def __init__(self, app: ASGIApp, policy: AccessPolicy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        checked = self._policy.check(scope["scheme"], method, scope["path"], scope["headers"])
        if not isinstance(checked, Refusal):
            scope.setdefault("state", {})["person"] = checked.name
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": checked.reason})
        else:
            await _answer(scope, checked)(scope, receive, send)


def _answer(scope: Scope, refusal: Refusal) -> Response:
    wants_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
    if refusal.may_sign_in and wants_page:
        return RedirectResponse(SIGN_IN, 303)
    challenge = {"WWW-Authenticate": "Bearer"} if refusal.may_sign_in else None
    return refuse(scope["path"], refusal.status, refusal.reason, challenge)


class BodyLimits:
    """Limits the size of a request's body, and the time that it may take to arrive.

    Handlers that read too much, or from a client that is too slow, get an HTTPException (413, 408).
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._settings.max_upload_bytes:
            await refuse(scope["path"], 413, self._too_large())(scope, receive, send)
            return
        await self._app(scope, _LimitedBody(receive, self._settings, self._too_large()).receive, send)

    def _too_large(self) -> str:
        return f"the request is larger than {self._settings.max_upload_bytes:,} bytes; --max-upload sets the limit"


class _LimitedBody:
    """The body of one request."""

    def __init__(self, receive: Receive, settings: ServeSettings, too_large: str) -> None:
        self._receive, self._settings, self._too_large = receive, settings, too_large
        self._began_s = time.monotonic()
        self._bytes = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:  # what follows is the end of the connection, which may take its time
            return await self._receive()
        try:
            async with asyncio.timeout(self._settings.stall_s):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"nothing arrived for {self._settings.stall_s:g} seconds") from None
        self._bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._bytes > self._settings.max_upload_bytes:
            raise HTTPException(413, self._too_large)
        taken_s = time.monotonic() - self._began_s - GRACE_S
        if not self._complete and self._bytes < taken_s * self._settings.least_bytes_per_s:
            raise HTTPException(408, f"slower than {self._settings.least_bytes_per_s:,} bytes per second")
        return message
