"""Decoding in a separate process, which is killed if a file makes it too slow, too large or crash.

Used for decoders that cannot be trusted (DICOM, TIFF, videos, compressed sound) and for very large pictures. The
others are faster in the main process. Cost: docs/decisions/023-isolated-decoding.md.
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

# CPU seconds for a picture, a recording of up to an hour, the lips in a minute of video, a frame of a video.
LIMITS_S = {"picture": 30, "sound": 120, "lips": 300, "video": 30}
MOST_MEMORY_BYTES = 3 << 30
MOST_IDLE = 8
GROWN_BYTES = 1 << 27  # a worker that returned this much holds more memory than it needs
AGAIN = "copy or export it again"


def decode_isolated(job: str, file: BinaryIO, source: Any) -> Array:
    """Run a job on a file, or on the excerpt of it given by `source`. Raises InputError, without `where`."""
    arrays = [array for _, array in decode_items(job, file, source) if array is not None]
    if len(arrays) != 1:
        raise _crash_error(f"it returned {len(arrays)} arrays")
    return arrays[0]


def decode_items(
    job: str, file: BinaryIO, source: Any, **options: Any
) -> Generator[tuple[float, Array | None], None, None]:
    """Yield (seconds, array) as a job produces them; None instead of an array for frames that are skipped.

    `file` is the opened `source`. A worker stays reserved until the last item, or until the generator is closed.
    Raises InputError, without `where`.
    """
    request, payload = _make_request(job, file, source, options)
    process = _POOL.submit(request, payload)
    try:
        while (next_item := process.next_item(LIMITS_S[job])) is not None:
            yield next_item
    except WorkerTimeoutError:
        raise InputError("decoding it takes too long", allowed=f"up to {LIMITS_S[job]} s", hint=AGAIN) from None
    except WorkerDiedError as ended:
        raise _crash_error(str(ended)) from None
    finally:
        _POOL.release(process)


def kill_busy_workers() -> None:
    """Kill all workers that are decoding. Callers waiting for one get an InputError at once."""
    _POOL.kill_busy_workers()


def _make_request(job: str, file: BinaryIO, source: Any, options: Header) -> tuple[Header, memoryview]:
    excerpt = source if isinstance(source, Excerpt) else None
    in_memory = isinstance(file, BytesIO)
    path = "" if in_memory else os.path.abspath(excerpt.path if excerpt else source)  # noqa: PTH100 - bytes, too
    request = {
        "job": job,
        "path": os.fsencode(path).decode("latin-1"),  # file names need not be valid text
        "span_s": [excerpt.start_s, excerpt.end_s] if excerpt else None,
        "limit_s": LIMITS_S[job],
        "memory_bytes": MOST_MEMORY_BYTES,
        "options": options,
    }
    return request, file.getbuffer() if isinstance(file, BytesIO) else memoryview(b"")


def _crash_error(how: str) -> InputError:
    return InputError(f"damaged: its decoder failed ({how})", hint=AGAIN)


class _DecoderPool:
    """The worker processes, busy and idle. Started on demand."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may call kill_busy at any time
        self._idle: list[DecoderProcess] = []
        self._busy: set[DecoderProcess] = set()

    def submit(self, request: Header, payload: memoryview) -> DecoderProcess:
        """Give the work to an idle worker, or to a new one. Workers that died while idle are dropped."""
        while (idle := self._take_idle()) is not None:
            with contextlib.suppress(OSError):
                self._ask(idle, request, payload)
                return idle
        try:
            fresh = DecoderProcess()
            self._ask(fresh, request, payload)
        except (OSError, WorkerDiedError, WorkerTimeoutError) as error:
            raise InputError(f"cannot start a process to decode it ({str(error) or 'timeout'})") from None
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
        """Keep the worker for the next file if it has finished this one; otherwise kill it."""
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
        """After a fork, close our copies of the pipes: the workers belong to the parent process."""
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
