"""uvicorn's HTTP protocol, with two time limits that it lacks: to send the head of a request, and to read an answer."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TimedProtocol(HttpToolsProtocol):
    """One connection.

    head_s    seconds for the head of a request, from the opening of the connection or its first byte on
    stall_s   seconds for which a client may leave an answer unread before it is cut off
    """

    head_s = 10.0
    stall_s = 20.0
    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def handle_websocket_upgrade(self) -> None:
        self._end_head()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)
        self._end_stall()

    def _watch_head(self) -> None:
        """Limit the time until a request begins, or until the rest of one that is answered already ends."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_head()
        elif self._head is None and self.transport.get_protocol() is self and not self.transport.is_closing():
            self._head = self.loop.call_later(self.head_s, self.transport.abort)

    def _end_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


def timed_protocol(head_s: float, stall_s: float) -> type[asyncio.Protocol]:
    """The protocol with these limits."""
    return type("TimedProtocol", (TimedProtocol,), {"head_s": head_s, "stall_s": stall_s})
