"""Graphs are traced in a second process, on another core, while the first one prepares the training.

The process is a fork: a new one would spend as long on imports as on tracing. Networks on a GPU are
not traced there, as neither a GPU nor threads survive a fork.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.events import Finished, Listener, Started, ignore_events
from seehear.learn.data.cache import DatasetCache
from seehear.learn.model.network import Network
from seehear.learn.traced_graphs import TASK, Traced, is_traced, parse_traced, to_bytes, trace_once

LIMIT_S = 300.0  # after which this process traces by itself
CHUNK_BYTES = 1 << 20


class Tracing(NamedTuple):
    """Graphs that may still be traced.

    wait         waits for them; `trace_graphs` says what it raises. To be called while the network has its first shapes
    share_cores  sets the number of threads of this process: one less than it had, as long as another one traces.
                 With as many threads as cores, each waits for the one whose core is taken, and all is slower than
                 with one thread.
    """

    wait: Callable[[], Traced]
    share_cores: Callable[[], None] = lambda: None


@contextmanager
def trace_in_background(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> Iterator[Tracing]:
    """Start tracing. Without a second core or process, tracing ends before the block begins."""

    def trace(hear: Listener = listen) -> Traced:
        return trace_once(deepcopy(network), dataset, rows, hear)

    child: _Child | None = None
    if _can_fork(network) and not is_traced(network, dataset, rows):
        with suppress(OSError):  # too many processes, or too little memory
            child = _fork(lambda: to_bytes(trace(ignore_events)))
    if child is None:
        traced = trace()
        yield Tracing(lambda: traced)
        return
    threads = torch.get_num_threads()
    try:
        yield Tracing(
            wait=cache(lambda: _receive(child, listen) or trace()),
            share_cores=lambda: torch.set_num_threads(threads - child.is_busy()),
        )
    finally:
        child.end()
        torch.set_num_threads(threads)


class _Child(NamedTuple):
    """A process, and the descriptor of the pipe from which its result can be read."""

    process: int
    result: int

    def is_busy(self) -> bool:
        """Whether it has not begun to write what it found."""
        return not select.select([self.result], [], [], 0.0)[0]

    def read(self, until_s: float) -> bytes:
        """What it has written when it ends, or when `time.monotonic()` reaches `until_s`."""
        chunks: list[bytes] = []
        while select.select([self.result], [], [], max(until_s - time.monotonic(), 0.0))[0]:
            if not (chunk := os.read(self.result, CHUNK_BYTES)):
                break
            chunks.append(chunk)
        return b"".join(chunks)

    def end(self) -> None:
        os.close(self.result)
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def _can_fork(network: Network) -> bool:
    on_processor = next(network.parameters()).device.type == "cpu"
    used_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return sys.platform == "linux" and on_processor and not used_gpu and torch.get_num_threads() > 1


def _fork(work: Callable[[], bytes]) -> _Child:
    """A process that does the work and writes what it gives; nothing, if that fails."""
    result, written = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about other threads, of which the child needs none
        try:
            process = os.fork()
        except OSError:
            os.close(result)
            os.close(written)
            raise
    if process:
        os.close(written)
        return _Child(process, result)
    try:
        _detach(written)
        with os.fdopen(written, "wb") as pipe:
            pipe.write(work())
    finally:
        os._exit(0)  # no cleanup, which is the parent's


def _detach(written: int) -> None:
    """Leave the parent's terminal, signals, files and threads alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it also goes to the parent, which ends this process
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, written)
    os.closerange(written + 1, os.sysconf("SC_OPEN_MAX"))  # among them the lock on the run directory
    torch.set_num_threads(1)


def _receive(child: _Child, listen: Listener) -> Traced | None:
    """None if the process failed or takes too long; then tracing here also raises its error."""
    listen(Started(TASK, None, "graphs"))
    traced = parse_traced(child.read(time.monotonic() + LIMIT_S))
    if traced is not None:
        listen(Finished(TASK, traced.describe()))
    return traced
