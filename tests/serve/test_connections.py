"""Slow and silent clients on real sockets are cut off, and the others are answered meanwhile."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from seehear.serve.settings import ServeSettings
from serving import picture_file, registry
from sockets import listening

pytestmark = pytest.mark.slow
HEAD_S, STALL_S, LATE_S = 1.0, 1.0, 8.0
UPLOAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(ServeSettings(head_s=HEAD_S, stall_s=STALL_S), registry()) as opened:
        yield opened


def read_all(client: socket.socket) -> tuple[bytes, float]:
    """What comes until the server ends the connection, and how long that took."""
    client.settimeout(LATE_S)
    began_s, received = time.monotonic(), b""
    try:
        while chunk := client.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received, time.monotonic() - began_s


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_a_request_that_does_not_begin_is_cut_off(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        received, after_s = read_all(client)
    assert received == b""
    assert HEAD_S / 2 < after_s < LATE_S


def test_a_body_that_stops_is_answered_with_408(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(UPLOAD + b"x" * 10)
        received, _ = read_all(client)
    assert received.startswith(b"HTTP/1.1 408 ")
    body = json.loads(received.partition(b"\r\n\r\n")[2])
    assert body == {"error": "nothing arrived for 1 seconds"}


def test_the_rest_of_an_answered_request_cannot_trickle_for_ever(port: int) -> None:
    foreign = UPLOAD.replace(b"Host: 127.0.0.1", b"Host: evil.example")
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(LATE_S)
        client.sendall(foreign)
        assert client.recv(100).startswith(b"HTTP/1.1 421 ")
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            for _ in range(60):
                client.sendall(b"x")
                time.sleep(0.1)


def test_others_are_answered_beside_slow_clients(port: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    try:
        for client in slow:
            client.sendall(UPLOAD)
        picture = picture_file()
        head = (
            f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(picture)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(head.encode() + picture)
            received, _ = read_all(client)
        assert received.startswith(b"HTTP/1.1 200 ")
    finally:
        for client in slow:
            client.close()
