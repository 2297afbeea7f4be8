"""Decoding in a separate process, which is ended when a file makes it take too long, use too much memory, or crash.

It is used for decoders that cannot be trusted (DICOM, TIFF, videos, compressed sound) and for very large pictures. The
others are faster in the main process. What it costs: docs/decisions/023-isolated-decoding.md.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Generator
from io import BytesIO
from typing import Any, BinaryIO

from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.senses.decoder_messages import Header
from seehear.senses.decoder_process import DecoderProcess, WorkerDiedError, WorkerTimeoutError

Array = NDArray[Any]

# Processor time in seconds: for a picture, a recording of an hour, the lips in a minute of video, a picture of a film.
LIMITS_S = {"picture": 30, "sound": 120, "lips": 300, "film": 30}
MOST_MEMORY_BYTES = 3 << 30
MOST_IDLE = 8
GROWN_BYTES = 1 << 27  # a process that returned this much keeps more memory than it needs
AGAIN = "copy or export it again"


def decode_isolated(job: str, file: BinaryIO, source: Any) -> Array:
    """What a job makes of a file, or of the excerpt of it that `source` is. Raises InputError, without `where`."""
    arrays = [array for _, array in decode_items(job, file, source) if array is not None]
    if len(arrays) != 1:
        raise _crashed(f"it gave {len(arrays)} arrays")
    return arrays[0]


def decode_items(
    job: str, file: BinaryIO, source: Any, **options: Any
) -> Generator[tuple[float, Array | None], None, None]:
    """(seconds, array) one after another, as a job gives them; None instead of an array that is not wanted.

    `file` is what `source` was opened as. A process is kept for it until the last item, or until this is closed.
    Raises InputError, without `where`.
    """
    request, payload = _request(job, file, source, options)
    process = _POOL.submit(request, payload)
    try:
        while (next_item := process.next_item(LIMITS_S[job])) is not None:
            yield next_item
    except WorkerTimeoutError:
        raise InputError("decoding it takes too long", allowed=f"up to {LIMITS_S[job]} s", hint=AGAIN) from None
    except WorkerDiedError as ended:
        raise _crashed(str(ended)) from None
    finally:
        _POOL.release(process)


def kill_busy_workers() -> None:
    """End all processes that are decoding. Callers that wait for one get an InputError at once."""
    _POOL.kill_busy_workers()


def _request(job: str, file: BinaryIO, source: Any, options: Header) -> tuple[Header, memoryview]:
    excerpt = source if isinstance(source, Excerpt) else None
    in_memory = isinstance(file, BytesIO)
    path = "" if in_memory else os.path.abspath(excerpt.path if excerpt else source)  # noqa: PTH100 - bytes, too
    request = {
        "job": job,
        "path": os.fsencode(path).decode("latin-1"),  # names need not be text
        "span_s": [excerpt.start_s, excerpt.end_s] if excerpt else None,
        "limit_s": LIMITS_S[job],
        "memory_bytes": MOST_MEMORY_BYTES,
        "options": options,
    }
    return request, file.getbuffer() if isinstance(file, BytesIO) else memoryview(b"")


def _crashed(how: str) -> InputError:
    return InputError(f"damaged: its decoder failed ({how})", hint=AGAIN)


class _DecoderPool:
    """The decoding processes, busy and idle. Started when they are needed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may end what is busy at any moment
        self._idle: list[DecoderProcess] = []
        self._busy: set[DecoderProcess] = set()

    def submit(self, request: Header, payload: memoryview) -> DecoderProcess:
        """A process that was given the work. One that ended while it was idle is replaced."""
        while (idle := self._take_idle()) is not None:
            with contextlib.suppress(OSError):
                self._ask(idle, request, payload)
                return idle
        try:
            fresh = DecoderProcess()
            self._ask(fresh, request, payload)
        except (OSError, WorkerDiedError, WorkerTimeoutError) as error:
            raise InputError(f"no process can be started to decode it ({str(error) or 'it takes too long'})") from None
        return fresh

    def _take_idle(self) -> DecoderProcess | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _ask(self, process: DecoderProcess, request: Header, payload: memoryview) -> None:
        with self._lock:
            self._busy.add(process)
        try:
            process.ask(request, payload)
        except BaseException:
            self.release(process)
            raise

    def release(self, process: DecoderProcess) -> None:
        """Keep it for the next file if it is done with this one; else end it."""
        with self._lock:
            self._busy.discard(process)
            if process.ready and process.returned_bytes < GROWN_BYTES and len(self._idle) < MOST_IDLE:
                self._idle.append(process)
                return
        process.end()

    def kill_busy_workers(self) -> None:
        with self._lock:
            busy = list(self._busy)
        for process in busy:
            process.kill()

    def close(self) -> None:
        self.kill_busy_workers()
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def forget(self) -> None:
        """In a fork, where they belong to the parent: it must be able to close their pipes."""
        for process in (*self._idle, *self._busy):
            process.close_pipes()


_POOL = _DecoderPool()


def _reset_after_fork() -> None:
    global _POOL
    _POOL.forget()
    _POOL = _DecoderPool()


atexit.register(lambda: _POOL.close())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
