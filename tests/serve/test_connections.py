"""Slow and silent clients on real sockets are cut off, and the others are answered meanwhile."""

from __future__ import annotations

import json
import re
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


def read_answer(client: socket.socket) -> tuple[bytes, bytes]:
    """The head and the body of the next answer."""
    client.settimeout(LATE_S)
    received = b""
    while b"\r\n\r\n" not in received:
        received += client.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head, body


def test_a_full_queue_refuses_by_the_head_and_keeps_the_connection() -> None:
    with (
        listening(ServeSettings(waiting=0, head_s=HEAD_S), registry()) as full,
        socket.create_connection(("127.0.0.1", full)) as client,
    ):
        for path, kind in (("/predict?name=a.png", str), ("/v1/audio/transcriptions", dict)):
            client.sendall(UPLOAD.replace(b"/predict", path.encode()))
            head, body = read_answer(client)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1" in head.lower()
            assert isinstance(json.loads(body)["error"], kind)
            time.sleep(0.6 * HEAD_S)  # each request has its own time
            client.sendall(b"x" * 1000)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b'seehear_requests_total{code="503",route="shed"} 2.0' in read_answer(client)[1]


@pytest.mark.parametrize("header", [b"Connection: close", b"Expect: 100-continue"])
def test_a_refused_client_that_sends_no_more_is_let_go(header: bytes) -> None:
    with (
        listening(ServeSettings(waiting=0), registry()) as full,
        socket.create_connection(("127.0.0.1", full)) as client,
    ):
        body = b"" if header.startswith(b"Expect") else b"x" * 1000
        client.sendall(UPLOAD.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n") + body)
        received, _ = read_all(client)
    assert received.startswith(b"HTTP/1.1 503 ")


def test_a_refusal_waits_for_the_answer_before_it() -> None:
    """Requests that are sent together are answered in their order."""
    with (
        listening(ServeSettings(waiting=0), registry()) as full,
        socket.create_connection(("127.0.0.1", full)) as client,
    ):
        live = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        client.sendall(live + UPLOAD + b"x" * 1000 + live.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received, _ = read_all(client)
    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"200", b"503", b"200"]
