"""Fetches files from the one Label Studio that the server was started with, and from no other address."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Lock
from typing import IO
from urllib.parse import SplitResult, quote, urlsplit

from seehear.errors import InputError, UsageError

PORTS = {"http": 80, "https": 443}
FOLDERS = ("/data/", "/storage-data/", "/tasks/", "/projects/")  # where Label Studio has the files of tasks
STALL_S = 10.0  # without any byte
LONGEST_S = 120.0  # for one file
BLOCK = 1 << 20
REFRESH_S = 60.0  # for which an access token is used; they last five minutes


class LabelStudioHost:
    """One Label Studio. Safe to use from several threads.

    url     where its pages are, such as http://127.0.0.1:8080
    token   of an account there: a personal access token, or a legacy one
    """

    def __init__(self, url: str, token: str) -> None:
        """Raises UsageError for what is not such a URL."""
        self._parts, self._token = split_address(url), token
        # Reading the certificate authorities takes longer than fetching a picture, so it is done once.
        self._tls = ssl.create_default_context() if self._parts.scheme == "https" else None
        self._access, self._access_until_s = "", 0.0
        self._refreshing = Lock()

    def serves(self, address: SplitResult) -> bool:
        """Whether an address is on this host."""
        return _origin(address) == _origin(self._parts)

    def fetch(self, target: str, into: IO[bytes], most_bytes: int) -> int:
        """The size of a file, after writing it.

        target   its path and query, such as /data/upload/1/a.jpg
        Raises InputError for anything but such a file.
        """
        target = quote(target, safe="/%?&=+:,;@~!$'()*-._")
        path = target.removeprefix(self._parts.path.rstrip("/"))
        if not path.startswith(FOLDERS) or ".." in path.split("/"):
            raise InputError("Label Studio has no files under this path", where=target, allowed=", ".join(FOLDERS))
        with self._answer("GET", target, self._authorise()) as response:
            return _copy(response, into, most_bytes, target)

    @contextmanager
    def _answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Iterator[HTTPResponse]:
        """Raises InputError unless it is answered with 200. Redirects are not followed: they may lead anywhere."""
        host, port = self._parts.hostname or "", self._parts.port or PORTS[self._parts.scheme]
        connection = (
            HTTPConnection(host, port, timeout=STALL_S)
            if self._tls is None
            else HTTPSConnection(host, port, timeout=STALL_S, context=self._tls)
        )
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            if response.status != 200:
                elsewhere = response.status in (301, 302, 303, 307, 308)
                what = "Label Studio redirects elsewhere" if elsewhere else f"Label Studio answers {response.status}"
                hint = "switch pre-signed URLs off in its storage" if elsewhere else "check LABEL_STUDIO_API_KEY"
                raise InputError(what, where=target, hint=hint)
            yield response
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise InputError(f"Label Studio does not answer: {reason}", where=target) from None
        finally:
            connection.close()

    def _authorise(self) -> Mapping[str, str]:
        """A personal access token is a JSON Web Token, which is exchanged for one that lasts minutes."""
        if not self._token:
            return {}
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        with self._refreshing:
            if time.monotonic() >= self._access_until_s:
                target = f"{self._parts.path.rstrip('/')}/api/token/refresh/"
                body = json.dumps({"refresh": self._token}).encode()
                with self._answer("POST", target, {"Content-Type": "application/json"}, body) as response:
                    self._access = _read_access(response)
                self._access_until_s = time.monotonic() + REFRESH_S
            return {"Authorization": f"Bearer {self._access}"}


def split_address(url: str) -> SplitResult:
    """Raises UsageError for anything but an address of HTTP."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or parts.username or parts.query:
        raise UsageError(f"the address {url[:100]!r}", allowed="one such as http://127.0.0.1:8080")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme)


def _read_access(response: HTTPResponse) -> str:
    try:
        access = json.loads(response.read(BLOCK))["access"]
    except (ValueError, KeyError, TypeError):
        access = None
    if not isinstance(access, str) or not access.isascii():
        raise InputError("Label Studio gives no access token", hint="check LABEL_STUDIO_API_KEY")
    return access


def _copy(response: HTTPResponse, into: IO[bytes], most_bytes: int, target: str) -> int:
    size, end_s = 0, time.monotonic() + LONGEST_S
    while block := response.read1(BLOCK):
        size += len(block)
        if size > most_bytes:
            raise InputError(f"larger than {most_bytes:,} bytes", where=target, hint="--max-upload sets the limit")
        if time.monotonic() > end_s:
            raise InputError(f"Label Studio takes longer than {LONGEST_S:g} seconds", where=target)
        into.write(block)
    if response.length:
        raise InputError("Label Studio ended the connection before the end of the file", where=target)
    return size
