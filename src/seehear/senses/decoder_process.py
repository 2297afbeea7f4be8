"""The main process's handle of a worker process."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.senses.decoder_messages import Header, encode_header, read_header

Array = NDArray[Any]

START_S = 60
PATIENCE = 10  # wall-clock limit as a multiple of the CPU limit: workers may wait, or share their core
END_S = 5
BLOCK_BYTES = 1 << 20
DTYPES = {"u1": np.uint8, "f4": np.float32}
# -I: never import from the current folder, which may be a folder of hostile files.
PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from seehear.senses.decoder_worker import main; main()"


class WorkerTimeoutError(Exception):
    """An item takes longer than its limit."""


class WorkerDiedError(Exception):
    """The process ended or sent an invalid message; the text says how."""


class DecoderProcess:
    """A worker, started on construction. `ready` for the next request; `returned_bytes` counts all arrays so far.

    Raises OSError, WorkerDiedError or WorkerTimeoutError if it cannot be started.
    """

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-c", PROGRAM, *(place for place in sys.path if isinstance(place, str))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("SEEHEAR_DEBUG") else subprocess.DEVNULL,
            bufsize=0,
            pipesize=BLOCK_BYTES,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self.ready = False
        self.returned_bytes = 0
        self._until_s = time.monotonic() + START_S
        try:
            self._read_header()
        except BaseException:
            self.end()
            raise
        self.ready = True

    def ask(self, request: Header, payload: memoryview) -> None:
        """Send a request. Raises OSError if the process has died."""
        self.ready = False
        for part in (memoryview(encode_header(request, len(payload))), payload):
            while part:
                part = part[os.write(self._pipes[0], part[:BLOCK_BYTES]) :]

    def next_item(self, limit_s: int) -> tuple[float, Array | None] | None:
        """The next item; None after the last. Raises InputError, WorkerTimeoutError or WorkerDiedError."""
        self._until_s = time.monotonic() + PATIENCE * limit_s
        header, payload_bytes = self._read_header()
        if "end" in header:
            self.ready = True
            return None
        if error := header.get("error"):
            self.ready = True
            raise InputError(str(error["what"]), allowed=str(error["allowed"]), hint=str(error["hint"]))
        at_s = float(header["at_s"])
        return at_s, self._read_array(header, payload_bytes) if payload_bytes else None

    def kill(self) -> None:
        self._child.kill()

    def end(self) -> None:
        self.ready = False
        self.kill()
        self._child.wait()
        self.close_pipes()

    def close_pipes(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def _pipes(self) -> tuple[int, int]:
        """(write, read) file descriptors."""
        if self._child.stdin is None or self._child.stdout is None:
            raise WorkerDiedError("without pipes")
        return self._child.stdin.fileno(), self._child.stdout.fileno()

    def _read_header(self) -> tuple[Header, int]:
        try:
            return read_header(self._fill)
        except ValueError as error:
            raise WorkerDiedError(str(error)) from None

    def _read_array(self, header: Header, payload_bytes: int) -> Array:
        try:
            array = np.empty([int(side) for side in header["shape"]], DTYPES[header["dtype"]])
        except (KeyError, TypeError, ValueError, MemoryError) as error:
            raise WorkerDiedError(f"{type(error).__name__}: {error}") from None
        if array.nbytes != payload_bytes:
            raise WorkerDiedError(f"an array of {payload_bytes} bytes, not {array.nbytes}")
        self._fill(array.reshape(-1).view(np.uint8).data)
        self.returned_bytes += payload_bytes
        return array

    def _fill(self, buffer: memoryview) -> None:
        descriptor = self._pipes[1]
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while buffer:
            left_s = self._until_s - time.monotonic()
            if left_s <= 0 or not poll.poll(1000 * left_s):
                raise WorkerTimeoutError
            read = os.readv(descriptor, [buffer])
            if not read:
                raise self._exit_error()
            buffer = buffer[read:]

    def _exit_error(self) -> Exception:
        try:
            code = self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            return WorkerDiedError("it closed its pipes")
        if code == -signal.SIGXCPU:  # sent by the CPU limit: see decoder_worker.py
            return WorkerTimeoutError()
        return WorkerDiedError(signal.Signals(-code).name if code < 0 else f"exit code {code}")
