"""Sends requests to a server over many connections, and prints what came back as one line of JSON.

A program of its own, with as little work for each request as possible, because it shares the cores with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANSWERED = 200
BACK_OFF_S = 0.01  # of a client in a closed loop after a 503


@dataclass
class Outcome:
    """How many answers had each status, and the seconds that those with 200 took."""

    statuses: Counter[int] = field(default_factory=Counter)
    taken_s: list[float] = field(default_factory=list)
    broken: int = 0

    def to_json(self, lasted_s: float) -> dict[str, Any]:
        ordered = sorted(self.taken_s)
        places = {name: ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
                  for name, share in (("p50_s", 0.5), ("p99_s", 0.99))}  # fmt: skip
        counts = {str(status): count for status, count in self.statuses.items()}
        return {"statuses": counts, "broken": self.broken, "lasted_s": lasted_s, **places}


class Connection(asyncio.Protocol):
    """One connection that is kept open. Without streams, as these take longer than the server's refusal."""

    def __init__(self, host: str, port: int, request: bytes) -> None:
        self._place, self._request = (host, port), request
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[bytes] | None = None
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= _content_length(head) and self._answered and not self._answered.done():
            self._received = b""
            self._answered.set_result(head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answered and not self._answered.done():
            self._answered.set_exception(ConnectionError("the connection broke"))

    async def ask(self, outcome: Outcome) -> int:
        """The status of the answer; 0 if the connection broke."""
        began_s, loop = time.perf_counter(), asyncio.get_running_loop()
        try:
            if self._transport is None:
                self._transport, _ = await loop.create_connection(lambda: self, *self._place)
            self._answered, self._received = loop.create_future(), b""
            self._transport.write(self._request)
            head = await self._answered
        except OSError:
            outcome.broken += 1
            self.close()
            return 0
        status = int(head[9:12])
        outcome.statuses[status] += 1
        if status == ANSWERED:
            outcome.taken_s.append(time.perf_counter() - began_s)
        return status

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def closed_loop(host: str, port: int, request: bytes, clients: int, seconds: float) -> Outcome:
    """Each client asks as soon as it was answered."""
    outcome, end_s = Outcome(), time.perf_counter() + seconds

    async def client() -> None:
        connection = Connection(host, port, request)
        while time.perf_counter() < end_s:
            if await connection.ask(outcome) != ANSWERED:
                await asyncio.sleep(BACK_OFF_S)
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return outcome


async def open_loop(host: str, port: int, request: bytes, per_s: float, seconds: float) -> Outcome:
    """Requests begin at a fixed rate, whether the ones before are answered or not."""
    outcome, idle, running = Outcome(), list[Connection](), set[asyncio.Task[None]]()

    async def one() -> None:
        connection = idle.pop() if idle else Connection(host, port, request)
        await connection.ask(outcome)
        idle.append(connection)

    began_s, sent = time.perf_counter(), 0
    while (now_s := time.perf_counter() - began_s) < seconds:
        for _ in range(int(now_s * per_s) - sent):
            sent += 1
            task = asyncio.create_task(one())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)
    return outcome


async def dribble(host: str, port: int, connections: int, seconds: float) -> Outcome:
    """Slow clients: each sends the head of an upload, then one byte a second, and begins again when it is cut off."""
    head = f"POST /predict HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000000\r\n\r\n".encode()
    outcome, end_s = Outcome(), time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end_s:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                writer.write(head)
                while time.perf_counter() < end_s and not writer.is_closing():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(1)
                writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return outcome


def make_request(host: str, port: int, file: Path) -> bytes:
    """A file as the body."""
    body = file.read_bytes()
    head = f"POST /predict?name={file.name} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--clients", type=int, help="in a closed loop")
    kind.add_argument("--per-s", type=float, help="requests at this rate")
    kind.add_argument("--slow", type=int, help="clients that send a byte a second")
    options = parser.parse_args()
    place = ("127.0.0.1", options.port)
    request, began_s = make_request(*place, options.file), time.perf_counter()
    if options.clients is not None:
        outcome = asyncio.run(closed_loop(*place, request, options.clients, options.seconds))
    elif options.per_s is not None:
        outcome = asyncio.run(open_loop(*place, request, options.per_s, options.seconds))
    else:
        outcome = asyncio.run(dribble(*place, options.slow, options.seconds))
    print(json.dumps(outcome.to_json(time.perf_counter() - began_s)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
