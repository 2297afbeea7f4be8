"""Who may ask: decides from the head of a request alone, before anything reads its body.

A web page that somebody has open elsewhere must not use this server through their browser. Such requests show in
`Origin` or `Sec-Fetch-Site`. A page that lets its own name point to this machine (DNS rebinding) shows in `Host`.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address

from starlette.requests import cookie_parser

from seehear.serve.settings import ServeSettings, is_loopback

SESSION_COOKIE = "seehear-session"
SIGN_IN = "/sign-in"
OPEN_PATHS = frozenset({SIGN_IN, "/health/live"})  # for those who have no token yet
READING = frozenset({"GET", "HEAD"})

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused. `may_sign_in`: a token would help."""

    status: int
    reason: str
    may_sign_in: bool = False


@dataclass(frozen=True)
class Caller:
    """Who asks. `name` is what they called themselves when they signed in; "" for a program, or on loopback."""

    name: str = ""


class AccessPolicy:
    """The rules for one server."""

    def __init__(self, settings: ServeSettings) -> None:
        self._token = settings.token
        self._loopback = is_loopback(settings.host)
        names = {"localhost", *settings.allowed_hosts} if self._loopback else set(settings.allowed_hosts)
        self._names = {name.lower().rstrip(".") for name in names | ({settings.host} - {"0.0.0.0", "::"})}

    def check(self, scheme: str, method: str, path: str, headers: Headers) -> Caller | Refusal:
        """scheme is that of this server: http, https, ws or wss. Header names are in lower case."""
        found = _Head(headers)
        if (host := found.only("host")) is None or not self._serves(_without_port(host)):
            return Refusal(421, f"this server is not called {host!r}" if host else "exactly one Host header is needed")
        if not _is_own(found, scheme, host, method):
            return Refusal(403, "a page of another site may not use this server")
        if self._token is None:
            return Caller()
        if (name := self._signed_in(found)) is not None:
            return Caller(name)
        if path in OPEN_PATHS:
            return Caller()
        return Refusal(401, "a token is needed: Authorization: Bearer, then the token", may_sign_in=True)

    def is_token(self, given: str) -> bool:
        """Whether this is the token, in constant time."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def make_session(self, name: str) -> str:
        """The value of SESSION_COOKIE for somebody who showed the token. Another token ends all sessions."""
        packed = urlsafe_b64encode(name.encode()).decode().rstrip("=")
        return f"{packed}.{self._sign(packed)}"

    def _serves(self, host: str) -> bool:
        """Whether a browser may know this server under a name: an address cannot be rebound, a name can."""
        if host in self._names:
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return address.is_loopback if self._loopback else not address.is_unspecified

    def _signed_in(self, head: _Head) -> str | None:
        """The name of a caller who shows the token or a session; None for any other."""
        scheme, _, shown = (head.only("authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(shown.strip()):
            return ""
        if scheme.lower() == "basic" and self.is_token(_password(shown.strip())):
            return ""
        session = cookie_parser(head.only("cookie") or "").get(SESSION_COOKIE, "")
        packed, _, signature = session.partition(".")
        if not signature or not hmac.compare_digest(signature.encode(), self._sign(packed).encode()):
            return None
        return urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()

    def _sign(self, text: str) -> str:
        return hmac.new((self._token or "").encode(), text.encode(), sha256).hexdigest()


class _Head:
    """Headers by name, as text."""

    def __init__(self, headers: Headers) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in headers:
            self._values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip())

    def only(self, name: str) -> str | None:
        """The value of a header that is there exactly once."""
        values = self._values.get(name, [])
        return values[0] if len(values) == 1 else None

    def count(self, name: str) -> int:
        return len(self._values.get(name, []))


def _is_own(head: _Head, scheme: str, host: str, method: str) -> bool:
    """Whether a request comes from a page of this server, from no page at all, or merely follows a link to it."""
    if head.count("origin"):
        secure = scheme in ("https", "wss")
        return head.only("origin") == f"{'https' if secure else 'http'}://{host}"
    if not head.count("sec-fetch-site"):
        return True  # not a browser
    if head.only("sec-fetch-site") in ("same-origin", "none"):
        return True
    follows_link = head.only("sec-fetch-mode") == "navigate" and head.only("sec-fetch-dest") == "document"
    return follows_link and method in READING


def _password(credentials: str) -> str:
    """The password of basic authentication (RFC 7617), all that some programs support; "" if there is none."""
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _without_port(host: str) -> str:
    """The name or address in a Host header, in lower case; "" for anything else."""
    name, bracket, port = host.lower().partition("]")
    if bracket:
        name = name.removeprefix("[")
    else:
        name, _, port = host.lower().partition(":")
        port = f":{port}" if port else ""
    return name.rstrip(".") if not port or (port[0] == ":" and port[1:].isdigit()) else ""
