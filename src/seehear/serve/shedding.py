"""Refuses requests for an answer with 503 while too many wait, as soon as their head is there.

A flood of requests must not take the cores from the answers, so this happens before anything else is made of a
request. The refusal is the same for everybody, and nobody has to be authenticated for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from seehear.serve.answering import Answerer, BusyError, Place
from seehear.serve.refusals import refuse_error

ASKING = (b"/predict", b"/v1/audio/", b"/v2/models/", b"/label-studio/")  # where files are answered


class Shedding:
    """Decides which requests a server refuses.

    count    called for each request that is refused
    """

    def __init__(self, answerer: Answerer, count: Callable[[], None]) -> None:
        self._answerer, self._count = answerer, count

    def check(self, method: bytes, target: bytes) -> bytes | Place | None:
        """The whole answer to a request that is refused; a place in the queue for one that asks for an answer, to be
        taken when its body is there; None for any other."""
        if method != b"POST" or not target.startswith(ASKING):
            return None
        try:
            self._answerer.check_room()
        except BusyError as busy:
            self._count()
            return _render(next(start for start in ASKING if target.startswith(start)), busy.retry_after_s)
        return Place(self._answerer)


@lru_cache(maxsize=64)
def _render(path: bytes, retry_after_s: int) -> bytes:
    """The response in the shape that the clients of a path expect."""
    refusal = refuse_error(path.decode(), BusyError(retry_after_s))
    head = b"".join(b"%s: %s\r\n" % each for each in refusal.raw_headers)
    return b"HTTP/1.1 503 Service Unavailable\r\n" + head + b"\r\n" + bytes(refusal.body)
