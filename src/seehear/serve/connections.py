"""uvicorn's HTTP protocol, with what it lacks: limits on the time to send the head of a request and to read an answer,
and cheap refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seehear.serve.answering import PLACE, Place
from seehear.serve.settings import ServeSettings

Check = Callable[[bytes, bytes], bytes | Place | None]


class TimedProtocol(HttpToolsProtocol):
    """One connection.

    head_s    seconds for the head of a request, from the opening of the connection or its first byte on
    stall_s   seconds for which a client may leave an answer unread before it is cut off
    check     decides about a request by its method and target, as `Shedding.check`
    """

    head_s = 10.0
    stall_s = 20.0
    check: Check
    _refused = False
    _place: Place | None = None
    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def on_headers_complete(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete  # answers are sent in the order of the requests
        checked = self.check(self.parser.get_method(), self.url) if idle and not self.flow.write_paused else None
        if not isinstance(checked, bytes):
            self._place = checked
            with _in_context(checked):
                super().on_headers_complete()
            return
        self._refused = True
        self.transport.write(checked)
        if self.expect_100_continue:  # the body may never come
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()
            if self._place is not None:
                self._place.take()
            return
        self._refused = False
        self._end_head()
        if not self.parser.should_keep_alive():
            self.transport.close()

    def on_response_complete(self) -> None:
        self._leave_place()
        super().on_response_complete()

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
        self._leave_place()
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

    def _leave_place(self) -> None:
        if self._place is not None:
            self._place.leave()
            self._place = None


def timed_protocol(settings: ServeSettings, check: Check) -> type[asyncio.Protocol]:
    """The protocol with the limits of the settings."""
    members = {"head_s": settings.head_s, "stall_s": settings.stall_s, "check": staticmethod(check)}
    return type("TimedProtocol", (TimedProtocol,), members)


@contextmanager
def _in_context(place: Place | None) -> Iterator[None]:
    """What begins here finds the place in PLACE."""
    token = PLACE.set(place)
    try:
        yield
    finally:
        PLACE.reset(token)
